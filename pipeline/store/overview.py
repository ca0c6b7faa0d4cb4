"""What the overview reads. No query walks over items, mentions or fetches: it must be fast with a million of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from pipeline.tally import Daily, Span, daily, watched, window
from pipeline.times import from_iso, to_iso


class Overview:
    """Reading queries. Made by ``Store`` and ``Reading``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def history(self, now: datetime, zone: ZoneInfo, days: int) -> tuple[Daily, dict[str, set[int]]]:
        """What ``unusual`` judges by: the mentions of the last ``days`` local days, and when each feed was watched."""
        shown = window(now, zone, days)
        counted = daily(shown, self.mentions(shown.spans))
        return counted, watched(counted, zone, self.answered(shown.days[0] - timedelta(days=1)))

    def mentions(self, spans: Sequence[Span]) -> list[tuple[int, str, str, int]]:
        """The mentions of each entity in each feed in each span of hours: the span's place in ``spans``, the entity,
        the feed, how many."""
        return self._mentions(spans, "t.feed_id")

    def mentions_in_all(self, spans: Sequence[Span]) -> list[tuple[int, str, str, int]]:
        """The same with all feeds together, which is some times as fast; the feed is empty."""
        return self._mentions(spans, "''")

    def _mentions(self, spans: Sequence[Span], feed: str) -> list[tuple[int, str, str, int]]:
        return self._db.execute(
            f"""
            SELECT s.key, t.entity_id, {feed}, sum(t.mentions)
            FROM json_each(?) s CROSS JOIN tally t
              ON t.hour >= json_extract(s.value, '$[0]') AND t.hour < json_extract(s.value, '$[1]')
            GROUP BY 1, 2, 3 HAVING sum(t.mentions) > 0
            """,
            [json.dumps(spans)],
        ).fetchall()

    def answered(self, since: date) -> list[tuple[str, str, str]]:
        """Of each feed: its id, the first day (UTC) on which it ever answered, and those since then, with spaces."""
        return self._db.execute(
            """
            SELECT f.id, (SELECT min(day) FROM feed_days d WHERE d.feed_id = f.id) AS first,
                   coalesce((SELECT group_concat(day, ' ') FROM feed_days d WHERE d.feed_id = f.id AND d.day >= ?), '')
            FROM feeds f WHERE first IS NOT NULL
            """,
            [since.isoformat()],
        ).fetchall()

    def usual_feeds(self, since: datetime, until: datetime) -> dict[str, list[str]]:
        """Entity → the feeds that brought mentions of it in this time, those with most first."""
        found: dict[str, list[str]] = {}
        rows = self._db.execute(
            """
            SELECT entity_id, feed_id FROM tally WHERE hour >= ? AND hour < ?
            GROUP BY entity_id, feed_id HAVING sum(mentions) > 0 ORDER BY entity_id, sum(mentions) DESC, feed_id
            """,
            [to_iso(since)[:13], to_iso(until)[:13]],
        )
        for entity, feed in rows.fetchall():
            found.setdefault(entity, []).append(feed)
        return found

    def began_at(self) -> datetime | None:
        """When the first feed was polled, or the first item stored that there is; None before."""
        row = self._db.execute(
            "SELECT (SELECT min(started_at) FROM fetches), (SELECT min(first_seen_at) FROM items)"
        ).fetchone()
        return min((from_iso(moment) for moment in row if moment), default=None)

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
