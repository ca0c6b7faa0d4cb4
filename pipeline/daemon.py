"""The daemon: APScheduler calls ticks that poll what is due, issue a digest for each local day, tell alerts, and send.

It holds no state of its own: what is due stands in the database, so a late, skipped or killed tick loses nothing, and a
machine that slept, or whose clock was set, makes up for what it missed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
from datetime import datetime
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from pipeline import alerting, callback, delivering, reporting, subscribing
from pipeline.config import Config
from pipeline.errors import WatchfloorError
from pipeline.heartbeat import BEAT_SECONDS, Beat
from pipeline.models import Outcome
from pipeline.run import Silent, run
from pipeline.store import Store
from pipeline.tools import Tools, tools_for
from pipeline.websub import Secrets

log = logging.getLogger(__name__)

TICK_SECONDS = 30
HUB_SECONDS = 15
REPORT_SECONDS = 30
SEND_SECONDS = 20


def serve(config: Config) -> None:
    """Poll, answer hubs and report until SIGTERM or SIGINT; returns when the transaction in hand is done.

    Raises:
        StoreError: when the database cannot be used at the start.
        ServeError: when hubs are to call us, and their calls cannot be listened for.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO, force=True)
    for noisy in ("apscheduler", "httpx", "httpcore"):  # _log_trouble says what matters of the first
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    with Store(config.database):
        pass  # a database that cannot be used is said now, not at the first tick
    tools, secrets = tools_for(config), None
    with contextlib.ExitStack() as until_the_end:
        if config.websub.public_url is not None:
            secrets = subscribing.load_secrets(config.database)
            until_the_end.enter_context(callback.serving(config, tools, secrets))
        asyncio.run(_serve(config, tools, secrets))


async def _serve(config: Config, tools: Tools, secrets: Secrets | None) -> None:
    stop, stopped = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    scheduler = make_scheduler(config, tools, stop, secrets)
    scheduler.start()
    log.info("watching %d feeds, database %s", len(config.feeds), config.database)
    if secrets is not None:
        log.info("hubs call %s, answered at %s:%d", config.websub.public_url, config.websub.host, config.websub.port)
    await stopped.wait()
    log.info("stopping: finishing what is in hand")
    stop.set()
    scheduler.shutdown(wait=True)  # puts itself into the loop; there it waits for the job in hand, which sees the event
    await asyncio.sleep(0)
    log.info("stopped")


