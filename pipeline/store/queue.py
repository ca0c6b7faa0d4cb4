"""The review queue: stories that are tagged, the best first, filtered by facets and by words.

No query scans a table: rows come from ``queue_facets`` in the order of their rank, driven by the rarest of the values
that are wanted, or from the full-text index, of which so many matches are looked at that an answer never takes long.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from pipeline.clean import display_title
from pipeline.grams import fts_query
from pipeline.models import QueueFilter
from pipeline.store.queueing import DECIDES, IS_WRONG, requeue, zone_of
from pipeline.store.writing import writing

#: How a story can stand, in the order in which they are shown.
STATES = ("awaiting", "relevant", "irrelevant", "escalated", "wrong_tag")
#: What the queue can be filtered by.
FACETS = ("entity", "feed", "language", "day")
#: Matches of words that are looked at, those stored last first.
MOST_MATCHES = 20_000

#: Stories of which an item has the words, as ``story_id`` and whatever of ``queue`` is asked for.
_MATCHES = """
    (SELECT rowid AS id FROM items_fts WHERE items_fts MATCH :words ORDER BY rowid DESC LIMIT :most) l
    CROSS JOIN items i ON i.id = l.id CROSS JOIN queue d ON d.story_id = i.story_id
"""
_ROWS = """
    SELECT q.*, i.title, i.summary, i.content, i.feed_id, coalesce(f.title, f.id) AS feed_title, i.url, i.language,
      i.published_at, i.first_seen_at, s.items_count,
      (SELECT count(*) FROM items x JOIN notes n ON n.item_id = x.id WHERE x.story_id = q.story_id) AS notes
    FROM json_each(?) w CROSS JOIN queue q ON q.story_id = w.value JOIN items i ON i.id = q.item_id
    JOIN feeds f ON f.id = i.feed_id LEFT JOIN stories s ON s.id = q.story_id
    ORDER BY w.key
"""
_MENTIONS = f"""
    SELECT i.story_id, m.id, m.item_id, m.entity_id, e.name, e.kind, e.priority, m.score, m.field, m.start, m."end",
      m.evidence, {IS_WRONG} AS is_wrong
    FROM json_each(?) w CROSS JOIN items i ON i.story_id = w.value CROSS JOIN mentions m ON m.item_id = i.id
    JOIN entities e ON e.id = m.entity_id
"""
_VERDICTS = f"""
    SELECT i.story_id, v.verdict, v.reviewer, v.created_at, v.note, v.item_id, max(v.id) AS id
    FROM json_each(?) w CROSS JOIN items i ON i.story_id = w.value CROSS JOIN verdicts v ON v.item_id = i.id
    WHERE {DECIDES} GROUP BY i.story_id
