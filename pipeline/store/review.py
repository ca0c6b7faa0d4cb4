"""What analysts said: verdicts are only ever added, the newest one stands."""

from __future__ import annotations

from datetime import datetime
from typing import Any, get_args

from sqlite_utils import Database

from pipeline.errors import UsageError
from pipeline.models import Verdict
from pipeline.store.writing import inserted_id, writing
from pipeline.times import to_iso

VERDICTS: tuple[str, ...] = get_args(Verdict)


class Review:
    """The review queue and its audit trail. Made by ``Store``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def queue(self, entity: str | None, limit: int) -> list[dict[str, Any]]:
        """Stories of which no item has a verdict, best score first, then newest.

        Each by its lead, if that is tagged, or by its tagged item stored first: id, title, feed, time, address, text,
        the story's entities, its best score and the number of its other items.
        """
        where = (
            "AND coalesce(i.story_id, -i.id) IN"
            " (SELECT coalesce(x.story_id, -x.id) FROM items x JOIN mentions n ON n.item_id = x.id"
            " WHERE n.entity_id = :entity)"
            if entity
            else ""
        )
        return list(
            self._db.query(
                f"""
                SELECT i.id, i.title, i.feed_id, i.first_seen_at, i.url, i.summary, i.content, i.story_id,
                       q.entities, q.score, coalesce(s.items_count, 1) - 1 AS copies
                FROM (
                  SELECT group_concat(DISTINCT m.entity_id) AS entities, max(m.score) AS score,
                         coalesce(max(CASE WHEN i.id = s.lead_item_id THEN i.id END), min(i.id)) AS item_id
                  FROM mentions m JOIN items i ON i.id = m.item_id LEFT JOIN stories s ON s.id = i.story_id
                  WHERE NOT EXISTS (SELECT 1 FROM verdicts v WHERE v.item_id = i.id)
                    AND NOT EXISTS (SELECT 1 FROM verdicts v JOIN items x ON x.id = v.item_id
                                    WHERE x.story_id = i.story_id) {where}
                  GROUP BY coalesce(i.story_id, -i.id)  -- an item of an earlier release waits to be folded
                ) q JOIN items i ON i.id = q.item_id LEFT JOIN stories s ON s.id = i.story_id
                ORDER BY q.score DESC, i.first_seen_at DESC, i.id DESC LIMIT :limit
                """,
                {"entity": entity, "limit": limit},
            )
        )

    def mark(
        self,
        item_id: int,
        verdict: str,
        *,
        reviewer: str,
        now: datetime,
        mention_id: int | None = None,
        entity_id: str | None = None,
        note: str = "",
    ) -> int:
        """Add a verdict and return its id.

        Raises:
            UsageError: for an unknown item, mention, entity or verdict, or one that does not say what it is about.
        """
        if verdict not in VERDICTS:
            raise UsageError(f"there is no verdict {verdict!r}; use one of: {', '.join(VERDICTS)}")
        if verdict == "wrong_tag" and mention_id is None:
            raise UsageError("wrong_tag needs --mention ID: which tag is wrong")
        if verdict == "missed_tag" and entity_id is None:
            raise UsageError("missed_tag needs --entity ID: which entity was missed")
        if not self._db.table("items").count_where("id = ?", [item_id]):
            raise UsageError(f"there is no item {item_id}; see the ids with: watchfloor review list")
        if entity_id is not None and not self._db.table("entities").count_where("id = ?", [entity_id]):
            raise UsageError(f"there is no entity {entity_id!r}; see them with: watchfloor stats")
        about: dict[str, Any] = {}
        if mention_id is not None:
            rows = list(self._db.table("mentions").rows_where("id = ? AND item_id = ?", [mention_id, item_id]))
            if not rows:
                raise UsageError(f"item {item_id} has no mention {mention_id}")
            entity_id = entity_id or rows[0]["entity_id"]
            about = {key: rows[0][key] for key in ("field", "start", "end", "text", "rule")}
        row = {
            "item_id": item_id,
            "mention_id": mention_id,
            "verdict": verdict,
            "entity_id": entity_id,
            "note": note,
            "reviewer": reviewer,
            "created_at": to_iso(now),
            **about,  # what the reviewer saw outlives the mention
        }
        with writing(self._db):
            return inserted_id(self._db.table("verdicts").insert(row))
