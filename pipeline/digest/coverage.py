"""What could not be seen: feeds that failed, gaps, silences, and what the silence on an entity is worth. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from pipeline import health
from pipeline.digest.sections import by_kind, local_time
from pipeline.digest.values import Coverage, Quiet, Trouble, Unseen
from pipeline.models import Covered, DayRow
from pipeline.times import from_iso

_ANSWERED = ("ok", "unchanged", "not_modified")


def coverage_of(
    rows: DayRow,
    usual_feeds: Mapping[str, Sequence[str]],
    present: Set[str],
    day: date,
    zone: ZoneInfo,
    covered: Covered,
) -> Coverage:
    """What was seen of the feeds in the time that a digest covers; ``present`` are the entities that have a story."""
    troubles = tuple(_troubles(rows.feeds, zone))
    unseen = tuple(_unseen(rows, day, zone, covered))
    blind = {trouble.feed_id for trouble in troubles if trouble.is_blind}
    unhealthy = {trouble.feed_id for trouble in troubles} | {one.feed_id for one in unseen}
    titles = {feed["id"]: feed["title"] or feed["id"] for feed in rows.feeds}
    quiet = [entity for entity in by_kind(rows.entities) if entity["id"] not in present]
    return Coverage(
        feeds=len(rows.feeds),
        polled=sum(feed["polls"] > 0 for feed in rows.feeds),
        healthy=sum(feed["id"] not in unhealthy for feed in rows.feeds),
        troubles=troubles,
        unseen=unseen,
        quiet=tuple(
            _quiet(entity, [feed for feed in usual_feeds.get(entity["id"], ()) if feed in titles], blind, titles)
            for entity in quiet
        ),
    )


def _quiet(entity: Mapping[str, Any], usual: Sequence[str], blind: Set[str], titles: Mapping[str, str]) -> Quiet:
    return Quiet(entity["id"], entity["name"], len(usual), tuple(titles[feed] for feed in usual if feed in blind))


def _troubles(feeds: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> Iterator[Trouble]:
    for feed in feeds:
        is_blind = feed["last_outcome"] not in _ANSWERED
        if not is_blind and not feed["failures"]:
            continue
        success = feed["last_success_at"]
        error = feed["last_error"] or "failed" if feed["polls"] else "was not polled in this day"
        yield Trouble(
            feed_id=feed["id"],
            is_blind=is_blind,
            error=error if is_blind else f"{error}; works again",
            last_success=f"{from_iso(success).astimezone(zone):%Y-%m-%d %H:%M}" if success else "never",
            polls=feed["polls"],
            failures=feed["failures"],
        )


def _unseen(rows: DayRow, day: date, zone: ZoneInfo, covered: Covered) -> Iterator[Unseen]:
    """Gaps found in the day, feeds silent at its end, and what could not be read in it."""
    for gap in rows.gaps:
        when = " to ".join(local_time(from_iso(gap[end]), day, zone) for end in ("from_at", "to_at"))
        yield Unseen(gap["feed_id"], health.gap(gap, f"from {when}"))
    for feed in rows.feeds:
        state = "ok" if feed["last_outcome"] in _ANSWERED else "error"
        if remark := health.stale({**feed, "state": state}, covered.until):
            yield Unseen(feed["id"], remark)
    for row in rows.skipped:
        if row["reason"] not in health.HARMLESS:
            yield Unseen(row["feed_id"], health.skipped(row["reason"], row["entries"]))
