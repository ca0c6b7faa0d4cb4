"""kill -9 at any moment: nothing stored is lost, nothing is doubled, the next run goes on."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from pipeline.store import Store
from tests.conftest import Site, rss, watchfloor, write_config


def test_kill_minus_nine_loses_and_doubles_nothing(site: Site, tmp_path: Path) -> None:
    """After 20 kills at random moments the database is sound each time, and a last run has every item once."""
    expected = {}
    for number in range(30):
        items = [(f"{number}-{n}", f"Story {n} of Unit 180", "Pyongyang, RGB. " * 20) for n in range(20)]
        site.bodies[f"f{number}"] = rss(items)
        expected[f"f{number}"] = {guid for guid, _, _ in items}
    write_config(tmp_path, {name: site.url(name) for name in expected})
    dice = random.Random(20261123)
    killed_midway = 0
    for round_number in range(20):
        if round_number % 5 == 0:  # begin again, so that kills meet empty, half full and full databases
            for suffix in ("", "-wal", "-shm"):
                (tmp_path / f"w.db{suffix}").unlink(missing_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "run", "--force", "--json"],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(dice.uniform(0.3, 2.5))
        if process.poll() is None:  # a run that ended in time has no process group any more
            killed_midway += 1
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if (tmp_path / "w.db").exists():
            connection = sqlite3.connect(tmp_path / "w.db")
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            connection.close()
    assert killed_midway >= 10
    result = watchfloor("run", "--force", "--json", cwd=tmp_path)
    assert json.loads(result.stdout)["feeds_failed"] == 0
    with Store(tmp_path / "w.db") as store:
        rows = store.db.execute("SELECT feed_id, guid FROM items").fetchall()
        assert store.reports.integrity() == []
    assert len(rows) == len(set(rows))
    stored: dict[str, set[str]] = {}
    for feed_id, guid in rows:
        stored.setdefault(feed_id, set()).add(guid)
    assert stored == expected
