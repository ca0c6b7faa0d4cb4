"""Items that came otherwise than by a poll, from a body to the store: pushed by a hub, or of an older page.

They are read and tagged as a poll's are. But such a body holds only a part of the feed. So it changes nothing that the
next poll goes by: not the validators, not the body's hash, not the schedule, and no gap is told from it.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import replace
from datetime import datetime
from typing import Literal

from pipeline.config import Config
from pipeline.errors import ParseError
from pipeline.folding import BATCH
from pipeline.models import Feed, Fetched, Stored
from pipeline.store import Delivery, Store
from pipeline.tools import Tools
from pipeline.upkeep import catch_up, follow
from pipeline.worker import Job, Reading, read, warm

log = logging.getLogger(__name__)


class Intake:
    """Takes in what hubs deliver. Its methods belong to one event loop; ``start`` and ``close`` to any thread.

    The executor that reads and tags is kept, as a push should not wait until a process has started.
    """

    def __init__(self, config: Config, tools: Tools) -> None:
        self._config = config
        self._tools = tools
        self._watchlist = config.watchlist.model_dump_json()
        self._executor: Executor | None = None

    def start(self) -> None:
        """Make ready for the first push. Raises ``StoreError`` when the database cannot be used."""
        with Store(self._config.database) as store:
            follow(self._config, store, self._tools.clock())
        self._executor = self._tools.executor()
        self._executor.submit(warm, self._watchlist)

    def close(self) -> None:
        """Read nothing more."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)

    async def take_in(self, feed_id: str, body: bytes, content_type: str) -> Stored | None:
        """Read, tag and store a push; on return it is stored. None when the feed is not watched any more.

        A body that is no feed is logged as a failed fetch and brings nothing; the hub has nothing better.

        Raises:
            StoreError: when the database cannot be written.
            BrokenExecutor: when the process that read it died.
        """
        started = self._tools.clock()
        prepared = await asyncio.to_thread(self._prepare, feed_id, body, content_type, started)
        if prepared is None:
            return None
        feed, job = prepared
        fetched = Fetched(
            feed_id, "ok", started, started, job.url, content_type=content_type, received_bytes=len(body)
        )  # without its body: the job has it
        reading = None
        try:
            reading = await asyncio.wrap_future(self._submit(job))
        except ParseError as error:
            fetched = replace(fetched, outcome="error", error=f"pushed by the hub: {error}")
            log.warning("feed %s: %s", feed_id, fetched.error)
        return await asyncio.to_thread(self._save, feed, replace(fetched, finished_at=self._tools.clock()), reading)

    def _prepare(self, feed_id: str, body: bytes, content_type: str, now: datetime) -> tuple[Feed, Job] | None:
        with Store(self._config.database) as store:
            feed = store.polls.feed(feed_id)
            if feed is None or feed.state in ("disabled", "gone"):
                return None
            # read as if it came from where polls get it, so that its items have the same identities
            url = feed.validators_url or feed.url
            return feed, Job(feed_id, body, url, content_type, store.known.hashes(feed_id), now)

    def _submit(self, job: Job) -> Future[Reading]:
        try:
            self._executor = self._executor or self._tools.executor()
            return self._executor.submit(read, self._watchlist, job)
        except BrokenExecutor:  # a process died under an earlier body
            self._executor = self._tools.executor()
            return self._executor.submit(read, self._watchlist, job)

    def _save(self, feed: Feed, fetched: Fetched, reading: Reading | None) -> Stored:
        with Store(self._config.database) as store:
            stored = save(self._config, store, feed, fetched, reading, "push", self._tools.clock())
        log.info(
            "feed %s: pushed %d items: %d new, %d updated, %d mentions",
            feed.id,
            len(reading.guids) if reading else 0,
            stored.items_new,
            stored.items_updated,
            stored.mentions,
        )
        return stored


def save(
    config: Config,
    store: Store,
    feed: Feed,
    fetched: Fetched,
    reading: Reading | None,
    source: Literal["push", "backfill"],
    now: datetime,
) -> Stored:
    """Store what was read of ``feed`` otherwise than by a poll; ``reading`` is None when it could not be read."""
    if reading is None:
        return store.polls.save_delivery(Delivery(feed, fetched, source), now)
    told = store.known.told_apart(feed.id, reading.fresh, reading.guids)
    delivery = Delivery(
        feed,
        fetched,
        source,
        items_seen=len(reading.guids),
        fresh=told.fresh,
        watchlist_version=config.watchlist.version,
        skipped=reading.skipped,
        readdressed=told.readdressed,
        full_text=any(one.full_text for one in config.feeds if one.id == feed.id),
    )
    stored = store.polls.save_delivery(delivery, now)
    catch_up(config, store, most=BATCH)
    return stored
