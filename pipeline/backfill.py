"""Walks a feed back once, page after page, as far as it is kept: the story of ``feeds backfill``.

Source: RFC 5005 (feed paging: rel=next; archived feeds: rel=prev-archive).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

from pipeline import intake
from pipeline.config import Config
from pipeline.errors import FetchError, ParseError, UsageError
from pipeline.models import Feed, Fetched
from pipeline.store import Store
from pipeline.times import to_iso
from pipeline.tools import Tools
from pipeline.upkeep import follow
from pipeline.worker import Job, Reading, read


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a feed, stored."""

    url: str
    items_seen: int
    items_new: int


def walk(config: Config, store: Store, tools: Tools, feed_id: str, most: int, stop: threading.Event) -> Iterator[Page]:
    """Fetch, read and store up to ``most`` pages of a feed from its newest on, each as it comes.

    Nothing changes for the feed's polls. When its last page is reached, its gaps count as filled. ``stop`` ends it
    between two pages.

    Raises:
        UsageError: when there is no such feed, or its server asked to be left alone until later.
        FetchError: when a page cannot be had; those before it are stored.
        ParseError: when a page is no feed.
    """
    follow(config, store, tools.clock())
    store.polls.sync_feeds({feed.id: feed.url for feed in config.feeds}, int(config.schedule.interval.total_seconds()))
    feed = store.polls.feed(feed_id)
    if feed is None or feed.state == "disabled":
        raise UsageError(f"there is no feed {feed_id!r} in {config.path.name}; see: watchfloor feeds list")
    if feed.hold_until is not None and feed.hold_until > tools.clock():
        raise UsageError(f"{feed_id}: its server asked not to be polled before {to_iso(feed.hold_until)}; try then")
    fetcher, executor = tools.fetcher(), tools.executor()
    try:
        address: str | None = feed.url
        walked: set[str] = set()
        while address and address not in walked and len(walked) < most and not stop.is_set():
            if walked:
                stop.wait(config.fetch.spacing)
            walked.add(address)
            fetched = fetcher.fetch(Feed(feed_id, address, address))
            if fetched.outcome != "ok":
                raise FetchError(f"{address}: {fetched.error or fetched.outcome}")
            reading = _read(config, store, tools, executor, feed, fetched)
            stored = intake.save(config, store, feed, fetched, reading, "backfill", tools.clock())
            yield Page(address, len(reading.guids), stored.items_new)
            address = reading.links.older
        if address is None or address in walked:
            store.polls.fill_gaps(feed_id, tools.clock())
    finally:
        fetcher.close()
        executor.shutdown(cancel_futures=True)


def _read(config: Config, store: Store, tools: Tools, executor: Executor, feed: Feed, fetched: Fetched) -> Reading:
    known, now = store.known.hashes(feed.id), tools.clock()
    job = Job(feed.id, fetched.body, fetched.url, fetched.content_type, known, now)
    try:
        return executor.submit(read, config.watchlist.model_dump_json(), job).result()
    except ParseError as error:
        raise ParseError(f"{fetched.url}: {error}") from None
