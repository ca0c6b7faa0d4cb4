"""What the digest of one day says: what is unusual, tagged stories by entity with their proof, edits that matter, where
the review stands, and what could not be seen.

Pure: the same values give the same digest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

from pipeline import __version__
from pipeline.digest.changes import Change, edited
from pipeline.digest.coverage import coverage_of
from pipeline.digest.sections import sections_of
from pipeline.digest.values import Digest, Review, Section, Unusual, WeakRule
from pipeline.models import Covered, DayRow
from pipeline.precision import Judged
from pipeline.times import to_iso
from pipeline.unusual import Remark

#: Days that charts show.
CHART_DAYS = 14


@dataclass(frozen=True, slots=True)
class Background:
    """What a digest sets the day against.

    ``counts``: of each entity its mentions on each of the ``days``, the digest's the last. ``remarks``: what is
    unusual; None where it cannot be said, and ``reason`` says why. ``usual_feeds``: of each entity the feeds that
    brought it in the last months, by their ids.
    """

    days: tuple[date, ...] = ()
    counts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    remarks: Sequence[Remark] | None = None
    reason: str = ""
    usual_feeds: Mapping[str, Sequence[str]] = field(default_factory=dict)
    rules: Sequence[Judged] = ()
    floor: float = 0.0
    watchlist_version: str = ""


def build(
    day: date, zone: ZoneInfo, covered: Covered, rows: DayRow, changes: Sequence[Change], known: Background
) -> Digest:
    """The digest of ``day``, local in ``zone``, from what the store has of it and what is ``known`` besides."""
    names = {entity["id"]: entity["name"] for entity in rows.entities}
    sections = sections_of(rows, known.counts, covered.since, day, zone)
    seen = coverage_of(rows, known.usual_feeds, {section.entity_id for section in sections}, day, zone, covered)
    found = tuple(_unusual(remark, names) for remark in known.remarks or ())
    stories = len({row.item["story_id"] or -row.item["id"] for row in rows.items})
    return Digest(
        day=day,
        timezone=zone.key,
        covers_from=to_iso(covered.since),
        covers_until=to_iso(covered.until),
        first_item_id=rows.first_item_id,
        last_item_id=rows.last_item_id,
        headline=_headline(rows, stories, sections, found, f"{seen.healthy} of {seen.feeds} sources"),
        items_new=rows.items_new,
        items_tagged=len(rows.items),
        stories=stories,
        days=known.days,
        unusual=found,
        unusual_reason=known.reason if known.remarks is None else "",
        sections=sections,
        edits=edited(changes, names, covered, day, zone),
        review=_review(rows, known, names),
        coverage=seen,
        watchlist_version=known.watchlist_version,
        program=f"watchfloor {__version__}",
    )


def _headline(rows: DayRow, stories: int, sections: Sequence[Section], found: Sequence[Unusual], healthy: str) -> str:
    seen = f"{healthy} were seen all day."
    if not rows.items:
        return f"None of {rows.items_new} new items mentions what is watched; {seen}"
    most = sorted(sections, key=lambda section: (-len(section.entries), section.name))[:4]
    counts = ", ".join(f"{section.name} ({len(section.entries)})" for section in most)
    verb = "mentions" if len(rows.items) == 1 else "mention"
    folded = f" in {stories} {'story' if stories == 1 else 'stories'}" if stories < len(rows.items) else ""
    first = f"{len(rows.items)} of {rows.items_new} new items{folded} {verb} what is watched, most of all {counts}"
    more = [one.name for one in found if one.is_more]
    return f"{first}. {f'Unusually much on {_and(more)}. ' if more else ''}{seen}"


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _unusual(remark: Remark, names: Mapping[str, str]) -> Unusual:
    return Unusual(
        entity_id=remark.entity_id,
        name=names.get(remark.entity_id, remark.entity_id),
        mentions=remark.mentions,
        usual=remark.usual,
        low=remark.low,
        high=remark.high,
        chance=round(remark.chance, 6),
        is_more=remark.is_more,
    )


def _review(rows: DayRow, known: Background, names: Mapping[str, str]) -> Review:
    return Review(
        awaiting=rows.awaiting,
        decided=dict(rows.decided),
        rules_judged=sum(rule.judged > 0 for rule in known.rules),
        weak_rules=tuple(
            WeakRule(one.rule, names.get(one.entity_id, one.entity_id), one.right, one.judged, one.interval[1])
            for one in known.rules
            if one.is_below(known.floor)
        ),
    )
