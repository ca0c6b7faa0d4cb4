"""How a story stands in the review queue, worked out from its items, mentions and verdicts.

Whatever changes one of these puts the story into ``unqueued`` (triggers do). What is worked out here depends on nothing
else, so any order of changes comes to the same queue.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from pipeline.ranking import rank_of
from pipeline.times import reported_at

#: A verdict that nobody took back; for a row ``v`` of verdicts.
STANDS = "NOT EXISTS (SELECT 1 FROM undos u WHERE u.verdict_id = v.id)"
#: One that decides a story: on an item as a whole (the words of one on a mention stay when the mention goes).
DECIDES = (
    f"v.mention_id IS NULL AND v.rule IS NULL AND v.verdict IN ('relevant', 'irrelevant', 'escalated') AND {STANDS}"
)
#: Whether a row ``m`` of mentions was called wrong, and nothing else since.
IS_WRONG = f"""
    coalesce((SELECT v.verdict FROM verdicts v WHERE v.mention_id = m.id AND {STANDS} ORDER BY v.id DESC LIMIT 1)
             = 'wrong_tag', 0)
"""

_MENTIONS = f"""
    SELECT i.story_id, m.item_id, m.entity_id, m.score, e.priority, {IS_WRONG} AS is_wrong
    FROM json_each(?) w CROSS JOIN items i ON i.story_id = w.value CROSS JOIN mentions m ON m.item_id = i.id
    JOIN entities e ON e.id = m.entity_id
"""
# SQLite takes the bare column from the row where max() was found: https://sqlite.org/lang_select.html
_VERDICTS = f"""
    SELECT i.story_id, v.verdict, max(v.id)
    FROM json_each(?) w CROSS JOIN items i ON i.story_id = w.value CROSS JOIN verdicts v ON v.item_id = i.id
    WHERE {DECIDES} GROUP BY i.story_id
"""
_ITEMS = """
    SELECT i.story_id, i.id, i.feed_id, i.language, i.published_at, i.first_seen_at, i.id = s.lead_item_id AS leads
    FROM json_each(?) w CROSS JOIN items i ON i.story_id = w.value LEFT JOIN stories s ON s.id = i.story_id
    ORDER BY i.id
"""
_QUEUED = """
    INSERT INTO queue (story_id, item_id, state, score, priority, outlets, at, rank) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (story_id) DO UPDATE SET item_id = excluded.item_id, state = excluded.state, score = excluded.score,
      priority = excluded.priority, outlets = excluded.outlets, at = excluded.at, rank = excluded.rank
"""

_Rows = defaultdict[int, list[dict[str, Any]]]


def requeue(db: Database, stories: Sequence[int]) -> None:
    """Work out how each of ``stories`` stands in the queue. Runs inside the caller's transaction."""
    zone, wanted = zone_of(db), json.dumps(list(stories))
    mentions = _by_story(db.query(_MENTIONS, [wanted]))
    verdicts = {row["story_id"]: row["verdict"] for row in db.query(_VERDICTS, [wanted])}
    queued = sorted({*mentions, *verdicts})
    items = _by_story(db.query(_ITEMS, [json.dumps(queued)]))
    rows, facets = [], set()
    for story_id in queued:
        row, values = _standing(story_id, items[story_id], mentions[story_id], verdicts.get(story_id), zone)
        rows.append(row)
        facets |= values
    gone = [(story_id,) for story_id in set(stories) - set(queued)]
    db.conn.executemany("DELETE FROM queue WHERE story_id = ?", gone)
    db.conn.executemany(_QUEUED, rows)
    _replace_facets(db, wanted, facets)
    db.conn.executemany("DELETE FROM unqueued WHERE story_id = ?", [(story_id,) for story_id in stories])


def zone_of(db: Database) -> ZoneInfo:
    """The time zone whose days the queue is filtered by."""
    row = db.execute("SELECT timezone FROM queue_zone").fetchone()
    return ZoneInfo(row[0] if row else "UTC")


def _by_story(rows: Iterable[dict[str, Any]]) -> _Rows:
    found: _Rows = defaultdict(list)
    for row in rows:
        found[row["story_id"]].append(row)
    return found


def _standing(
    story_id: int,
    items: Sequence[Mapping[str, Any]],
    mentions: Sequence[Mapping[str, Any]],
    verdict: str | None,
    zone: ZoneInfo,
) -> tuple[tuple[Any, ...], set[tuple[Any, ...]]]:
    """Its row of ``queue`` and its rows of ``queue_facets``."""
    right = [mention for mention in mentions if not mention["is_wrong"]]
    state = verdict or ("awaiting" if right else "wrong_tag")
    counted = right or mentions  # where all are wrong they stay, so that this can be found and undone
    tagged = {mention["item_id"] for mention in counted}
    shown = min(items, key=lambda item: (item["id"] not in tagged, not item["leads"], item["id"]))
    score = max((mention["score"] for mention in counted), default=0.0)
    priority = max((mention["priority"] for mention in counted), default=1.0)
    feeds = {item["feed_id"] for item in items}
    at = int(min(reported_at(item) for item in items).timestamp())
    rank = rank_of(score, priority, len(feeds), at)
    day = datetime.fromtimestamp(at, zone).date().isoformat()
    values = {("all", ""), ("language", shown["language"] or ""), ("day", day)}
    values |= {("feed", feed_id) for feed_id in feeds}
    values |= {("entity", mention["entity_id"]) for mention in counted}
    row = (story_id, shown["id"], state, score, priority, len(feeds), at, rank)
    return row, {(kind, value, state, rank, story_id) for kind, value in values}


def _replace_facets(db: Database, stories: str, wanted: set[tuple[Any, ...]]) -> None:
    """Only what changed is written, by insert and delete: triggers count these."""
    query = "SELECT f.* FROM json_each(?) w CROSS JOIN queue_facets f ON f.story_id = w.value"
    stored = {tuple(row) for row in db.execute(query, [stories]).fetchall()}
    db.conn.executemany(
        "DELETE FROM queue_facets WHERE kind = ? AND value = ? AND state = ? AND rank = ? AND story_id = ?",
        stored - wanted,
    )
    db.conn.executemany("INSERT INTO queue_facets VALUES (?, ?, ?, ?, ?)", wanted - stored)
