"""What one process of the pool does with one body: read it, tag what is new in it. Plain values in and out.

Imports only what that needs, so that processes stay small; any ``concurrent.futures`` executor can run it.
"""

from __future__ import annotations

import contextlib
import functools
import signal
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING

from pipeline.errors import ParseError
from pipeline.language import detect
from pipeline.models import Document, FeedLinks, Hints, Item, TaggedItem
from pipeline.rhythm import NEWEST
from pipeline.stories.compared import Copy
from pipeline.stories.fingerprint import keys_of
from pipeline.watchlist import Watchlist

if TYPE_CHECKING:
    from pipeline.fulltext import PageOutcome
    from pipeline.tag import Tagger

#: Seconds that reading and tagging one body may take; 20,000 items with mentions take 20.
TIME_LIMIT = 180


@dataclass(frozen=True, slots=True)
class Job:
    """One body of a feed to read, at ``now``. ``known``: items (identity → content hash) that are stored already."""

    feed_id: str
    body: bytes
    url: str
    content_type: str
    known: Mapping[str, str]
    now: datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """What a body held: what the feed says of itself, its distinct items, and those new or changed, tagged.

    ``dates`` are the moments of its newest items, newest first, none after ``Job.now``.
    """

    title: str
    guids: tuple[str, ...]
    fresh: tuple[TaggedItem, ...]
    dates: tuple[datetime, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    hints: Hints = field(default_factory=Hints)
    links: FeedLinks = field(default_factory=FeedLinks)


def read(watchlist: str, job: Job) -> Reading:
    """Read ``job`` and tag its new items with ``watchlist`` (as JSON; built once in each process).

    Raises:
        ParseError: when the body is no feed, or takes longer than ``TIME_LIMIT`` seconds.
    """
    from pipeline.parse import parse  # noqa: PLC0415 - not in the process that only hands bodies over

    with _time_limit(TIME_LIMIT):
        parsed = parse(job.body, job.url, job.content_type)
        fresh = [item for item in parsed.items if job.known.get(item.guid) != item.content_hash]
        told = [replace(item, language=detect(_fields(item), item.language)) for item in fresh]
        documents = (Document(_fields(item), job.feed_id, item.language) for item in told)
        mentions = tagger_for(watchlist).tag(documents) if told else iter(())
        tagged = tuple(
            TaggedItem(item, found, _keys(job.feed_id, item)) for item, found in zip(told, mentions, strict=True)
        )
    dates = sorted((i.published_at for i in parsed.items if i.published_at and i.published_at <= job.now), reverse=True)
    return Reading(
        title=parsed.title,
        guids=tuple(item.guid for item in parsed.items),
        fresh=tagged,
        dates=tuple(dates[:NEWEST]),
        skipped=parsed.skipped,
        hints=parsed.hints,
        links=parsed.links,
    )


@dataclass(frozen=True, slots=True)
class PageJob:
    """The page of one item to read; ``url`` is the address that answered."""

    item: Item
    feed_id: str
    body: bytes
    url: str
    content_type: str


@dataclass(frozen=True, slots=True)
class PageReading:
    """What a page gave: where its text was taken, the item with that text and its mentions."""

    outcome: PageOutcome
    reason: str
    tagged: TaggedItem | None = None


def read_page(watchlist: str, job: PageJob) -> PageReading:
    """Read the page of an item and, where its text takes the place of the feed's, tag the item with it.

    Raises:
        ParseError: when that takes longer than ``TIME_LIMIT`` seconds.
    """
    from pipeline.fulltext import choose, extract  # noqa: PLC0415 - a second and 40 MB, where pages are read

    with _time_limit(TIME_LIMIT):
        choice = choose(job.item, extract(job.body, job.url, job.content_type, job.item.title))
        if choice.outcome != "taken":
            return PageReading(choice.outcome, choice.reason)
        item = replace(job.item, content=choice.text)
        item = replace(item, language=detect(_fields(item), item.language))
        [mentions] = tagger_for(watchlist).tag([Document(_fields(item), job.feed_id, item.language)])
    return PageReading(choice.outcome, choice.reason, TaggedItem(item, mentions, _keys(job.feed_id, item)))


def warm(watchlist: str) -> None:
    """Read a small feed, so that this process has loaded and compiled all that the next body needs."""
    body = b"<rss version='2.0'><channel><item><guid>1</guid><title>News of the day</title></item></channel></rss>"
    read(watchlist, Job("", body, "http://localhost/", "", {}, datetime.now(UTC)))


def _keys(feed_id: str, item: Item) -> tuple[int, ...]:
    return keys_of(Copy(feed_id, item.canonical_url, item.title, item.summary, item.content))


def _fields(item: Item) -> dict[str, str]:
    return {"title": item.title, "summary": item.summary, "content": item.content}


@functools.lru_cache(maxsize=2)
def tagger_for(watchlist: str) -> Tagger:
    """The tagger of a watch-list given as JSON; compiling takes about a second, so it is kept."""
    from pipeline.tag import Tagger  # noqa: PLC0415 - spaCy (70 MB, half a second) only where something is tagged

    return Tagger(Watchlist.model_validate_json(watchlist))


@contextlib.contextmanager
def _time_limit(seconds: int) -> Iterator[None]:
    """Raise ``ParseError`` when the body of ``with`` takes longer. Works in a process's main thread, a pool's place."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def over(_signal: int, _frame: FrameType | None) -> None:
        raise ParseError(f"reading the body took more than {seconds} s; it is built to be slow, or a rule is")

    previous = signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
