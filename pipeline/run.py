"""The story of one run: which feeds are due, and the way of each from fetch to store.

    due feeds → fetch (threads, a client each) → read and tag (process pool) → store, fold, queue (here: one writer)

A feed holds one of ``fetch.concurrency`` slots from its fetch until it is stored: that is the most that is ever in
memory, and a slow stage holds back the ones before it. Clock, fetchers, executor and store are arguments.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from pipeline import schedule
from pipeline.config import Config
from pipeline.errors import UsageError
from pipeline.folding import A_PASS, BATCH
from pipeline.hosts import HostTally, host_of
from pipeline.inhand import InHand
from pipeline.models import Feed, Outcome, RunReport, Stored
from pipeline.store import Poll, Store
from pipeline.times import to_iso
from pipeline.tools import Tools
from pipeline.upkeep import catch_up, follow

log = logging.getLogger(__name__)

_NEVER = datetime.min.replace(tzinfo=UTC)


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
    follow(config, store, tools.clock())
    interval_s = int(config.schedule.interval.total_seconds())
    store.polls.sync_feeds({feed.id: feed.url for feed in config.feeds}, interval_s)
    feeds = store.polls.feeds()
    due = choose(feeds, config, tools.clock(), only=only, force=force)
    tally = HostTally(feed for feed in feeds if schedule.is_held(feed, tools.clock()))
    progress.begin(len(due))
    report = RunReport()
    in_hand = InHand(config, store, tools, due)
    try:
        for poll in in_hand.polls(stop):
            stored = store.polls.save(poll, tools.clock())
            in_hand.release()
            report = _counted(report, poll, stored)
            progress.advance(poll.feed.id, poll.fetched.outcome)
            hold = poll.plan.hold_until
            if tally.count(host_of(poll.feed.url), held=hold is not None) and hold is not None:
                host = host_of(poll.feed.url)
                in_hand.drop(host)
                store.polls.postpone([feed.id for feed in feeds if host_of(feed.url) == host], hold)
                log.warning("%s told several of its feeds to wait: none is polled before %s", host, to_iso(hold))
            # as many as came: an alert waits for the story of its item, and must not wait for slow feeds
            catch_up(config, store, most=max(BATCH, stored.items_new), stop=stop)
    finally:
        in_hand.close()
    catch_up(config, store, most=A_PASS, stop=stop)
    return replace(report, seconds=round(time.monotonic() - began, 3))


def choose(
    feeds: Sequence[Feed], config: Config, now: datetime, *, only: Collection[str] = (), force: bool = False
) -> list[Feed]:
    """The feeds to poll at ``now``, those first that waited longest.

    One whose server asked to be left alone until later is never among them.

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
            ended = ("disabled",) if only else ("disabled", "gone")  # one that is gone is tried again by its name
            return feed.state not in ended and not schedule.is_held(feed, now)
        return schedule.is_due(feed, now, config.schedule)

    return sorted(filter(wanted, feeds), key=lambda feed: feed.last_polled_at or _NEVER)


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
