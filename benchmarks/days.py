"""Sixty days of the real daemon, killed and put to sleep at random: ``python -m benchmarks.days [ZONE FIRST_DAY]...``.

Debian's faketime starts ``watchfloor daemon`` at a chosen time and lets an hour pass in a second. After seconds it is
killed (SIGKILL); the machine then sleeps for up to two days. At the end every local day must have exactly one digest,
with one message that was sent once, and the database must be sound. Default: each zone over a change of its clocks.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from pipeline.config import load
from pipeline.reporting import due_days, issue
from pipeline.store import Store
from pipeline.times import day_bounds

DAYS, SPEED = 60, 3600
_ENVIRONMENT = {"TZ": "UTC", "PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[1])}
_RUNS = (("Asia/Seoul", "2026-02-10"), ("America/New_York", "2026-02-10"), ("Australia/Lord_Howe", "2026-09-05"))


def run(zone_name: str, first: date, folder: Path) -> str:
    """What became of sixty days from ``first`` on, in one line. Raises ``AssertionError`` when a digest is amiss."""
    zone, chance = ZoneInfo(zone_name), random.Random(zone_name)
    settings = {
        "database": "w.db", "timezone": zone_name, "schedule": {"digest_at": "02:30"}, "fetch": {"timeout": 1},
        "feeds": [{"id": "closed", "url": "http://127.0.0.1:9/feed.xml"}],
        "digest": {"deliver": [{"file": "{date}.json"}]},
    }  # fmt: skip
    (folder / "config.yaml").write_text(json.dumps(settings), encoding="utf-8")
    now, end, kills = day_bounds(first, zone)[0], day_bounds(first + timedelta(days=DAYS), zone)[0], 0
    while now < end:
        began = time.monotonic()
        clock = f"@{now:%Y-%m-%d %H:%M:%S} x{SPEED}"
        command = ["faketime", "-f", clock, sys.executable, "-m", "pipeline", "daemon"]
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(command, cwd=folder, stderr=log, env=_ENVIRONMENT, start_new_session=True)
            time.sleep(chance.uniform(2.5, 9))
            os.killpg(process.pid, signal.SIGKILL)  # faketime, the daemon, and what reads for it
            process.wait()
        kills += 1
        now += timedelta(seconds=(time.monotonic() - began) * SPEED) + timedelta(hours=chance.expovariate(1 / 16))
    config = load(folder / "config.yaml")
    with Store(config.database) as store:
        later = end + timedelta(hours=3)  # digest_at of the last day has come
        for day in list(due_days(config, store, later)):
            issue(config, store, day, later)
        days = [row["date"] for row in store.db.table("digests").rows_where("is_complete", order_by="date")]
        told = store.db.execute("SELECT about, count(*) FROM messages GROUP BY about").fetchall()
        assert store.reports.integrity() == []
        polled = store.overview.began_at()  # the first run may be killed before it polled anything
    assert polled is not None
    watched = polled.astimezone(zone).date()
    assert days == [str(watched + timedelta(days=number)) for number in range((first - watched).days + DAYS)], days
    assert [count for _, count in told] == [1] * len(days)
    return f"{zone_name}: {len(days)} days from {days[0]}, {kills} kills, each day one digest and one message"


def main(runs: list[tuple[str, str]]) -> None:
    """Run them, one after the other."""
    if shutil.which("faketime") is None:
        sys.exit("error: faketime is not installed (Debian: apt install faketime)")
    for zone, first in runs:
        began = datetime.now().astimezone()
        with tempfile.TemporaryDirectory() as folder:
            print(
                run(zone, date.fromisoformat(first), Path(folder)),
                f"({datetime.now().astimezone() - began})",
                flush=True,
            )


if __name__ == "__main__":
    given = sys.argv[1:]
    main(list(zip(given[::2], given[1::2], strict=True)) or list(_RUNS))
