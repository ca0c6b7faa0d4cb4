"""Memory: the data path holds some feeds at a time, never all of them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measuring import family, memory_of
from tests.conftest import Site, rss, write_config

FEEDS, ITEMS, LIMIT_MB = 500, 30, 400


def test_five_hundred_feeds_fit_into_400_mb(site: Site, tmp_path: Path) -> None:
    """A first run over 500 feeds of 30 items stays under 400 MB, summed over all its processes, and stores them all."""
    text = "The harbour office said the ferry would leave on time, weather permitting. " * 12
    for number in range(FEEDS):
        items = [(f"{number}-{n}", f"Story {n} of feed {number}", text) for n in range(ITEMS)]
        site.bodies[f"f{number}"] = rss(items)
    write_config(tmp_path, {name: site.url(name) for name in site.bodies})
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "run", "--json"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, sum(memory_of(pid)[0] for pid in family(process.pid)))
        time.sleep(0.1)
    assert process.stdout is not None
    report = json.loads(process.stdout.read())
    process.stdout.close()
    assert report["items_new"] == FEEDS * ITEMS
    assert 0 < peak < LIMIT_MB
