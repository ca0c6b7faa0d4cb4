"""What was seen of the feeds, and what was not: how each stands, its gaps, what could not be read. Reads only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlite_utils import Database

from pipeline.times import to_iso


class Coverage:
    """Reading queries about feeds. Made by ``Store``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def feeds(self) -> list[dict[str, Any]]:
        """Every feed as it stands, with its number of items and of gaps, and the end of the last that is not filled."""
        return list(
            self._db.query(
                """
                SELECT f.*, (SELECT count(*) FROM items i WHERE i.feed_id = f.id) AS items,
                  (SELECT count(*) FROM gaps g WHERE g.feed_id = f.id) AS gaps,
                  (SELECT max(to_at) FROM gaps g WHERE g.feed_id = f.id AND g.filled_at IS NULL) AS last_gap_at
                FROM feeds f ORDER BY f.id
                """
            )
        )

    def gaps(self, start: datetime, end: datetime) -> list[dict[str, Any]]:
        """The gaps found from ``start`` until before ``end``, by feed and time."""
        return list(
            self._db.query(
                "SELECT * FROM gaps WHERE to_at >= ? AND to_at < ? ORDER BY feed_id, id", [to_iso(start), to_iso(end)]
            )
        )

    def skipped(self, start: datetime, end: datetime) -> list[dict[str, Any]]:
        """What could not be read from ``start`` until before ``end``: the most that one body had, by feed and reason.

        The most, not the sum: what cannot be read today cannot be read at the next poll of the day either.
        """
        return list(
            self._db.query(
                """
                SELECT f.feed_id, s.key AS reason, max(s.value) AS entries FROM fetches f, json_each(f.skipped) s
                WHERE f.started_at >= ? AND f.started_at < ? AND f.skipped != '{}' GROUP BY 1, 2 ORDER BY 1, 2
                """,
                [to_iso(start), to_iso(end)],
            )
        )
