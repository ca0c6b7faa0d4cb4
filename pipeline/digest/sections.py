"""The stories of a day by entity, best first, each with its excerpt and its proof. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.clean import display_title
from pipeline.digest.values import Entry, Proof, Section
from pipeline.models import DayRow, Excerpt, ItemRow
from pipeline.ranking import rank_of
from pipeline.times import from_iso, reported_at

_KINDS = ("organisation", "person", "place", "topic")
_LONGEST_EXCERPT = 320
_WORD = 25  # characters: a longer run without a space is no word
_SETTLED = "irrelevant"


@dataclass(frozen=True, slots=True)
class _Day:
    """The day whose stories are told; ``since`` is when what it covers begins."""

    rows: DayRow
    since: datetime
    day: date
    zone: ZoneInfo
    names: Mapping[str, str]
    titles: Mapping[str, str]


def sections_of(
    rows: DayRow, counts: Mapping[str, Sequence[int]], since: datetime, day: date, zone: ZoneInfo
) -> tuple[Section, ...]:
    """The entities with their stories: organisations first, topics last, and among these by their best story.

    A story is shown in full under the first of its entities; under the others it is a line that points there.
    """
    names = {entity["id"]: entity["name"] for entity in rows.entities}
    told = _Day(rows, since, day, zone, names, {feed["id"]: feed["title"] or feed["id"] for feed in rows.feeds})
    ranked = []
    for entity in rows.entities:
        items = [row for row in rows.items if any(m["entity_id"] == entity["id"] for m in row.mentions)]
        stories = sorted(_stories(items), key=lambda story: _order(story, entity, told))
        if stories:
            ranked.append((_KINDS.index(entity["kind"]), _order(stories[0], entity, told), entity, stories))
    shown: dict[int, str] = {}
    sections = []
    for _, _, entity, stories in sorted(ranked, key=lambda one: (*one[:2], one[2]["id"])):
        entries = []
        for story in stories:
            key = _story_of(story[0])
            entries.append(_entry(story, entity["id"], told, shown.get(key)))
            shown.setdefault(key, entity["name"])
        days = tuple(counts.get(entity["id"], ()))
        sections.append(Section(entity["id"], entity["name"], entity["kind"], days, tuple(entries)))
    return tuple(sections)


def by_kind(entities: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Entities with organisations first and topics last, by name."""
    return sorted(entities, key=lambda entity: (_KINDS.index(entity["kind"]), entity["name"]))


def _stories(items: Sequence[ItemRow]) -> Iterator[list[ItemRow]]:
    """The items of each story, the one first that leads it or else came first."""
    found: dict[int, list[ItemRow]] = {}
    for row in items:
        found.setdefault(_story_of(row), []).append(row)
    for rows in found.values():
        yield sorted(rows, key=lambda row: (not row.item["leads"], row.item["first_seen_at"], row.item["id"]))


def _story_of(row: ItemRow) -> int:
    """The story's id; that of an item without one, which is not folded yet, is below 0."""
    return int(row.item["story_id"] or -row.item["id"])


def _order(story: Sequence[ItemRow], entity: Mapping[str, Any], told: _Day) -> tuple[bool, bool, float, int]:
    """Best first: what nobody needs and what was told on an earlier day come last."""
    score = max(m["score"] for row in story for m in row.mentions if m["entity_id"] == entity["id"])
    at = int(min(reported_at(row.item) for row in story).timestamp())
    outlets = max(len(told.rows.outlets.get(_story_of(story[0]), ())), 1)
    rank = rank_of(score, entity["priority"], outlets, at)
    is_old = from_iso(story[0].item["story_since"]) < told.since
    return _verdict(story)["verdict"] == _SETTLED, is_old, -rank, story[0].item["id"]


def _verdict(story: Sequence[ItemRow]) -> Mapping[str, Any]:
    """What was decided and by whom; None for both where nothing was."""
    return next((row.verdict for row in story if row.verdict), {"verdict": None, "reviewer": None})


