"""The feeds of one run between fetch and store: who fetches, who reads, and how much is in hand at once.

Fetch workers are threads with a client each; bodies are read and tagged by the executor; what is ready to be stored
comes out of ``InHand.polls`` in the caller's thread, the one writer. Stores nothing itself.
"""

from __future__ import annotations

import hashlib
import logging
import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass, replace
from datetime import datetime

from pipeline import ledger, schedule
from pipeline.config import Config
from pipeline.errors import ParseError
from pipeline.fetch import Fetcher
from pipeline.hosts import HostQueue, host_of
from pipeline.models import Arrivals, Feed, Fetched, Gap
from pipeline.store import Known, Poll, Store, ToldApart
from pipeline.tools import Tools
from pipeline.worker import Job, Reading, read

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A feed that came out of a stage: fetched, and once ``reading`` is there, read."""

    feed: Feed
    fetched: Fetched
    body_hash: str | None = None
    reading: Future[Reading] | None = None


class InHand:
    """The feeds of one run between fetch and store."""

    def __init__(self, config: Config, store: Store, tools: Tools, due: Sequence[Feed]) -> None:
        self._config = config
        self._store = store
        self._tools = tools
        self._left = len(due)
        self._hosts = HostQueue(due, config.fetch.per_host, config.fetch.spacing)
        self._slots = threading.Semaphore(config.fetch.concurrency)
        self._inbox: queue.SimpleQueue[_Arrived] = queue.SimpleQueue()
        self._full_text = {feed.id for feed in config.feeds if feed.full_text}
        self._watchlist = config.watchlist.model_dump_json()
        self._executor: Executor | None = None
        # more than these would only wait for a host that may be asked
        useful = config.fetch.per_host * len({host_of(feed.url) for feed in due})
        self._workers = min(config.fetch.concurrency, len(due), useful)
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

    def drop(self, host: str) -> None:
        """Poll none of the feeds of ``host`` that still wait."""
        self._left -= len(self._hosts.drop(host))

    def release(self) -> None:
        """One poll was stored: its slot is free."""
        self._slots.release()

    def close(self) -> None:
        """Take nothing more in hand and let every worker end."""
        self._hosts.close()
        self._slots.release(self._workers or 1)
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)

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
        known, now = self._store.known.hashes(feed.id), self._tools.clock()
        job = Job(feed.id, fetched.body, fetched.url, fetched.content_type, known, now)
        try:
            self._executor = self._executor or self._tools.executor()
            future = self._executor.submit(read, self._watchlist, job)
        except BrokenExecutor:  # a process died under an earlier body; the others get a new pool
            self._executor = self._tools.executor()
            future = self._executor.submit(read, self._watchlist, job)
        unread = replace(arrived, fetched=replace(fetched, body=b""))
        # not a closure over the future itself: in such a circle its result would outlive the poll
        future.add_done_callback(lambda done: self._inbox.put(replace(unread, reading=done)))

    def _ready(self, arrived: _Arrived) -> Poll:
        feed, fetched, reading = arrived.feed, arrived.fetched, None
        if arrived.reading is not None:
            error = arrived.reading.exception()
            if error is None:
                reading = arrived.reading.result()
            else:
                fetched = _unread(fetched, error)
        now = self._tools.clock()
        if reading is None:
            plan = schedule.after_poll(feed, fetched, None, now, self._config.schedule)
            return Poll(feed, fetched, plan, body_hash=arrived.body_hash)
        told = self._store.known.told_apart(feed.id, reading.fresh, reading.guids)
        gap = _gap(feed, told, self._store.known, now)
        arrivals = Arrivals(len(reading.guids), len(told.new), reading.dates, gap is not None, reading.hints)
        return Poll(
            feed,
            fetched,
            schedule.after_poll(feed, fetched, arrivals, now, self._config.schedule),
            body_hash=arrived.body_hash,
            title=reading.title,
            items_seen=arrivals.seen,
            fresh=told.fresh,
            readdressed=told.readdressed,
            watchlist_version=self._config.watchlist.version,
            skipped=reading.skipped,
            hints=reading.hints,
            # those of the headers go before those of the body (WebSub section 4)
            links=replace(
                reading.links,
                hubs=fetched.links.hubs or reading.links.hubs,
                topic=fetched.links.topic or reading.links.topic,
            ),
            gap=gap,
            full_text=feed.id in self._full_text,
        )


def _gap(feed: Feed, told: ToldApart, known: Known, now: datetime) -> Gap | None:
    """The gap before this body, if there is one."""
    new = told.new
    if not new or feed.last_success_at is None or 2 * (len(told.seen) - len(new)) >= len(new):
        return None
    newest = known.newest(feed.id, ledger.NEWEST_STORED)
    if not newest or not ledger.shares_nothing(told.seen, {item.guid for item in new}, newest):
        return None
    addresses = [item.canonical_url for item in new if item.canonical_url]
    if ledger.is_renamed(addresses, known.addresses_among(feed.id, addresses)):
        return None
    dates = [item.published_at for item in new if item.published_at]
    return ledger.gap(feed, now, known.newest_date(feed.id, now), dates)


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
