"""``make bench``: whole passes over 500 feeds of 30 items on loopback, side by side with a plain script; tagging,
hostile feeds, folding, the pages over a large archive, exports, what is unusual.

Cold: nothing stored yet. Warm: nothing changed. Changed: every feed has one new item. Wall and CPU seconds are of the
whole process tree, start-up included; memory is the largest sum over all processes (RSS counts shared pages in each,
PSS once). Times drift on a shared machine: read the ratios, which are measured in turn in the same run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import exports, folding, hostile, review, tagging, unusual
from benchmarks.measuring import measure

PERF = Path(__file__).parents[2] / "shared" / "perf"
FEEDS, ENTRIES, PORT = 500, 30, 8833


def main() -> None:
    """Measure and print."""
    if not PERF.exists():
        sys.exit("error: ../shared/perf with the load generator is not here; the benchmark needs it")
    server = subprocess.Popen(
        [
            sys.executable,
            str(PERF / "feedserver.py"),
            "--port",
            str(PORT),
            "--feeds",
            str(FEEDS),
            "--entries",
            str(ENTRIES),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        ready = server.stdout.readline()
        with tempfile.TemporaryDirectory() as folder:
            table = measured(Path(folder), ready)
    finally:
        server.terminate()
        server.wait()
    Console(width=140).print(table)
    Console(width=140).print(tagging.table())
    Console(width=140).print(hostile.table())
    Console(width=140).print(folding.table())
    Console(width=140).print(review.table())
    exports.main(100_000)
    unusual.main(20)


def measured(folder: Path, ready: str) -> Table:
    """The table of all passes; ``ready`` is the line in which the server says what it serves."""
    urls = ask("/_urls").split()
    (folder / "urls.txt").write_text("\n".join(urls), encoding="utf-8")
    lines = [f"  - {json.dumps({'id': f'f{number}', 'url': url})}" for number, url in enumerate(urls)]
    head = "database: w.db\nfetch: {allow_private_addresses: true}\nfeeds:\n"
    (folder / "config.yaml").write_text(head + "\n".join(lines) + "\n", encoding="utf-8")
    commands = {
        "watchfloor run (tags, stores, indexes)": [sys.executable, "-m", "pipeline", "run", "--force", "--json"],
        "plain script (no tags, no index)": [sys.executable, str(PERF / "p_naive.py"), "urls.txt", "naive.db"],
    }
    table = Table(
        title=f"{FEEDS} feeds of {ENTRIES} items, {os.cpu_count()} cores; {ready.strip()}", title_justify="left"
    )
    for name in ("pass", "who", "wall s", "CPU s", "peak RSS MB", "peak PSS MB", "wall, ratio to script"):
        table.add_column(name, justify="left" if name in ("pass", "who") else "right")
    for name in ("cold", "warm", "changed"):
        if name == "changed":
            ask("/_advance")
        passes = {who: measure(command, folder) for who, command in commands.items()}
        script = passes["plain script (no tags, no index)"]
        for who, figures in passes.items():
            table.add_row(
                name,
                who,
                f"{figures.wall:.1f}",
                f"{figures.cpu:.1f}",
                f"{figures.rss_mb:.0f}",
                f"{figures.pss_mb:.0f}",
                f"{figures.wall / script.wall:.2f}",
            )
    return table


def ask(path: str) -> str:
    """What the load generator answers."""
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}{path}") as response:
        return str(response.read().decode())


if __name__ == "__main__":
    main()
