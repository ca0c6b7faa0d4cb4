"""What the overview reads. No query walks over items, mentions or fetches: it must be fast with a million of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from pipeline.tally import Span
from pipeline.times import from_iso, to_iso


class Overview:
    """Reading queries. Made by ``Store`` and ``Reading``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def mentions(self, spans: Sequence[Span]) -> list[tuple[int, str, int]]:
        """The mentions of each entity in each span of hours: the span's place in ``spans``, the entity, how many."""
        return self._db.execute(
            """
            SELECT s.key, t.entity_id, sum(t.mentions)
            FROM json_each(?) s CROSS JOIN tally t
              ON t.hour >= json_extract(s.value, '$[0]') AND t.hour < json_extract(s.value, '$[1]')
            GROUP BY s.key, t.entity_id HAVING sum(t.mentions) > 0
            """,
            [json.dumps(spans)],
        ).fetchall()

    def began_at(self) -> datetime | None:
        """When the first feed was polled, or the first item tagged that there is; None before."""
        row = self._db.execute(
            "SELECT (SELECT min(started_at) FROM fetches), (SELECT min(hour) || ':00:00Z' FROM tally)"
        ).fetchone()
        return min((from_iso(moment) for moment in row if moment), default=None)

    def watched(self, spans: Sequence[tuple[datetime, datetime]]) -> list[bool]:
        """Of each span of time, whether any feed was polled in it or any mention found: else nobody watched."""
        bounds = [(to_iso(start), to_iso(end)) for start, end in spans]
        rows = self._db.execute(
            """
            SELECT EXISTS (SELECT 1 FROM fetches WHERE started_at >= s.first AND started_at < s.last)
                OR EXISTS (SELECT 1 FROM tally WHERE hour >= substr(s.first, 1, 13) AND hour < substr(s.last, 1, 13)
                           AND mentions > 0)
            FROM (SELECT key, json_extract(value, '$[0]') AS first, json_extract(value, '$[1]') AS last
                  FROM json_each(?)) s ORDER BY s.key
            """,
            [json.dumps(bounds)],
        )
        return [bool(row[0]) for row in rows.fetchall()]

    def newest(self) -> tuple[datetime | None, datetime | None]:
        """When an item was stored last, and when a poll ended last."""
        row = self._db.execute(
            """
            SELECT (SELECT max(first_seen_at) FROM items),
                   (SELECT finished_at FROM fetches WHERE id = (SELECT max(id) FROM fetches))
            """
        ).fetchone()
        return (from_iso(row[0]) if row[0] else None, from_iso(row[1]) if row[1] else None)

    def outlets(self, most: int) -> tuple[list[dict[str, Any]], int]:
        """The ``most`` feeds with most tagged stories (id, title, awaiting, decided), and how many have any."""
        rows = list(
            self._db.query(
                """
                SELECT c.value AS id, coalesce(f.title, c.value) AS title,
                       sum(CASE WHEN c.state = 'awaiting' THEN c.stories ELSE 0 END) AS awaiting,
                       sum(CASE WHEN c.state != 'awaiting' THEN c.stories ELSE 0 END) AS decided
                FROM queue_counts c LEFT JOIN feeds f ON f.id = c.value
                WHERE c.kind = 'feed' AND c.stories > 0
                GROUP BY c.value ORDER BY sum(c.stories) DESC, c.value
                """
            )
        )
        return rows[:most], len(rows)

    def feeds(self) -> list[dict[str, Any]]:
        """How every feed stands that is not disabled, those that answered longest ago first."""
        return list(
            self._db.query(
                """
                SELECT id, title, state, failures, last_error, last_success_at, next_poll_at, rhythm_s, last_item_at
                FROM feeds WHERE state != 'disabled' ORDER BY last_success_at, id
                """
            )
        )

    def gaps(self, since: datetime, most: int) -> tuple[list[dict[str, Any]], int]:
        """The newest ``most`` gaps found since then that are not filled, and how many there are."""
        where, values = "to_at >= ? AND filled_at IS NULL", [to_iso(since)]
        rows = self._db.table("gaps").rows_where(where, values, order_by="to_at DESC, id DESC", limit=most)
        return list(rows), self._db.table("gaps").count_where(where, values)