"""


@dataclass(frozen=True, slots=True)
class Sentence:
    """The sentence that decided a mention; its words stand from ``start`` to ``end`` in ``text``."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A story as the queue shows it, by one of its items.

    ``entities`` have id, name, kind, priority and their number of mentions, the most important first; those called
    wrong are left out, unless nothing else is left. ``verdict`` is the one that stands (id, item_id, verdict, reviewer,
    created_at, note), or None.
    """

    story_id: int
    item_id: int
    title: str
    feed_id: str
    feed_title: str
    url: str | None
    language: str | None
    at: int  # seconds since 1970: when it was first reported
    published_at: str | None  # of the item, as the feed says
    first_seen_at: str
    score: float
    priority: float
    outlets: int
    rank: float
    state: str
    copies: int  # other items of the story
    entities: tuple[dict[str, Any], ...]
    sentence: Sentence | None
    verdict: dict[str, Any] | None
    notes: int


@dataclass(frozen=True, slots=True)
class QueuePage:
    """Rows, and the ``after`` that gives the next ones (None: there are none). ``is_cut``: the words have so many
    matches that only those stored last were looked at."""

    rows: tuple[QueueRow, ...]
    after: tuple[float, int] | None
    is_cut: bool = False


class Queue:
    """The review queue. Made by ``Store``, and by ``Reading``, where it only reads."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def follow(self, zone: ZoneInfo) -> None:
        """Let days be those of ``zone``. Where they were of another, all stories wait to be worked out anew."""
        if zone_of(self._db).key != zone.key:
            with writing(self._db):
                self._db.execute("INSERT OR REPLACE INTO queue_zone (id, timezone) VALUES (1, ?)", [zone.key])
                self._db.execute("INSERT OR IGNORE INTO unqueued SELECT story_id FROM queue")

    def is_any_waiting(self) -> bool:
        """Whether any story is to be worked out anew; takes no lock."""
        return self._db.execute("SELECT 1 FROM unqueued LIMIT 1").fetchone() is not None

    def refresh(self, size: int) -> int:
        """Work out at most ``size`` of the stories that wait, those stored last first, in one transaction; return how
        many."""
        if not self.is_any_waiting():
            return 0
        with writing(self._db):
            rows = self._db.execute("SELECT story_id FROM unqueued ORDER BY story_id DESC LIMIT ?", [size])
            stories = [row[0] for row in rows.fetchall()]
            requeue(self._db, stories)
        return len(stories)

    def page(self, wanted: QueueFilter, after: tuple[float, int] | None = None, limit: int = 50) -> QueuePage:
        """Stories that meet the filter, the best first; ``after`` is that of the page before."""
        source, where, values = self._source(wanted)
        if after is not None:
            where += " AND d.rank <= :rank AND (d.rank < :rank OR d.story_id > :story_id)"
            values |= {"rank": after[0], "story_id": after[1]}
        found = self._db.execute(
            f"""
            SELECT DISTINCT d.rank, d.story_id FROM {source} WHERE {where} AND d.state = :state
            ORDER BY d.rank DESC, d.story_id LIMIT :limit
            """,
            values | {"state": wanted.state, "limit": limit + 1},
        ).fetchall()
        last = found[limit - 1] if len(found) > limit else None
        return QueuePage(
            self.stories([row[1] for row in found[:limit]]), (last[0], last[1]) if last else None, self._is_cut(values)
        )

    def counts(self, wanted: QueueFilter) -> dict[str, int]:
        """How many stories of each state meet the filter; its own state is not asked for."""
        facets = _facets_of(wanted)
        if len(facets) < 2 and not _words(wanted):
            kind, value = next(iter(facets.items()), ("all", ""))
            found = self._db.execute(
                "SELECT state, stories FROM queue_counts WHERE kind = ? AND value = ?", [kind, value]
            ).fetchall()
        else:
            source, where, values = self._source(wanted, any_state=True)
            query = f"SELECT d.state, count(DISTINCT d.story_id) FROM {source} WHERE {where} GROUP BY d.state"
            found = self._db.execute(query, values).fetchall()
        return dict.fromkeys(STATES, 0) | {row[0]: row[1] for row in found}

    def facets(self, state: str) -> dict[str, list[tuple[str, str, int]]]:
        """What the stories of a state can be filtered by: for each facet its values, each with its label and its number
        of stories, the most frequent first; days the newest first."""
        labels = {
            "entity": {row["id"]: row["name"] for row in self._db.query("SELECT id, name FROM entities")},
            "feed": {row["id"]: row["title"] for row in self._db.query("SELECT id, title FROM feeds")},
        }
        found: dict[str, list[tuple[str, str, int]]] = {}
        for kind in FACETS:
            order = "value DESC" if kind == "day" else "stories DESC, value"
            rows = self._db.execute(
                f"""
                SELECT value, stories FROM queue_counts WHERE kind = ? AND state = ? AND stories > 0 ORDER BY {order}
                """,
                [kind, state],
            ).fetchall()
            found[kind] = [(value, labels.get(kind, {}).get(value) or value, stories) for value, stories in rows]
        return found

    def one(self, story_id: int) -> QueueRow | None:
        """A story as it stands in the queue; None when it does not."""
        return next(iter(self.stories([story_id])), None)

    def of_item(self, item_id: int) -> QueueRow | None:
        """The story of an item as it stands in the queue; None when it does not."""
        row = self._db.execute("SELECT story_id FROM items WHERE id = ?", [item_id]).fetchone()
        return self.one(row[0]) if row is not None and row[0] is not None else None

    def entities(self) -> list[tuple[str, str]]:
        """Everything that was ever watched, as id and name, by name."""
        return self._db.execute("SELECT id, name FROM entities ORDER BY name, id").fetchall()

    def stories(self, story_ids: Sequence[int]) -> tuple[QueueRow, ...]:
        """These stories in this order; those that are not in the queue are left out."""
        wanted = json.dumps(list(story_ids))
        mentions: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
        for mention in self._db.query(_MENTIONS, [wanted]):
            mentions[mention["story_id"]].append(mention)
        verdicts = {row.pop("story_id"): row for row in self._db.query(_VERDICTS, [wanted])}
        return tuple(
            _row(row, mentions[row["story_id"]], verdicts.get(row["story_id"]))
            for row in self._db.query(_ROWS, [wanted])
        )

    def _source(self, wanted: QueueFilter, *, any_state: bool = False) -> tuple[str, str, dict[str, Any]]:
        """Where the stories ``d`` that meet the filter come from, what else is asked of them, and the values."""
        facets = _facets_of(wanted)
        words = _words(wanted)
        values: dict[str, Any] = {}
        if words:
            source, conditions = _MATCHES, ["1"]
            values |= {"words": words, "most": MOST_MATCHES}
        else:
            kind, value = self._rarest(facets, None if any_state else wanted.state)
            facets.pop(kind, None)
            source, conditions = "queue_facets d", ["d.kind = :kind AND d.value = :value"]
            values |= {"kind": kind, "value": value}
        for kind, value in facets.items():
            conditions.append(
                f"""
                EXISTS (SELECT 1 FROM queue_facets f
                        WHERE f.story_id = d.story_id AND f.kind = '{kind}' AND f.value = :{kind})
                """
            )
            values[kind] = value
        return source, " AND ".join(conditions), values

    def _rarest(self, facets: Mapping[str, str], state: str | None) -> tuple[str, str]:
        """The facet that fewest stories have."""
        query = "SELECT coalesce(sum(stories), 0) FROM queue_counts WHERE kind = ? AND value = ?"
        numbers = {}
        for kind, value in facets.items():
            row = self._db.execute(
                query + (" AND state = ?" if state else ""), [kind, value, *([state] if state else [])]
            ).fetchone()
            numbers[kind, value] = row[0]
        return min(numbers, key=lambda facet: numbers[facet], default=("all", ""))

    def _is_cut(self, values: Mapping[str, Any]) -> bool:
        if "words" not in values:
            return False
        query = "SELECT 1 FROM items_fts WHERE items_fts MATCH ? ORDER BY rowid DESC LIMIT 1 OFFSET ?"
        return self._db.execute(query, [values["words"], MOST_MATCHES]).fetchone() is not None


