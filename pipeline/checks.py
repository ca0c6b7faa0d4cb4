"""What ``doctor`` looks at. Each check gives findings with a remedy; none of them repairs anything."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from pipeline import health, websub
from pipeline.config import Config
from pipeline.store import Store
from pipeline.times import from_iso

_LITTLE_DISK = 500_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report."""

    check: str
    result: Literal["ok", "warn", "fail"]
    text: str


def of_config(config: Config) -> Iterator[Finding]:
    """The configuration, which has loaded, and the place it puts the database in."""
    entities, rules = (
        len(config.watchlist.entities),
        sum(len(entity.every_rule) for entity in config.watchlist.entities),
    )
    yield Finding(
        "configuration", "ok", f"{config.path}: {len(config.feeds)} feeds, {entities} entities with {rules} rules"
    )
    if not config.feeds:
        yield Finding("feeds", "warn", "none is configured; add one with: watchfloor feeds add URL")
    if not re.search(r"@|https?://", config.fetch.user_agent):
        text = "fetch.user_agent names no contact; write an address at which publishers can reach you"
        yield Finding("user agent", "warn", text)
    folder = next(parent for parent in config.database.parents if parent.exists())
    free = shutil.disk_usage(folder).free
    if free < _LITTLE_DISK:
        yield Finding("disk", "warn", f"only {free / 1e6:,.0f} MB are free at {folder}; make room")
    else:
        yield Finding("disk", "ok", f"{free / 1e9:,.1f} GB are free at {folder}")


def _of_watchlist(version: str, store: Store) -> Finding:
    outdated = store.watch.count_outdated(version, None)
    if not outdated:
        return Finding("watch-list", "ok", f"version {version} tagged every stored item")
    text = f"{outdated} items were tagged by another watch-list; see what changes with: watchfloor retag --dry-run"
    return Finding("watch-list", "warn", text)


def of_store(config: Config, store: Store, now: datetime) -> Iterator[Finding]:
    """The database's integrity, the watch-list that tagged its items, the clock against what was written, the feeds."""
    problems = store.reports.integrity()
    for problem in problems:
        yield Finding("database", "fail", f"{store.path}: {problem}; stop watchfloor and restore a backup")
    if not problems:
        totals = store.reports.totals()
        yield Finding("database", "ok", f"{store.path}: {totals['items']} items, {totals['mentions']} mentions, sound")
        yield _of_watchlist(config.watchlist.version, store)
        if waiting := store.stories.waiting():
            text = (
                f"{waiting} items are still to be folded; runs go on with them, and so does: watchfloor stories rebuild"
            )
            yield Finding("stories", "warn", text)
    feeds = [feed for feed in store.coverage.feeds() if feed["state"] != "disabled"]
    polled = [from_iso(feed["last_polled_at"]) for feed in feeds if feed["last_polled_at"]]
    if polled and max(polled) > now + timedelta(minutes=5):
        yield Finding("clock", "fail", f"it is behind the last poll ({max(polled)}); set the system's clock")
    else:
        yield Finding("clock", "ok", f"{now:%Y-%m-%d %H:%M:%S} UTC")
    troubled = [feed for feed in feeds if feed["state"] not in ("ok", "moved")]
    for feed in troubled:
        yield Finding("feeds", "warn", f"{feed['id']} ({feed['state']}, {feed['failures']}×): {feed['last_error']}")
    for feed in feeds:
        if feed["state"] == "moved":
            text = f"{feed['id']} has moved for good; write url: {feed['url']} into the configuration"
            yield Finding("feeds", "warn", text)
    yield from _of_coverage(feeds, store, now)
    for row in store.outbox.troubled(now - timedelta(days=7)):
        number = "1 delivery" if row["deliveries"] == 1 else f"{row['deliveries']} deliveries"
        text = f"{row['target']}: {number} did not arrive, the last: {row['last_error']}"
        yield Finding("deliveries", "warn", f"{text}; see: watchfloor deliveries")
    if config.websub.public_url is not None:
        yield from _of_hubs({feed["id"] for feed in feeds}, store, now)
    if feeds and not troubled:
        yield Finding("feeds", "ok", f"{len(feeds)} feeds, none in trouble")


def _of_hubs(feeds: Collection[str], store: Store, now: datetime) -> Iterator[Finding]:
    """Subscriptions that do not work; what they would bring, polls bring later."""
    subscriptions = {feed: row for feed, row in store.subscriptions.by_feed().items() if feed in feeds}
    troubled = 0
    for feed_id, row in subscriptions.items():
        lapsed = row["state"] == "active" and from_iso(row["lease_ends_at"]) <= now
        if row["state"] in ("failed", "denied") or lapsed or (row["state"] == "requested" and row["failures"] > 1):
            troubled += 1
            remedy = "it is polled as before"
            if row["state"] != "denied":
                remedy = f"see that websub.public_url leads to the daemon; {remedy}"
            yield Finding("hubs", "warn", f"{feed_id}: {websub.in_words(row)}; {remedy}")
        if row["rejected"]:
            text = f"{row['rejected']} pushes were ignored: too large, no feed, or not signed by {row['hub']}"
            yield Finding("hubs", "warn", f"{feed_id}: {text}")
    if not troubled:
        yield Finding(
            "hubs",
            "ok",
            f"{len(subscriptions)} feeds are subscribed to, {len(store.subscriptions.offers())} name a hub",
        )


def _of_coverage(feeds: Sequence[Mapping[str, Any]], store: Store, now: datetime) -> Iterator[Finding]:
    """What was not seen: feeds gone silent, gaps of the last week, entries that could not be read."""
    week = now - timedelta(days=7)
    for feed in feeds:
        if remark := health.stale(feed, now):
            yield Finding("feeds", "warn", f"{feed['id']}: {remark}")
    for gap in store.coverage.gaps(week, now + timedelta(days=1)):
        if gap["filled_at"]:
            continue
        when = f"from {gap['from_at']} to {gap['to_at']}"
        text = f"{gap['feed_id']}: {health.gap(gap, when)}; it is polled more often now"
        yield Finding("gaps", "warn", f"{text}; where the feed keeps older pages: watchfloor feeds backfill ID")
    for feed_id, outcomes in store.pages.given_up(week).items():
        counts = ", ".join(f"{outcome} {count}" for outcome, count in sorted(outcomes.items()))
        pages = "1 page" if outcomes.total() == 1 else f"{outcomes.total()} pages"
        text = f"{feed_id}: the feed's text stays for {pages} of the last week ({counts})"
        yield Finding("pages", "warn", f"{text}; see table pages, or leave out full_text for this feed")
    for row in store.coverage.skipped(week, now + timedelta(days=1)):
        if row["reason"] not in health.HARMLESS:
            text = f"{row['feed_id']}: {health.skipped(row['reason'], row['entries'])}; tell the publisher"
            yield Finding("entries", "warn", text)
