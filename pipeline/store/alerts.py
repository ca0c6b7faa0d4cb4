"""What alerts look at and what they told. Every story, and every count of a day, is told once by each alert.

Reading and what follows from it stand in one transaction (``looking``): stories are folded, and verdicts given, at any
time, and somebody may have started the daemon twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from pipeline.models import Message
from pipeline.store.outbox import put_message
from pipeline.store.queueing import DECIDES, IS_WRONG
from pipeline.store.writing import writing
from pipeline.times import from_iso, to_iso

#: What was decided of the story of a row ``i`` of items. CROSS JOIN: SQLite would rather go through all verdicts on
#: items as a whole than through the story's items.
_VERDICT = f"""
    (SELECT v.verdict FROM items x CROSS JOIN verdicts v ON v.item_id = x.id WHERE x.story_id = i.story_id AND {DECIDES}
     ORDER BY v.id DESC LIMIT 1)
"""
#: Items whose story is worked out, and what is tagged in them that nobody called wrong.
_CANDIDATES = f"""
    SELECT u.item_id, i.story_id, coalesce(i.published_at, i.first_seen_at) AS at,
      (SELECT json_group_array(DISTINCT m.entity_id) FROM mentions m
       WHERE m.item_id = i.id AND NOT {IS_WRONG}) AS entities,
      {_VERDICT} AS verdict
    FROM unalerted u JOIN items i ON i.id = u.item_id
    WHERE i.story_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM unfolded f WHERE f.item_id = i.id)
    ORDER BY u.item_id LIMIT :most
"""
#: The alerts that told of a story, by any of its items: stories that were two when they were told may be one now.
_TOLD = """
    SELECT i.story_id, a.alert FROM json_each(?) w CROSS JOIN items i ON i.story_id = w.value
    CROSS JOIN alerts a ON a.item_id = i.id
"""
#: What waits, with how its story stands now. Stories that were two when they were found may be one, and told, by now.
_WAITING = f"""
    SELECT a.id, a.item_id, a.entity_id, a.day, a.mentions, a.usual, a.found_at, i.story_id, {_VERDICT} AS verdict,
      EXISTS (SELECT 1 FROM items x CROSS JOIN alerts o ON o.item_id = x.id
              WHERE x.story_id = i.story_id AND o.alert = a.alert AND o.message_id IS NOT NULL) AS is_told,
      coalesce(q.item_id, a.item_id) AS shown_id, coalesce(q.rank, 0) AS rank, coalesce(q.outlets, 1) AS outlets
    FROM alerts a LEFT JOIN items i ON i.id = a.item_id LEFT JOIN queue q ON q.story_id = i.story_id
    WHERE a.alert = ? AND a.message_id IS NULL ORDER BY a.id
"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item with new mentions, its story, and the alerts that have told of that already."""

    item_id: int
    story_id: int
    at: datetime  # when it was published, or first seen
    entities: tuple[str, ...]
    is_irrelevant: bool
    told_by: frozenset[str]


