"""What the digest of one day says: tagged items by entity with their proof, and what could not be seen.

Pure: the same rows give the same digest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pipeline import __version__, health
from pipeline.clean import display_title
from pipeline.models import DayRow, ItemRow
from pipeline.precision import Judged
from pipeline.times import day_bounds, from_iso

_KINDS = ("organisation", "person", "place", "topic")
_LONGEST_EXCERPT = 320

#: Text in pieces; True marks what was tagged.
Excerpt = tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One story under one entity, by the item that leads it there. ``excerpt`` is empty where that was shown in full
    under ``shown_under`` before."""

    item_id: int
    title: str
    url: str | None
    feed: str
    time: str  # local, HH:MM or the date when published on another day
    excerpt: Excerpt
    rules: tuple[str, ...]
    also: tuple[str, ...]  # names of the other entities it mentions
    copies: tuple[str, ...]  # the feeds that had the same news, one for each copy
    verdict: str | None
    shown_under: str | None


@dataclass(frozen=True, slots=True)
class Section:
    """One entity with its stories, newest first."""

    entity_id: str
    name: str
    kind: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A feed that could not be seen, or not the whole day."""

    feed_id: str
    state: str
    error: str
    last_success: str
    polls: int
    failures: int


@dataclass(frozen=True, slots=True)
class Unseen:
    """What a feed that works may have kept from us: a gap, a strange silence, entries that could not be read."""

    feed_id: str
    text: str


@dataclass(frozen=True, slots=True)
class WeakRule:
    """A rule of whose judged mentions too few are right: surely no more than ``at_most`` of all that it finds."""

    rule: str
    entity: str
    right: int
    judged: int
    at_most: float


@dataclass(frozen=True, slots=True)
class Digest:
    """The report of one local day."""

    day: date
    timezone: str
    headline: str
    items_new: int
    items_tagged: int
    stories: int  # that the tagged items are
    sections: tuple[Section, ...]
    quiet: tuple[str, ...]  # names of entities without an item
    feeds_polled: int
    feeds_configured: int
    troubles: tuple[Trouble, ...]
    unseen: tuple[Unseen, ...]
    weak_rules: tuple[WeakRule, ...]
    watchlist_version: str
    program: str


def build(
    day: date, zone: ZoneInfo, rows: DayRow, watchlist_version: str, below_floor: Sequence[Judged] = ()
) -> Digest:
    """The digest of ``day``, local in ``zone``, from what the store has of it, and the rules ``below_floor``."""
    names = {entity["id"]: entity["name"] for entity in rows.entities}
    titles = {feed["id"]: feed["title"] or feed["id"] for feed in rows.feeds}
    ordered = sorted(rows.entities, key=lambda entity: _KINDS.index(entity["kind"]))
    shown: dict[int, str] = {}
    sections = []
    for entity in ordered:
        items = [row for row in rows.items if any(m["entity_id"] == entity["id"] for m in row.mentions)]
        entries = []
        for row, *copies in _stories(items):
            outlets = tuple(titles.get(copy.item["feed_id"], copy.item["feed_id"]) for copy in copies)
            entry = _entry(row, entity["id"], names, titles, day, zone, shown.get(row.item["id"]))
            entries.append(replace(entry, copies=outlets))
            shown.setdefault(row.item["id"], entity["name"])
        if entries:
            sections.append(Section(entity["id"], entity["name"], entity["kind"], tuple(entries)))
    present = {section.entity_id for section in sections}
    active = [feed for feed in rows.feeds if feed["state"] != "disabled"]
    return Digest(
        day=day,
        timezone=zone.key,
        headline=_headline(rows, sections),
        items_new=rows.items_new,
        items_tagged=len(rows.items),
        stories=len(list(_stories(rows.items))),
        sections=tuple(sections),
        quiet=tuple(entity["name"] for entity in ordered if entity["id"] not in present),
        feeds_polled=len(rows.fetches),
        feeds_configured=len(active),
        troubles=_troubles(active, {row["feed_id"]: row for row in rows.fetches}, zone),
        unseen=tuple(_unseen(active, rows, day, zone)),
        weak_rules=tuple(
            WeakRule(one.rule, names.get(one.entity_id, one.entity_id), one.right, one.judged, one.interval[1])
            for one in below_floor
        ),
        watchlist_version=watchlist_version,
        program=f"watchfloor {__version__}",
    )


def _stories(items: Sequence[ItemRow]) -> Iterator[list[ItemRow]]:
    """The items of each story, the one first that leads it or else came first; stories in the order of ``items``."""
    found: dict[int, list[ItemRow]] = {}
    for row in items:
        found.setdefault(row.item["story_id"] or row.item["id"], []).append(row)
    for rows in found.values():
        yield sorted(rows, key=lambda row: (not row.item["leads"], row.item["first_seen_at"], row.item["id"]))


def _entry(
    row: ItemRow,
    entity_id: str,
    names: Mapping[str, str],
    titles: Mapping[str, str],
    day: date,
    zone: ZoneInfo,
    shown_under: str | None,
) -> Entry:
    item = row.item
    own = [mention for mention in row.mentions if mention["entity_id"] == entity_id]
    others = dict.fromkeys(m["entity_id"] for m in row.mentions if m["entity_id"] != entity_id)
    return Entry(
        item_id=item["id"],
        title=display_title(item),
        url=item["url"],
        feed=titles.get(item["feed_id"], item["feed_id"]),
        time=_local_time(from_iso(item["published_at"] or item["first_seen_at"]), day, zone),
        excerpt=() if shown_under else excerpt(item, own),
        rules=tuple(dict.fromkeys(mention["rule"] for mention in own)),
        also=tuple(names[other] for other in others if other in names),
        copies=(),
        verdict=row.verdict["verdict"] if row.verdict else None,
        shown_under=shown_under,
    )


def excerpt(item: Mapping[str, Any], mentions: Sequence[Mapping[str, Any]]) -> Excerpt:
    """The sentence of the best mention (in the text rather than in the title), with all mentions in it marked."""
    best = min(mentions, key=lambda m: (m["field"] == "title", -m["score"], m["start"]))
    text = str(item[best["field"]])
    start = int(best["evidence"].get("sentence_start", max(0, best["start"] - 120)))
    end = start + len(str(best["evidence"].get("sentence", "")) or text[start : best["end"] + 120])
    if end - start > _LONGEST_EXCERPT:
        start = max(start, min(best["start"] - 100, end - _LONGEST_EXCERPT))
        end = max(min(end, start + _LONGEST_EXCERPT), best["end"])
    pieces: list[tuple[str, bool]] = []
    at = start
    for mention in sorted(mentions, key=lambda m: (m["start"], m["end"])):
        if mention["field"] == best["field"] and at <= mention["start"] and mention["end"] <= end:
            pieces += [(text[at : mention["start"]], False), (text[mention["start"] : mention["end"]], True)]
            at = mention["end"]
    pieces.append((text[at:end].rstrip(), False))
    if start > 0 and text[start - 1 : start].isalnum():
        pieces.insert(0, ("…", False))
    if text[end : end + 1].isalnum():
        pieces.append((" …", False))
    return tuple((piece.replace("\n", " "), marked) for piece, marked in pieces if piece)


def _headline(rows: DayRow, sections: Sequence[Section]) -> str:
    if not rows.items:
        return f"None of {rows.items_new} new items mentions what is watched."
    most = sorted(sections, key=lambda section: (-len(section.entries), section.name))[:4]
    counts = ", ".join(f"{section.name} ({len(section.entries)})" for section in most)
    verb = "mentions" if len(rows.items) == 1 else "mention"
    stories = len(list(_stories(rows.items)))
    folded = f" in {stories} {'story' if stories == 1 else 'stories'}" if stories < len(rows.items) else ""
    return f"{len(rows.items)} of {rows.items_new} new items{folded} {verb} what is watched, most of all {counts}."


def _troubles(
    feeds: Sequence[Mapping[str, Any]], fetches: Mapping[str, Mapping[str, Any]], zone: ZoneInfo
) -> tuple[Trouble, ...]:
    troubles = []
    for feed in feeds:
        day = fetches.get(feed["id"], {})
        failures = int(day.get("failures") or 0)
        if feed["state"] in ("ok", "moved") and not failures and day:
            continue
        success = feed["last_success_at"]
        error = feed["last_error"] or day.get("last_error") or ("" if day else "was not polled in this day")
        troubles.append(
            Trouble(
                feed_id=feed["id"],
                state=feed["state"],
                error=error or "failed in this day, works again",
                last_success=f"{from_iso(success).astimezone(zone):%Y-%m-%d %H:%M}" if success else "never",
                polls=int(day.get("polls") or 0),
                failures=failures,
            )
        )
    return tuple(troubles)


def _unseen(feeds: Sequence[Mapping[str, Any]], rows: DayRow, day: date, zone: ZoneInfo) -> Iterator[Unseen]:
    """Gaps found in the day, feeds silent at its end, and what could not be read in it."""
    for gap in rows.gaps:
        when = " to ".join(_local_time(from_iso(gap[end]), day, zone) for end in ("from_at", "to_at"))
        yield Unseen(gap["feed_id"], health.gap(gap, f"from {when}"))
    end = day_bounds(day, zone)[1]
    for feed in feeds:
        if remark := health.stale(feed, end):
            yield Unseen(feed["id"], remark)
    for row in rows.skipped:
        if row["reason"] not in health.HARMLESS:
            yield Unseen(row["feed_id"], health.skipped(row["reason"], row["entries"]))


def _local_time(moment: datetime, day: date, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    return f"{local:%H:%M}" if local.date() == day else f"{local:%Y-%m-%d %H:%M}"