def make_scheduler(
    config: Config, tools: Tools, stop: threading.Event, secrets: Secrets | None = None
) -> AsyncIOScheduler:
    """The daemon's jobs, not yet started; with ``secrets``, subscriptions at hubs are kept up as well."""
    scheduler = AsyncIOScheduler(
        timezone=config.timezone,
        executors={"default": ThreadPoolExecutor(8)},  # a thread for each job
        # APScheduler's own grace of one second would drop every run that a busy machine starts late.
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    scheduler.add_listener(_log_trouble, EVENT_JOB_ERROR | EVENT_JOB_MISSED)
    scheduler.add_job(
        beat,
        IntervalTrigger(seconds=BEAT_SECONDS),
        args=[config, tools, tools.clock()],
        id="heartbeat",
        name="say that the daemon is there",
        next_run_time=tools.clock(),
    )
    scheduler.add_job(
        poll_due,
        IntervalTrigger(seconds=TICK_SECONDS),
        args=[config, tools, stop],
        id="poll",
        name="poll the feeds that are due",
        next_run_time=tools.clock(),
    )
    if any(feed.full_text for feed in config.feeds):
        scheduler.add_job(
            read_pages,
            IntervalTrigger(seconds=TICK_SECONDS),
            args=[config, tools, stop],
            id="pages",
            name="read the pages that are due",
        )
    for job, seconds, name in (
        (report_due, REPORT_SECONDS, "issue the digests that are due"),
        (look_for_alerts, SEND_SECONDS, "see what is to be told at once"),
        (send, SEND_SECONDS, "send what waits"),
    ):
        scheduler.add_job(
            job,
            IntervalTrigger(seconds=seconds),
            args=[config, tools, stop],
            id=job.__name__,
            name=name,
            next_run_time=tools.clock(),
        )
    if secrets is not None:
        scheduler.add_job(
            subscribing.keep_up,
            IntervalTrigger(seconds=HUB_SECONDS),
            args=[config, tools, secrets, stop],
            id="hubs",
            name="keep up the subscriptions at hubs",
            next_run_time=tools.clock(),
        )
    return scheduler


def beat(config: Config, tools: Tools, started_at: datetime) -> None:
    """Write down that this process is there; the overview shows it."""
    with Store(config.database) as store:
        store.heartbeat.write(Beat(os.getpid(), started_at, tools.clock()))


def poll_due(config: Config, tools: Tools, stop: threading.Event) -> None:
    """One tick: poll the feeds that are due, if any."""
    with Store(config.database) as store:
        report = run(config, store, tools, _Logged(), stop)
    if report.feeds_polled:
        log.info(
            "polled %d feeds: %d ok, %d not modified, %d failed; %d items new, %d updated, %d mentions; %.1f s",
            report.feeds_polled,
            report.feeds_ok,
            report.feeds_not_modified,
            report.feeds_failed,
            report.items_new,
            report.items_updated,
            report.mentions,
            report.seconds,
        )


def read_pages(config: Config, tools: Tools, stop: threading.Event) -> None:
    """One tick: read the item pages that are due, if any."""
    from pipeline.pages import fetch_pages  # noqa: PLC0415 - most configurations read no pages

    with Store(config.database) as store:
        taken = fetch_pages(config, store, tools, stop)
    if taken:
        log.info("%d pages read in full", taken)


def report_due(config: Config, tools: Tools, stop: threading.Event) -> None:
    """Issue the digest of each local day that has ended and has none: yesterday's, and those missed while off."""
    with Store(config.database) as store:
        for day in reporting.due_days(config, store, tools.clock()):
            if stop.is_set():
                return
            made = reporting.issue(config, store, day, tools.clock())
            if made is not None:
                log.info("digest of %s: %s", day, made.digest.headline)


def look_for_alerts(config: Config, tools: Tools, stop: threading.Event) -> None:
    """Put what is to be told at once on its way, and send it."""
    with Store(config.database) as store:
        made = 0 if stop.is_set() else alerting.look(config, store, tools.clock())
    if made:
        log.info("%d messages of alerts", made)
        send(config, tools, stop)


def send(config: Config, tools: Tools, stop: threading.Event) -> None:
    """Send the digests and alerts that wait for that; what fails is logged, and tried again."""
    with Store(config.database) as store:
        for attempt in delivering.send_due(config, store, tools.clock, stop):
            if attempt.error is None:
                log.info("sent to %s: %s", attempt.target, attempt.subject)
            elif attempt.next_try_at is None:
                log.warning("%s: %s (given up)", attempt.target, attempt.error)
            else:
                again = attempt.next_try_at.astimezone(config.timezone)
                log.warning("%s: %s (next try at %s)", attempt.target, attempt.error, f"{again:%H:%M}")


class _Logged(Silent):
    """The daemon shows no bar; failures are logged."""

    def advance(self, feed_id: str, outcome: Outcome) -> None:
        if outcome in ("error", "gone"):
            log.warning("feed %s: %s", feed_id, outcome)


def _log_trouble(event: Any) -> None:
    if event.code == EVENT_JOB_MISSED:
        log.error("job %s was missed (it was due at %s)", event.job_id, event.scheduled_run_time)
    else:
        expected = isinstance(event.exception, WatchfloorError)  # its text says all; anything else is a bug
        log.error("job %s failed: %s", event.job_id, event.exception, exc_info=None if expected else event.exception)
