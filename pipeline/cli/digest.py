"""``digest``: the report of one day, printed, kept and delivered."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from pipeline import reporting
from pipeline.cli.common import Day, common_options, load_config, note, open_stored
from pipeline.digest import FORMATS, render
from pipeline.errors import UsageError
from pipeline.times import utc_now


@click.command()
@click.option("--date", "day", type=Day(), help="The local day; default: today so far.")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), help="Default: by --output's name, else text.")
@click.option("--output", type=click.Path(path_type=Path), help="Write there instead of to standard output.")
@click.option("--send", is_flag=True, help="Deliver to the places named under digest: deliver:.")
@common_options
def digest(
    *,
    day: date | None,
    form: str | None,
    output: Path | None,
    send: bool,
    config_path: Path | None,
    db: Path | None,
) -> None:
    """One page on a day: what was new, with proof.

    Items stand by entity, with excerpts and links; what could not be seen stands at the end.

    \b
    Example:
      watchfloor digest --output digest.html
      watchfloor digest --date 2026-11-23 --format markdown
    """
    config = load_config(config_path, db)
    if send and not config.digest.deliver:
        raise UsageError(
            f"{config.path}: digest: deliver: names no place to send to; add - {{file: digests/{{date}}.html}}"
        )
    now = utc_now()
    with open_stored(config) as store:
        made = reporting.make_digest(config, store, day or now.astimezone(config.timezone).date(), now)
    if send:
        for path in reporting.deliver(made, config.digest):
            note(f"wrote {path}")
        return
    if output is None:
        click.echo(render(made, form or "text"), nl=False)
    else:
        reporting.write(made, output, form or reporting.form_of(output))
        note(f"wrote {output}")
