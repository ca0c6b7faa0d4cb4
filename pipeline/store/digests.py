"""What a digest is made from, and digests as they were made.

Of feeds it tells how they stood at the end of the time that a digest covers, so that the digest of a past day can be
made again: from the log of fetches, never from what a feed's row says now.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlite_utils import Database

from pipeline.models import Covered, DayRow, ItemRow, Message
from pipeline.store.coverage import Coverage
from pipeline.store.outbox import put_message
from pipeline.store.queueing import STANDS
from pipeline.store.tagged import mentions_of, verdicts_of
from pipeline.store.writing import chunks, writing
from pipeline.times import from_iso, to_iso

_COVERED = """
    SELECT id FROM items WHERE first_seen_at >= :since AND first_seen_at < :until
    UNION SELECT id FROM items WHERE id > :after AND first_seen_at < :since
"""
_ITEMS = """
    SELECT i.*, s.lead_item_id IS i.id AS leads, coalesce(s.first_seen_at, i.first_seen_at) AS story_since
    FROM items i LEFT JOIN stories s ON s.id = i.story_id
    WHERE i.id IN (SELECT value FROM json_each(?)) ORDER BY i.id
"""
_OUTLETS = """
    SELECT i.story_id, i.feed_id, min(coalesce(i.published_at, i.first_seen_at)) AS at, min(i.id) AS id
    FROM json_each(:stories) w CROSS JOIN items i ON i.story_id = w.value
    WHERE i.id <= :last GROUP BY i.story_id, i.feed_id ORDER BY at, id
"""
#: A feed that was first polled later did not exist for this digest.
_FEEDS = """
    SELECT f.id, f.title, f.rhythm_s, coalesce(d.polls, 0) AS polls, coalesce(d.failures, 0) AS failures,
      (SELECT outcome FROM fetches WHERE id = d.last_id) AS last_outcome,
      (SELECT error FROM fetches WHERE id = d.last_failure) AS last_error,
      (SELECT finished_at FROM fetches x WHERE x.feed_id = f.id AND x.started_at < :until
         AND x.outcome NOT IN ('error', 'gone') ORDER BY x.id DESC LIMIT 1) AS last_success_at,
      CASE WHEN f.last_item_at < :until THEN f.last_item_at
        ELSE (SELECT coalesce(i.published_at, i.first_seen_at) FROM items i WHERE i.feed_id = f.id AND i.id <= :last
              ORDER BY i.id DESC LIMIT 1) END AS last_item_at
    FROM feeds f LEFT JOIN (
      SELECT feed_id, count(*) AS polls, sum(outcome IN ('error', 'gone')) AS failures, max(id) AS last_id,
             max(CASE WHEN error IS NOT NULL THEN id END) AS last_failure
      FROM fetches WHERE started_at >= :since AND started_at < :until GROUP BY feed_id) d ON d.feed_id = f.id
    WHERE (d.polls > 0 OR f.state != 'disabled')
      AND coalesce((SELECT started_at FROM fetches x WHERE x.feed_id = f.id ORDER BY x.id LIMIT 1), '') < :until
    ORDER BY f.id
"""
_DECIDED = f"""
    SELECT v.verdict, count(*) FROM verdicts v WHERE v.created_at >= :since AND v.created_at < :until AND {STANDS}
    GROUP BY v.verdict ORDER BY v.verdict
"""
#: Items of which a version came to its end, or began, within the time.
_EDITED = """
    SELECT id FROM items
    WHERE updated_at > first_seen_at AND updated_at >= :since AND updated_at < :until
      AND EXISTS (SELECT 1 FROM item_versions WHERE item_id = items.id)
    UNION SELECT v.item_id FROM item_versions v
    WHERE v.seen_at >= :since AND v.seen_at < :until
      AND EXISTS (SELECT 1 FROM item_versions o WHERE o.item_id = v.item_id AND o.id < v.id)
    ORDER BY 1
