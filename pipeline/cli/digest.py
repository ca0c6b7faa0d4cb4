"""``digest``: the report of one day, printed, kept and delivered."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import click

from pipeline import delivering, reporting
from pipeline.cli.common import Day, common_options, load_config, note, open_stored
from pipeline.config import Config
from pipeline.digest import FORMATS
from pipeline.errors import UsageError, WatchfloorError
from pipeline.store import Store
from pipeline.times import utc_now
from pipeline.wholefile import form_of, write_whole


@click.command()
@click.option("--date", "day", type=Day(), help="The local day; default: today so far.")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), help="Default: by --output's name, else text.")
@click.option("--output", type=click.Path(path_type=Path), help="Write there instead of to standard output.")
@click.option("--issued", is_flag=True, help="The digest as it was sent, byte for byte, not as the data are now.")
@click.option("--send", is_flag=True, help="Deliver to the places named under digest: deliver:, to each once.")
@click.option("--dry-run", is_flag=True, help="With --send: only say what would go where.")
@common_options
def digest(
    *,
    day: date | None,
    form: str | None,
    output: Path | None,
    issued: bool,
    send: bool,
    dry_run: bool,
    config_path: Path | None,
    db: Path | None,
) -> None:
    """One page on a day: what was new, with proof, what is unusual, and what could not be seen.

    The same data give the same bytes. What the daemon or --send issued of a day that has ended stays as it was.

    \b
    Example:
      watchfloor digest --output digest.html
      watchfloor digest --date 2026-11-23 --format markdown
      watchfloor digest --date 2026-11-23 --send --dry-run
    """
    config = load_config(config_path, db)
    if dry_run and not send:
        raise UsageError("--dry-run says what --send would do; give both")
    if send and (form or output or issued):
        raise UsageError("--send delivers in the forms that the configuration names; leave out --format and --output")
    now = utc_now()
    today = now.astimezone(config.timezone).date()
    wanted = day or today
    if wanted > today:
        raise UsageError(f"{wanted} has not begun in {config.timezone.key}; write a day up to {today}")
    with open_stored(config) as store:
        if send:
            _send(config, store, wanted, now, dry_run=dry_run)
            return
        forms = _issued(store, wanted) if issued else _made(config, store, wanted, now)
    text = forms[form or (form_of(output) if output else "text")]
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        write_whole(output, text)
    except OSError as error:
        raise WatchfloorError(
            f"{output}: cannot be written: {error.strerror}; name another file, the digest is kept in the database"
        ) from None
    note(f"wrote {output}")


def _made(config: Config, store: Store, day: date, now: datetime) -> dict[str, str]:
    made = reporting.make_digest(config, store, day, now)
    store.digests.keep(made.row)
    return made.forms


def _issued(store: Store, day: date) -> dict[str, str]:
    row = store.digests.kept(day)
    if row is None or not row["is_complete"]:
        raise WatchfloorError(f"no digest of {day} was issued; make one with: watchfloor digest --date {day}")
    return {form: row[form] for form in FORMATS}


def _send(config: Config, store: Store, day: date, now: datetime, *, dry_run: bool) -> None:
    """Deliver to each target that has not got this digest yet, and say how that went."""
    if not config.digest.deliver:
        raise UsageError(
            f"{config.path}: digest: deliver: names no place to send to; add - {{file: digests/{{date}}.html}}"
        )
    if dry_run:
        message = reporting.message_of(config, store, day, now)
        for line in delivering.preview(config, message, config.digest.deliver):
            click.echo(line)
        return
    message_id = reporting.by_hand(config, store, day, now)
    attempts = delivering.send_due(config, store, utc_now, messages=[message_id])
    for attempt in attempts:
        note(f"sent to {attempt.target}" if attempt.error is None else f"{attempt.target}: {attempt.error}")
    if not attempts:
        note(f"every target has the digest of {day}, or is getting it right now; see: watchfloor deliveries")
    if any(attempt.error is not None for attempt in attempts):
        note("what failed is kept; the daemon tries again by itself, and so does the same command")
        raise click.exceptions.Exit(1)
