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
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipeline import daemon
from pipeline.config import Config, Delivery, DigestSettings
from pipeline.store import Store
from tests.conftest import NOW, Site, rss, thread_tools, write_config

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
        assert set(jobs) == {"heartbeat", "poll", "digest", "digest-missed"}
        assert all(job.coalesce and job.max_instances == 1 and job.misfire_grace_time is None for job in jobs.values())
        assert str(jobs["digest"].trigger) == "cron[hour='7', minute='0']"
        scheduler.shutdown(wait=False)
        await asyncio.sleep(0)

    asyncio.run(look())


def digest_days(config: Config, *moments: datetime) -> list[str]:
    for moment in moments:
        daemon.report_yesterday(
            config, replace(thread_tools(config), clock=partial(datetime.fromtimestamp, moment.timestamp(), UTC))
        )
    with Store(config.database) as store:
        return [row["date"] for row in store.db.table("digests").rows_where(order_by="date")]


def test_the_digest_is_of_the_day_before(make_config: MakeConfig, tmp_path: Path) -> None:
    """After digest_at, local time, the day that ended is reported and delivered to its file."""
    seoul = replace(
        make_config({}),
        timezone=ZoneInfo("Asia/Seoul"),
        digest=DigestSettings(deliver=(Delivery(file=str(tmp_path / "out" / "{date}.html")),)),
    )
    before = datetime(2026, 11, 22, 21, 59, tzinfo=UTC)  # 06:59 of the 23rd in Seoul
    assert digest_days(seoul, before) == []
    assert digest_days(seoul, before + timedelta(minutes=1)) == ["2026-11-22"]
    assert (tmp_path / "out" / "2026-11-22.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_digest_is_made_once(make_config: MakeConfig) -> None:
    """Started again, or called again, the daemon does not make the same day's digest a second time."""
    config = make_config({})
    assert digest_days(config, NOW, NOW + timedelta(hours=1)) == ["2026-11-22"]
    with Store(config.database) as store:
        made = store.reports.digest_made_at("2026-11-22")
    assert made == NOW


def test_a_digest_looked_at_during_its_day_is_completed(make_config: MakeConfig) -> None:
    """One made on the command line while the day went on is replaced by the whole day's."""
    config = make_config({})
    with Store(config.database) as store:
        store.reports.save_digest("2026-11-22", NOW - timedelta(days=1), html="part", markdown="", as_json="")
    digest_days(config, NOW)
    with Store(config.database) as store:
        assert store.db.table("digests").get("2026-11-22")["html"] != "part"
