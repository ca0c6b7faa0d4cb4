"""``export``: tagged items in the forms that other programs read, streamed."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TextIO

import click

from pipeline.cli.common import Day, common_options, load_config, note, open_stored
from pipeline.errors import WatchfloorError
from pipeline.models import ItemRow

_COLUMNS = (
    "id", "feed_id", "url", "title", "summary", "author", "language", "published_at", "first_seen_at",
    "entities", "mentions", "verdict",
)  # fmt: skip


@click.command()
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), required=True)
@click.option("--since", type=Day(), help="Only items first seen on this day (UTC) or later.")
@click.option("--entity", help="Only items that mention this entity.")
@click.option("--output", type=click.Path(path_type=Path), help="Write there instead of to standard output.")
@common_options
def export(
    *,
    form: str,
    since: date | None,
    entity: str | None,
    output: Path | None,
    config_path: Path | None,
    db: Path | None,
) -> None:
    """Tagged items with their mentions and the verdict that stands.

    \b
    Example:
      watchfloor export --format csv --entity crypto-theft --output thefts.csv
    """
    config = load_config(config_path, db)
    moment = datetime.combine(since, time.min, UTC) if since else None
    with open_stored(config) as store:
        rows = store.reports.export(moment, entity)
        if output is None:
            _WRITERS[form](rows, sys.stdout)
            return
        try:
            with output.open("w", encoding="utf-8", newline="") as file:
                _WRITERS[form](rows, file)
        except OSError as error:
            raise WatchfloorError(f"{output}: cannot be written: {error.strerror}") from None
    note(f"wrote {output}")


def _write_jsonl(rows: Iterable[ItemRow], file: TextIO) -> None:
    for row in rows:
        document = {**row.item, "mentions": row.mentions, "verdict": row.verdict}
        file.write(json.dumps(document, ensure_ascii=False) + "\n")


def _write_csv(rows: Iterable[ItemRow], file: TextIO) -> None:
    writer = csv.writer(file)
    writer.writerow(_COLUMNS)
    for row in rows:
        computed = {
            "entities": " ".join(dict.fromkeys(mention["entity_id"] for mention in row.mentions)),
            "mentions": len(row.mentions),
            "verdict": row.verdict["verdict"] if row.verdict else None,
        }
        writer.writerow([_harmless({**row.item, **computed}[column]) for column in _COLUMNS])


def _harmless(value: object) -> object:
    """A text that a spreadsheet would take for a formula gets a quote in front (OWASP: CSV injection)."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


_WRITERS: dict[str, Callable[[Iterable[ItemRow], TextIO], None]] = {"jsonl": _write_jsonl, "csv": _write_csv}
