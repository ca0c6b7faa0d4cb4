"""The story of one run: which feeds are due, and the way of each from fetch to store.

    due feeds → fetch (threads, a client each) → read and tag (process pool) → store (here: one writer)

A feed holds one of ``fetch.concurrency`` slots from its fetch until it is stored: that is the most that is ever in
memory, and a slow stage holds back the ones before it. Clock, fetchers, executor and store are arguments.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import multiprocessing
import os
import queue
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import httpx

from pipeline import schedule
from pipeline.config import Config
from pipeline.errors import ParseError, UsageError
from pipeline.fetch import Fetcher
from pipeline.hosts import HostQueue
from pipeline.models import Feed, Fetched, Outcome, RunReport, Stored
from pipeline.store import Poll, Store
from pipeline.times import Clock, utc_now
from pipeline.worker import Job, Reading, read

log = logging.getLogger(__name__)

_MOST_PROCESSES = 4


class Progress(Protocol):
    """Told how a run gets on."""

    def begin(self, feeds: int) -> None:
        """So many feeds will be polled."""

    def advance(self, feed_id: str, outcome: Outcome) -> None:
        """One of them is stored."""


class Silent:
    """Progress that is shown to nobody."""

    def begin(self, feeds: int) -> None:
        """Show nothing."""

    def advance(self, feed_id: str, outcome: Outcome) -> None:
        """Show nothing."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a run works with. ``executor`` is called when something is to be read, and again after a pool died."""

    clock: Clock
    fetcher: Callable[[], Fetcher]
    executor: Callable[[], Executor]


def tools_for(config: Config) -> Tools:
    """The tools of everyday: the system's clock, real connections, a pool with a process for each core."""
    certificates = functools.cache(httpx.create_ssl_context)  # tens of milliseconds: made once, and only when needed
    making = threading.Lock()

    def fetcher() -> Fetcher:
        with making:
            context: ssl.SSLContext = certificates()
        return Fetcher(config.fetch, utc_now, context)

    def executor() -> Executor:
        # spawn: a fork of a process with threads may inherit a held lock
        processes = min(os.cpu_count() or 1, _MOST_PROCESSES)
        return ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"))

    return Tools(clock=utc_now, fetcher=fetcher, executor=executor)


def run(
    config: Config,
    store: Store,
    tools: Tools,
    progress: Progress,
    stop: threading.Event,
    *,
    only: Collection[str] = (),
    force: bool = False,
) -> RunReport:
    """Poll the feeds that are due (``force``: all; ``only``: of these) and store what they bring.

    A feed that fails is recorded and never fails the run. When ``stop`` is set, what is in hand is dropped unstored and
    polled again next time.

    Raises:
        UsageError: when ``only`` names a feed that is not configured.
        sqlite3.Error: when the database cannot be written; what was stored before stays.
    """
    began = time.monotonic()
    store.watch.sync(config.watchlist, tools.clock())
    interval_s = int(config.schedule.interval.total_seconds())
    store.polls.sync_feeds({feed.id: feed.url for feed in config.feeds}, interval_s)
    due = choose(store.polls.feeds(), config, tools.clock(), only=only, force=force)
    progress.begin(len(due))
    report = RunReport()
    in_hand = _InHand(config, store, tools, due)
    try:
        for poll in in_hand.polls(stop):
            stored = store.polls.save(poll, tools.clock())
            in_hand.release()
            report = _counted(report, poll, stored)
            progress.advance(poll.feed.id, poll.fetched.outcome)
    finally:
        in_hand.close()
    return replace(report, seconds=round(time.monotonic() - began, 3))