def _entry(story: Sequence[ItemRow], entity_id: str, told: _Day, shown_under: str | None) -> Entry:
    row, key = story[0], _story_of(story[0])
    item, titles = row.item, told.titles
    own = [mention for mention in row.mentions if mention["entity_id"] == entity_id]
    others = dict.fromkeys(m["entity_id"] for m in row.mentions if m["entity_id"] != entity_id)
    verdict = _verdict(story)
    outlets = [feed for feed in told.rows.outlets.get(key, ()) if feed != item["feed_id"]]
    began = from_iso(item["story_since"])
    return Entry(
        item_id=item["id"],
        story_id=max(key, 0),
        title=display_title(item),
        url=item["url"],
        feed=titles.get(item["feed_id"], item["feed_id"]),
        time=local_time(from_iso(item["published_at"] or item["first_seen_at"]), told.day, told.zone),
        excerpt=() if shown_under else excerpt(item, own),
        proof=() if shown_under else proof_of(own),
        also=tuple(told.names[other] for other in others if other in told.names),
        outlets=tuple(titles.get(feed, feed) for feed in outlets),
        copies=len(story) - 1,
        since=began.astimezone(told.zone).date().isoformat() if began < told.since else None,
        verdict=verdict["verdict"],
        reviewer=verdict["reviewer"],
        shown_under=shown_under,
    )


def proof_of(mentions: Sequence[Mapping[str, Any]]) -> tuple[Proof, ...]:
    """Each rule once, with the surest of its mentions."""
    best: dict[str, Mapping[str, Any]] = {}
    for mention in mentions:
        if mention["rule"] not in best or mention["score"] > best[mention["rule"]]["score"]:
            best[mention["rule"]] = mention
    return tuple(Proof(rule, mention["score"], _because(mention)) for rule, mention in best.items())


def _because(mention: Mapping[str, Any]) -> tuple[str, ...]:
    """The words that conditions found, without those of the mention itself."""
    words = dict.fromkeys(map(str, mention["evidence"].get("context", {}).values()))
    return tuple(word for word in words if word.casefold() not in mention["text"].casefold())


def excerpt(item: Mapping[str, Any], mentions: Sequence[Mapping[str, Any]]) -> Excerpt:
    """The sentence of the best mention (in the text rather than in the title), with all mentions in it marked."""
    best = min(mentions, key=lambda m: (m["field"] == "title", -m["score"], m["start"]))
    text = str(item[best["field"]])
    start = sentence_start = int(best["evidence"].get("sentence_start", max(0, best["start"] - 120)))
    end = sentence_end = start + len(str(best["evidence"].get("sentence", "")) or text[start : best["end"] + 120])
    if end - start > _LONGEST_EXCERPT:
        start = max(start, min(best["start"] - 100, end - _LONGEST_EXCERPT))
        end = max(min(end, start + _LONGEST_EXCERPT), best["end"])
        start, end = _at_words(text, start, end, best)
    pieces: list[tuple[str, bool]] = []
    at = start
    for mention in sorted(mentions, key=lambda m: (m["start"], m["end"])):
        if mention["field"] == best["field"] and at <= mention["start"] and mention["end"] <= end:
            pieces += [(text[at : mention["start"]], False), (text[mention["start"] : mention["end"]], True)]
            at = mention["end"]
    pieces.append((text[at:end].rstrip(), False))
    if start > sentence_start:
        pieces.insert(0, ("… ", False))
    if end < sentence_end:
        pieces.append((" …", False))
    return tuple((piece.replace("\n", " "), marked) for piece, marked in pieces if piece)


def _at_words(text: str, start: int, end: int, best: Mapping[str, Any]) -> tuple[int, int]:
    """The ends of a cut moved inwards to the nearest spaces, where some are near (Chinese has none)."""
    first, last = text.find(" ", start, best["start"]), text.rfind(" ", best["end"], end)
    if start > 0 and text[start - 1].isalnum() and 0 <= first - start < _WORD:
        start = first + 1
    if text[end : end + 1].isalnum() and last >= 0 and end - last < _WORD:
        end = last
    return start, end


def local_time(moment: datetime, day: date, zone: ZoneInfo) -> str:
    """A moment as a reader's clock showed it; with its date where that is not ``day``."""
    local = moment.astimezone(zone)
    return f"{local:%H:%M}" if local.date() == day else f"{local:%Y-%m-%d %H:%M}"
