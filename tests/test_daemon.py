"""The daemon: polls by itself, reports the day before, stops when told."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipeline import daemon
from pipeline.config import Config, DigestSettings
from pipeline.store import Store
from pipeline.targets import Target
from pipeline.times import to_iso
from tests.conftest import Site, rss, thread_tools, tools_at, write_config

MakeConfig = Callable[..., Config]
ITEMS = [("1", "Unit 180 of North Korea named", "The Reconnaissance General Bureau runs it.")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_polls_and_stops_cleanly(site: Site, tmp_path: Path, number: signal.Signals) -> None:
    """It stores what a feed has, and ends with status 0 after a signal."""
    site.bodies["a"] = rss(ITEMS)
    write_config(tmp_path, {"a": site.url("a")})
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "daemon"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if "polled 1 feeds" in line:
            break
    process.send_signal(number)
    lines += process.communicate(timeout=30)[1].splitlines()
    assert process.returncode == 0
    assert "Traceback" not in "".join(lines)
    with Store(tmp_path / "w.db") as store:
        assert store.db.table("items").count == 1
        assert store.reports.integrity() == []


def test_it_stops_while_a_server_keeps_it_waiting(tmp_path: Path) -> None:
    """A server that never answers does not hold up the end."""
    import socket  # noqa: PLC0415

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        write_config(tmp_path, {"a": f"http://127.0.0.1:{silent.getsockname()[1]}/"})
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "daemon"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
        )
        silent.settimeout(30)
        connection, _ = silent.accept()
        process.terminate()
        process.communicate(timeout=9)
        connection.close()
    assert process.returncode == 0


def test_jobs_are_never_dropped_for_being_late(make_config: MakeConfig) -> None:
    """All jobs coalesce, run one at a time, and have no misfire grace that would skip a late run."""

    async def look() -> None:
        config = make_config({})
        scheduler = daemon.make_scheduler(config, thread_tools(config), threading.Event())
        scheduler.start(paused=True)
        jobs = {job.id: job for job in scheduler.get_jobs()}
        assert set(jobs) == {"heartbeat", "poll", "report_due", "look_for_alerts", "send"}
        assert all(job.coalesce and job.max_instances == 1 and job.misfire_grace_time is None for job in jobs.values())
        scheduler.shutdown(wait=False)
        await asyncio.sleep(0)

    asyncio.run(look())


def test_the_digest_of_the_day_before_is_issued_and_sent(make_config: MakeConfig, tmp_path: Path) -> None:
    """After digest_at, local time, the day that ended is reported, once, and written to its file."""
    seoul = replace(
        make_config({}),
        timezone=ZoneInfo("Asia/Seoul"),
        digest=DigestSettings(deliver=(Target(file="out/{date}.html"),)),
    )
    before = datetime(2026, 11, 22, 21, 59, tzinfo=UTC)  # 06:59 of the 23rd in Seoul
    with Store(seoul.database) as store:
        row = {"id": "a", "url": "", "configured_url": "", "interval_s": 1}
        store.db.table("feeds").insert(row)
        began = to_iso(before - timedelta(days=1))
        polled = {"feed_id": "a", "started_at": began, "finished_at": began, "outcome": "ok"}
        store.db.table("fetches").insert(polled)
    stop = threading.Event()
    made = []
    for moment in (before, before + timedelta(minutes=1), before + timedelta(hours=1)):
        tools = tools_at(seoul, moment)
        daemon.report_due(seoul, tools, stop)
        daemon.send(seoul, tools, stop)
        made.append(sorted(path.name for path in (tmp_path / "out").glob("*")))
    assert made == [[], ["2026-11-22.html"], ["2026-11-22.html"]]
    with Store(seoul.database) as store:
        assert store.db.table("messages").count == 1
