"""What exports take, items a second and peak memory of each form: ``python -m benchmarks.exports [items]``.

The items, and a tenth of them, are written straight into the tables, each with two mentions. Each form is exported to a
file by the command, in a process of its own; memory is its peak (RSS), the libraries that it loads included.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipeline.exports import FORMS
from pipeline.store import Store
from pipeline.times import to_iso

_START = datetime(2026, 1, 1, tzinfo=UTC)
_TEXT = (
    "Officers of the bureau moved the money through {0} accounts in {1} towns before anybody in the bank looked up. "
    * 8
)


def fill(path: Path, items: int) -> None:
    """A database with so many tagged items."""
    with Store(path) as store:
        run = store.db.conn
        for trigger in [row[0] for row in run.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]:
            run.execute(f'DROP TRIGGER "{trigger}"')
        run.execute("INSERT INTO feeds (id, url, configured_url, title, interval_s) VALUES ('f', '', '', 'Wire', 1)")
        run.executemany(
            "INSERT INTO entities (id, name, kind) VALUES (?, ?, 'organisation')",
            [("unit-180", "Unit 180"), ("lab-110", "Lab 110")],
        )
        evidence = json.dumps({"sentence": _TEXT[:110], "sentence_start": 0, "context": {"north": "bank"}})
        for start in range(1, items + 1, 10_000):
            numbers = range(start, min(start + 10_000, items + 1))
            rows = [
                (number, str(number), f"http://n.test/{number}", f"Unit 180 and case {number}", _TEXT, moment, moment)
                for number in numbers
                for moment in [to_iso(_START + timedelta(seconds=number))]
            ]
            run.executemany(
                "INSERT INTO items (id, feed_id, guid, url, title, summary, first_seen_at, updated_at, content_hash)"
                " VALUES (?, 'f', ?, ?, ?, ?, ?, ?, '')",
                rows,
            )
            run.executemany(
                'INSERT INTO mentions (item_id, entity_id, field, start, "end", text, rule, score, evidence,'
                " watchlist_version) VALUES (?, ?, 'title', 0, 8, 'Unit 180', 'r', 0.9, ?, 'v')",
                [(number, entity, evidence) for number in numbers for entity in ("unit-180", "lab-110")],
            )
            run.commit()


def export(path: Path, form: str, folder: Path) -> tuple[float, float, float]:
    """Seconds, peak memory in MB, size of the file in MB."""
    output = folder / f"out.{form}"
    command = [sys.executable, "-m", "pipeline", "export", "--format", form, "--db", str(path), "--output", str(output)]
    measured = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stderr=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    began = time.monotonic()
    result = subprocess.run([sys.executable, "-c", measured, *command], check=True, capture_output=True, text=True)
    seconds = time.monotonic() - began
    size = output.stat().st_size / 1e6
    output.unlink()
    return seconds, int(result.stdout) / 1024, size


def main(items: int) -> None:
    """Print the table."""
    sizes = (items // 10, items)
    table = Table(title=f"Exports of {sizes[0]:,} and {sizes[1]:,} items", title_justify="left")
    for name in (
        "form",
        *(f"{size:,}: items/s" for size in sizes),
        *(f"{size:,}: peak MB" for size in sizes),
        "file MB",
    ):
        table.add_column(name, justify="right" if table.columns else "left")
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            fill(Path(folder) / f"{size}.db", size)
        for form in FORMS:
            taken = [export(Path(folder) / f"{size}.db", form, Path(folder)) for size in sizes]
            speeds = [f"{size / one[0]:,.0f}" for size, one in zip(sizes, taken, strict=True)]
            table.add_row(form, *speeds, *(f"{one[1]:.0f}" for one in taken), f"{taken[-1][2]:.0f}")
    Console(width=130).print(table)
    print(f"this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