"""


class Digests:
    """What digests read, and the table ``digests``. Made by ``Store``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def day(self, covered: Covered) -> DayRow:
        """What was new, how the feeds fared and what people decided."""
        bounds = _bounds(covered)
        ids = [row[0] for row in self._db.execute(_COVERED, bounds | {"after": _after(covered)}).fetchall()]
        last = max(ids, default=None)
        items = tuple(row for batch in chunks(ids, 500) for row in self.tagged(batch))
        stories = json.dumps(sorted({row.item["story_id"] for row in items if row.item["story_id"]}))
        verdicts = verdicts_of(self._db, [row.item["id"] for row in items])
        outlets: dict[int, list[str]] = {}
        for row in self._db.query(_OUTLETS, {"stories": stories, "last": last}):
            outlets.setdefault(row["story_id"], []).append(row["feed_id"])
        coverage = Coverage(self._db)
        return DayRow(
            items=tuple(ItemRow(row.item, row.mentions, verdicts.get(row.item["id"])) for row in items),
            items_new=len(ids),
            first_item_id=min(ids, default=None),
            last_item_id=last,
            entities=tuple(self._db.table("entities").rows_where(order_by="id")),
            outlets={story: tuple(feeds) for story, feeds in outlets.items()},
            feeds=tuple(self._db.query(_FEEDS, bounds | {"last": self._newest_before(covered, last)})),
            gaps=tuple(coverage.gaps(covered.since, covered.until)),
            skipped=tuple(coverage.skipped(covered.since, covered.until)),
            decided=dict(self._db.execute(_DECIDED, bounds).fetchall()),
            awaiting=self._awaiting(),
        )

    def edited(self, covered: Covered) -> list[int]:
        """The ids of the items that were edited in the time."""
        return [row[0] for row in self._db.execute(_EDITED, _bounds(covered)).fetchall()]

    def kept(self, day: date) -> dict[str, Any] | None:
        """The digest of a local day as its row; None when none was made."""
        return next(iter(self._db.table("digests").rows_where("date = ?", [day.isoformat()])), None)

    def before(self, day: date) -> tuple[datetime | None, int | None]:
        """Until when the digest of the day before covers everything, and the last item that any earlier one has."""
        query = "SELECT covers_until FROM digests WHERE date = ? AND is_complete"
        row = self._db.execute(query, [(day - timedelta(days=1)).isoformat()]).fetchone()
        if row is None or row[0] is None:
            return None, None
        query = "SELECT max(last_item_id) FROM digests WHERE date < ? AND is_complete"
        return from_iso(row[0]), self._db.execute(query, [day.isoformat()]).fetchone()[0]

    def newest_first(self) -> Iterable[Mapping[str, Any]]:
        """When each digest was made, in which zone and whether of a whole day, that of the latest day first."""
        return self._db.query("SELECT date, created_at, timezone, is_complete FROM digests ORDER BY date DESC")

    def keep(self, row: Mapping[str, Any]) -> None:
        """Keep the digest of a day; it takes the place of one that is not complete, never of one that is, nor of one of
        an older release, which does not say."""
        kept = "SELECT 1 FROM digests WHERE date = ? AND (is_complete OR timezone IS NULL)"
        with writing(self._db):
            if self._db.execute(kept, [row["date"]]).fetchone() is None:
                self._db.table("digests").upsert(dict(row), pk="date")

    def issue(self, row: Mapping[str, Any], message: Message, targets: Sequence[str], unless_after: datetime) -> bool:
        """Keep the digest of a whole day, with its message to ``targets``: once, in one transaction.

        Returns False, and keeps nothing, when a complete one is there that was made before ``unless_after``; one made
        later was made by a clock that was wrong, and is replaced.
        """
        with writing(self._db):
            if self._is_complete(row["date"], unless_after):
                return False
            self._db.table("digests").upsert({**row, "is_complete": 1}, pk="date")
            put_message(self._db, message, targets)
        return True

    def _is_complete(self, day: str, before: datetime) -> bool:
        row = self._db.execute("SELECT created_at FROM digests WHERE date = ? AND is_complete", [day]).fetchone()
        return row is not None and from_iso(row[0]) <= before

    def feed_titles(self) -> dict[str, str]:
        """Feed → its title, or its id."""
        return dict(self._db.execute("SELECT id, coalesce(title, id) FROM feeds").fetchall())

    def tagged(self, ids: Sequence[int]) -> Iterable[ItemRow]:
        """Those of the items that are tagged, with their mentions that nobody called wrong, and without verdicts."""
        mentions = mentions_of(self._db, ids)
        for item in self._db.query(_ITEMS, [json.dumps(list(mentions))]):
            yield ItemRow(item, tuple(mentions[item["id"]]), None)

    def _newest_before(self, covered: Covered, last: int | None) -> int:
        """The newest item that a digest of this time can know of."""
        if last is not None:
            return last
        query = "SELECT id FROM items WHERE first_seen_at < ? ORDER BY first_seen_at DESC, id DESC LIMIT 1"
        row = self._db.execute(query, [to_iso(covered.until)]).fetchone()
        return row[0] if row else 0

    def _awaiting(self) -> int:
        query = "SELECT coalesce(sum(stories), 0) FROM queue_counts WHERE kind = 'all' AND state = 'awaiting'"
        return int(self._db.execute(query).fetchone()[0])


def _bounds(covered: Covered) -> dict[str, Any]:
    return {"since": to_iso(covered.since), "until": to_iso(covered.until)}


def _after(covered: Covered) -> int:
    """Where there was no digest before, nothing is late."""
    return 2**62 if covered.after is None else covered.after