class Alerts:
    """The tables ``alerting``, ``unalerted`` and ``alerts``. Made by ``Store``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def looking(self) -> AbstractContextManager[None]:
        """The transaction within which what is found is noted, and what waits is told: nobody else does meanwhile."""
        return writing(self._db)

    def follow(self, names: Iterable[str], now: datetime) -> None:
        """Let these alerts be the ones that look. What came before the first of them alerts nobody, and neither does
        what waited of one that is no longer there."""
        wanted, known = set(names), {row[0] for row in self._db.execute("SELECT alert FROM alerting").fetchall()}
        if wanted == known:
            return
        with writing(self._db):
            if not wanted:
                self._db.execute("DELETE FROM unalerted")
            gone = [(name,) for name in known - wanted]
            self._db.conn.executemany("DELETE FROM alerting WHERE alert = ?", gone)
            self._db.conn.executemany("DELETE FROM alerts WHERE alert = ? AND message_id IS NULL", gone)
            new = [{"alert": name, "since": to_iso(now)} for name in sorted(wanted - known)]
            self._db.table("alerting").insert_all(new, ignore=True)

    def candidates(self, most: int) -> list[Candidate]:
        """Items that no alert has looked at, at most so many, the first stored first."""
        rows = list(self._db.query(_CANDIDATES, {"most": most}))
        told: dict[int, set[str]] = {}
        stories = json.dumps(sorted({row["story_id"] for row in rows}))
        for story, alert in self._db.execute(_TOLD, [stories]).fetchall() if rows else ():
            told.setdefault(story, set()).add(alert)
        return [
            Candidate(
                row["item_id"],
                row["story_id"],
                from_iso(row["at"]),
                tuple(sorted(json.loads(row["entities"]))),
                row["verdict"] == "irrelevant",
                frozenset(told.get(row["story_id"], ())),
            )
            for row in rows
        ]

    def note(self, found: Sequence[tuple[str, int, str]], looked_at: Iterable[int], now: datetime) -> None:
        """Keep what is to be told (alert, item, its foremost entity), and that these items were looked at."""
        with writing(self._db):
            self._db.table("alerts").insert_all(
                {"alert": alert, "item_id": item_id, "entity_id": entity, "found_at": to_iso(now)}
                for alert, item_id, entity in found
            )
            ids = [(item_id,) for item_id in looked_at]
            self._db.conn.executemany("DELETE FROM unalerted WHERE item_id = ?", ids)

    def counted_at(self, alert: str) -> datetime | None:
        """When the counts of the day were looked at last; None: never."""
        row = self._db.execute("SELECT counted_at FROM alerting WHERE alert = ?", [alert]).fetchone()
        return from_iso(row[0]) if row and row[0] else None

    def note_counts(self, alert: str, found: Iterable[Mapping[str, Any]], now: datetime) -> None:
        """Keep unusual counts (entity_id, day, mentions, usual) that were not told of this day, and when they were
        looked at."""
        with writing(self._db):
            for row in found:
                self._db.execute(
                    """
                    INSERT INTO alerts (alert, entity_id, day, mentions, usual, found_at)
                    VALUES (:alert, :entity_id, :day, :mentions, :usual, :found_at) ON CONFLICT DO NOTHING
                    """,
                    {"alert": alert, "found_at": to_iso(now), **row},
                )
            self._db.table("alerting").update(alert, {"counted_at": to_iso(now)})

    def is_any_waiting(self, alert: str) -> bool:
        """Whether anything is to be told that was not yet; takes no lock."""
        query = "SELECT 1 FROM alerts WHERE alert = ? AND message_id IS NULL LIMIT 1"
        return self._db.execute(query, [alert]).fetchone() is not None

    def waiting(self, alert: str) -> list[dict[str, Any]]:
        """What is to be told and was not yet, each with how its story stands now: in the queue, what was decided of
        it, and whether the alert told of it by another of its items."""
        return list(self._db.query(_WAITING, [alert]))

    def forget(self, ids: Iterable[int]) -> None:
        """Let go what waits and is no longer to be told; it may be found again."""
        gone = [(number,) for number in ids]
        if gone:
            with writing(self._db):
                self._db.conn.executemany("DELETE FROM alerts WHERE id = ? AND message_id IS NULL", gone)

    def told_since(self, alert: str, since: datetime) -> int:
        """How many messages an alert has made since then. The moment itself counts: only whole seconds are kept."""
        query = "SELECT count(*) FROM messages WHERE kind = 'alert' AND about = ? AND created_at >= ?"
        return int(self._db.execute(query, [alert, to_iso(since)]).fetchone()[0])

    def tell(self, message: Message, targets: Iterable[str], told: Iterable[int]) -> None:
        """Put a message that tells of these, in one transaction."""
        with writing(self._db):
            message_id = put_message(self._db, message, targets)
            self._db.conn.executemany(
                "UPDATE alerts SET message_id = ? WHERE id = ?", [(message_id, number) for number in told]
            )