def choose(
    feeds: Sequence[Feed], config: Config, now: datetime, *, only: Collection[str] = (), force: bool = False
) -> list[Feed]:
    """The feeds to poll at ``now``. One whose server asked to be left alone until later is never among them.

    Raises:
        UsageError: when ``only`` names a feed that is not configured.
    """
    unknown = sorted(set(only) - {feed.id for feed in config.feeds})
    if unknown:
        raise UsageError(f"there is no feed {unknown[0]!r} in {config.path.name}; see: watchfloor feeds list")

    def wanted(feed: Feed) -> bool:
        if only and feed.id not in only:
            return False
        if force:
            return feed.state != "disabled" and not schedule.is_held(feed, now)
        return schedule.is_due(feed, now, config.schedule)

    return [feed for feed in feeds if wanted(feed)]


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A feed that came out of a stage: fetched, and once ``reading`` is there, read."""

    feed: Feed
    fetched: Fetched
    body_hash: str | None = None
    reading: Future[Reading] | None = None


class _InHand:
    """The feeds of one run between fetch and store."""

    def __init__(self, config: Config, store: Store, tools: Tools, due: Sequence[Feed]) -> None:
        self._config = config
        self._store = store
        self._tools = tools
        self._left = len(due)
        self._hosts = HostQueue(due, config.fetch.per_host)
        self._slots = threading.Semaphore(config.fetch.concurrency)
        self._inbox: queue.SimpleQueue[_Arrived] = queue.SimpleQueue()
        self._watchlist = config.watchlist.model_dump_json()
        self._executor: Executor | None = None
        self._workers = min(config.fetch.concurrency, len(due))
        for number in range(self._workers):
            # daemon threads: a server that keeps one waiting must not keep the program from ending
            threading.Thread(target=self._fetch, name=f"fetch-{number}", daemon=True).start()

    def polls(self, stop: threading.Event) -> Iterator[Poll]:
        """Each poll as it is ready to be stored, until all are done or ``stop`` is set."""
        while self._left and not stop.is_set():
            try:
                arrived = self._inbox.get(timeout=0.2)
            except queue.Empty:
                continue
            if arrived.reading is None and arrived.fetched.outcome == "ok":
                self._hand_over(arrived)
            else:
                self._left -= 1
                yield self._ready(arrived)

    def release(self) -> None:
        """One poll was stored: its slot is free."""
        self._slots.release()

    def close(self) -> None:
        """Take nothing more in hand and let every worker end."""
        self._hosts.close()
        self._slots.release(self._workers or 1)
        if self._executor is not None:
            self._executor.shutdown(wait=self._left == 0, cancel_futures=True)

    def _fetch(self) -> None:
        """One fetch worker: a client of its own, a slot for every feed."""
        fetcher: Fetcher | None = None
        while True:
            self._slots.acquire()
            feed = self._hosts.take()
            if feed is None:
                self._slots.release()
                break
            started = self._tools.clock()
            try:
                fetcher = fetcher or self._tools.fetcher()
                fetched = fetcher.fetch(feed)
            except Exception as error:  # noqa: BLE001 - a bug met by one feed must not cost the others their poll
                fetched = _unexpected(feed, started, self._tools.clock(), error)
            self._hosts.done(feed)
            body_hash = hashlib.sha256(fetched.body).hexdigest() if fetched.outcome == "ok" else None
            if body_hash is not None and body_hash == feed.body_hash:
                fetched = replace(fetched, outcome="unchanged", body=b"")
            self._inbox.put(_Arrived(feed, fetched, body_hash))
        if fetcher is not None:
            fetcher.close()

    def _hand_over(self, arrived: _Arrived) -> None:
        """Give a fetched body to the executor; what it finds comes back into the inbox."""
        feed, fetched = arrived.feed, arrived.fetched
        job = Job(feed.id, fetched.body, fetched.url, fetched.content_type, self._store.polls.known(feed.id))
        try:
            self._executor = self._executor or self._tools.executor()
            future = self._executor.submit(read, self._watchlist, job)
        except BrokenExecutor:  # a process died under an earlier body; the others get a new pool
            self._executor = self._tools.executor()
            future = self._executor.submit(read, self._watchlist, job)
        read_later = replace(arrived, fetched=replace(fetched, body=b""), reading=future)
        future.add_done_callback(lambda _: self._inbox.put(read_later))

    def _ready(self, arrived: _Arrived) -> Poll:
        feed, fetched, reading = arrived.feed, arrived.fetched, None
        if arrived.reading is not None:
            error = arrived.reading.exception()
            if error is None:
                reading = arrived.reading.result()
            else:
                fetched = _unread(fetched, error)
        plan = schedule.after_poll(feed, fetched, self._tools.clock(), self._config.schedule)
        if reading is None:
            return Poll(feed, fetched, plan, body_hash=arrived.body_hash)
        return Poll(
            feed,
            fetched,
            plan,
            body_hash=arrived.body_hash,
            title=reading.title,
            items_seen=reading.items_seen,
            fresh=reading.fresh,
            watchlist_version=self._config.watchlist.version,
        )


def _unread(fetched: Fetched, error: BaseException) -> Fetched:
    """A body that could not be read is a failed poll: its validators and its new address are not kept."""
    if isinstance(error, ParseError):
        reason = str(error)
    elif isinstance(error, BrokenExecutor):
        reason = "a process that read feeds died (out of memory?); asked again later"
        log.error("feed %s: %s", fetched.feed_id, reason)
    else:
        reason = f"unexpected {type(error).__name__}: {error}; this is a bug of watchfloor, please report it"
        log.error("feed %s: %s", fetched.feed_id, reason, exc_info=error)
    return replace(fetched, outcome="error", error=reason, permanent_url=None)


def _unexpected(feed: Feed, started: datetime, finished: datetime, error: Exception) -> Fetched:
    reason = f"unexpected {type(error).__name__}: {error}; this is a bug of watchfloor, please report it"
    log.error("feed %s: %s", feed.id, reason, exc_info=error)
    return Fetched(feed.id, "error", started, finished, feed.url, error=reason)


def _counted(report: RunReport, poll: Poll, stored: Stored) -> RunReport:
    outcome = poll.fetched.outcome
    return replace(
        report,
        feeds_polled=report.feeds_polled + 1,
        feeds_ok=report.feeds_ok + (outcome in ("ok", "unchanged")),
        feeds_not_modified=report.feeds_not_modified + (outcome == "not_modified"),
        feeds_failed=report.feeds_failed + (outcome in ("error", "gone")),
        items_seen=report.items_seen + poll.items_seen,
        items_new=report.items_new + stored.items_new,
        items_updated=report.items_updated + stored.items_updated,
        mentions=report.mentions + stored.mentions,
    )
