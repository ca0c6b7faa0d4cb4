"""``deliveries``: the log of what was sent where, and what was in the way."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.cli.common import common_options, load_config, open_stored, print_json, show_table
from pipeline.times import from_iso


@click.command()
@click.option("--limit", type=click.IntRange(min=1), default=30, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@common_options
def deliveries(*, limit: int, as_json: bool, config_path: Path | None, db: Path | None) -> None:
    """Digests and alerts on their way, the newest first: sent, waiting for the next try, or given up, and why.

    \b
    Example:
      watchfloor deliveries
    """
    config = load_config(config_path, db)
    with open_stored(config) as store:
        rows = store.outbox.log(limit)
    if as_json:
        print_json(rows)
        return

    def local(moment: str | None) -> str:
        return f"{from_iso(moment).astimezone(config.timezone):%m-%d %H:%M}" if moment else ""

    columns = ("made", "what", "target", "state", "tries", "next try", "last error")
    show_table(
        "Deliveries" if rows else "Nothing was ever sent",
        columns,
        [
            (
                local(row["created_at"]),
                f"{row['kind']} {row['about']}",
                row["target"],
                f"sent {local(row['sent_at'])}" if row["sent_at"] else row["state"],
                row["tries"],
                local(row["next_try_at"]),
                row["last_error"],
            )
            for row in rows
        ],
    )