def _facets_of(wanted: QueueFilter) -> dict[str, str]:
    values = {kind: getattr(wanted, kind) for kind in FACETS}
    return {kind: value for kind, value in values.items() if value is not None}


def _words(wanted: QueueFilter) -> str | None:
    return fts_query(wanted.words) if wanted.words and wanted.words.strip() else None


def _row(row: dict[str, Any], mentions: Sequence[dict[str, Any]], verdict: dict[str, Any] | None) -> QueueRow:
    counted = [mention for mention in mentions if not mention["is_wrong"]] or mentions
    return QueueRow(
        **{name: row[name] for name in QueueRow.__dataclass_fields__ if name in row and name != "title"},
        title=display_title(row),
        copies=(row["items_count"] or 1) - 1,
        entities=_entities(counted),
        sentence=_sentence(counted, row["item_id"]),
        verdict=verdict,
    )


def _entities(mentions: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    found: dict[str, dict[str, Any]] = {}
    for mention in mentions:
        new = {"id": mention["entity_id"], "mentions": 0} | {key: mention[key] for key in ("name", "kind", "priority")}
        found.setdefault(mention["entity_id"], new)["mentions"] += 1
    return tuple(sorted(found.values(), key=lambda entity: (-entity["priority"], -entity["mentions"], entity["id"])))


def _sentence(mentions: Iterable[Mapping[str, Any]], item_id: int) -> Sentence | None:
    """That of the surest mention; of several one of the shown item, and not its title, which is shown anyway."""
    best = min(
        mentions,
        key=lambda one: (-one["score"], one["item_id"] != item_id, one["field"] == "title", one["start"], one["id"]),
        default=None,
    )
    if best is None:
        return None
    evidence = json.loads(best["evidence"])
    shift = best["start"] - evidence.get("sentence_start", best["start"])
    return Sentence(evidence.get("sentence", ""), shift, shift + best["end"] - best["start"])
