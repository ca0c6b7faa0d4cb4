"""``init``, ``stats`` and ``doctor``: the first day, and every day after."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline import checks
from pipeline.cli.common import DEFAULT_CONFIG, common_options, load_config, open_stored, print_json, show_table
from pipeline.config import Config, template
from pipeline.errors import ConfigError, StoreError, UsageError
from pipeline.store import Store
from pipeline.times import utc_now
from pipeline.watchlist import schema


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), default=".", metavar="[DIR]")
@common_options
def init(*, directory: Path, config_path: Path | None, db: Path | None) -> None:
    """Write a commented config.yaml to start from, and the JSON Schema for watch-lists of your own.

    They go into DIR (default: here); an existing configuration is left as it is.

    \b
    Example:
      watchfloor init newsroom && cd newsroom && watchfloor run
    """
    target = config_path or directory / DEFAULT_CONFIG
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(template())
        (target.parent / schema.FILE_NAME).write_text(schema.shipped(), encoding="utf-8")
    except FileExistsError:
        raise UsageError(f"{target}: exists already and is left as it is; name another folder") from None
    except OSError as error:
        raise UsageError(f"{target}: cannot be written: {error.strerror}") from None
    print(
        f"wrote {target}; edit it, then: watchfloor run" + (f" --config {target}" if target != DEFAULT_CONFIG else "")
    )


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@common_options
def stats(*, as_json: bool, config_path: Path | None, db: Path | None) -> None:
    """How much is stored, and which entities and rules it mentions.

    \b
    Example:
      watchfloor stats --json
    """
    with open_stored(load_config(config_path, db)) as store:
        totals = store.reports.totals()
        entities = store.reports.entities_seen(headlines=0)
        rules = store.reports.rules_used()
    if as_json:
        by_entity = [{key: row[key] for key in ("id", "name", "kind", "items", "mentions")} for row in entities]
        print_json({**totals, "by_entity": by_entity, "by_rule": rules})
        return
    states = ", ".join(f"{count} {state}" for state, count in totals.pop("feeds_by_state").items())
    show_table("Stored", ("what", "number"), [*totals.items(), ("feeds by state", states)])
    show_table(
        "Entities",
        ("id", "name", "items", "mentions"),
        [(r["id"], r["name"], r["items"], r["mentions"]) for r in entities],
    )
    show_table("Rules", ("rule", "mentions"), [(row["rule"], row["mentions"]) for row in rules])


@click.command()
@common_options
def doctor(*, config_path: Path | None, db: Path | None) -> None:
    """Check that everything is in order.

    Looks at configuration, database, disk, clock and feeds, and tells the remedy for what is wrong.

    \b
    Example:
      watchfloor doctor
    """
    findings: list[checks.Finding] = []
    try:
        config = load_config(config_path, db)
    except ConfigError as error:
        findings = [checks.Finding("configuration", "fail", str(mistake)) for mistake in error.mistakes]
    else:
        findings.extend(checks.of_config(config))
        if not config.database.exists():
            findings.append(checks.Finding("database", "warn", f"{config.database}: made by the first run"))
        else:
            findings.extend(_of_database(config))
    show_table("", ("check", "result", "finding"), [(f.check, f.result, f.text) for f in findings])
    if any(finding.result == "fail" for finding in findings):
        raise click.exceptions.Exit(1)


def _of_database(config: Config) -> list[checks.Finding]:
    try:
        with Store(config.database) as store:
            return list(checks.of_store(config, store, utc_now()))
    except StoreError as error:
        return [checks.Finding("database", "fail", str(error))]
