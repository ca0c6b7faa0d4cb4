"""What the digest, the terminal and the exports read. Nothing here changes an item."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from pipeline.models import DayRow, ItemRow
from pipeline.store.coverage import Coverage
from pipeline.store.queueing import DECIDES
from pipeline.store.writing import chunks, writing
from pipeline.times import from_iso, to_iso

_MENTIONS_OF = """
    SELECT id, item_id, entity_id, field, start, "end", text, rule, score, evidence, watchlist_version
    FROM mentions WHERE item_id IN ({marks}) ORDER BY item_id, field DESC, start, "end", entity_id, id
"""
#: The newest verdict on each item as a whole.
_STANDING = f"""
    SELECT item_id, verdict, reviewer, created_at, note FROM verdicts
    WHERE id IN (SELECT max(v.id) FROM verdicts v WHERE v.item_id IN ({{marks}}) AND {DECIDES} GROUP BY v.item_id)
"""


class Reports:
    """Reading queries. Made by ``Store``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def entities_seen(self, headlines: int = 1) -> list[dict[str, Any]]:
        """Each entity with its number of items and its newest headlines, most mentioned first."""
        rows = list(
            self._db.query(
                """
                SELECT e.id, e.name, e.kind, count(DISTINCT m.item_id) AS items, count(*) AS mentions
                FROM mentions m JOIN entities e ON e.id = m.entity_id GROUP BY e.id ORDER BY items DESC, e.id
                """
            )
        )
        for row in rows:
            row["newest"] = list(
                self._db.query(
                    """
                    SELECT DISTINCT i.id, i.title, i.summary, i.content, i.feed_id, i.published_at
                    FROM items i JOIN mentions m ON m.item_id = i.id WHERE m.entity_id = ?
                    ORDER BY coalesce(i.published_at, i.first_seen_at) DESC, i.id DESC LIMIT ?
                    """,
                    [row["id"], headlines],
                )
            )
        return rows

    def day(self, start: datetime, end: datetime) -> DayRow:
        """What was first seen, and how the feeds fared, from ``start`` until before ``end``."""
        bounds, coverage = [to_iso(start), to_iso(end)], Coverage(self._db)
        items = self._db.query(
            """
            SELECT i.*, s.lead_item_id IS i.id AS leads FROM items i LEFT JOIN stories s ON s.id = i.story_id
            WHERE i.first_seen_at >= ? AND i.first_seen_at < ? AND i.id IN (SELECT item_id FROM mentions)
            ORDER BY coalesce(i.published_at, i.first_seen_at) DESC, i.id DESC
            """,
            bounds,
        )
        new = self._db.execute("SELECT count(*) FROM items WHERE first_seen_at >= ? AND first_seen_at < ?", bounds)
        fetches = self._db.query(
            """
            SELECT feed_id, count(*) AS polls, sum(outcome IN ('error', 'gone')) AS failures,
                   -- SQLite takes a bare column from the row where max() was found: https://sqlite.org/lang_select.html
                   max(CASE WHEN error IS NOT NULL THEN id END) AS last_failure, error AS last_error
            FROM fetches WHERE source = 'poll' AND started_at >= ? AND started_at < ? GROUP BY feed_id ORDER BY feed_id
            """,
            bounds,
        )
        return DayRow(
            items=tuple(row for batch in chunks(items, 500) for row in self._with_mentions(batch)),
            items_new=new.fetchone()[0],
            entities=tuple(self._db.table("entities").rows_where(order_by="id")),
            feeds=tuple(coverage.feeds()),
            fetches=tuple(fetches),
            gaps=tuple(coverage.gaps(start, end)),
            skipped=tuple(coverage.skipped(start, end)),
        )

    def export(self, since: datetime | None, entity: str | None) -> Iterator[ItemRow]:
        """Tagged items in the order of their ids, read in batches, so that any number fits in memory."""
        where, values = "", {"since": to_iso(since) if since else "", "entity": entity}
        if entity is not None:
            where = "AND entity_id = :entity"
        last = 0
        while True:
            batch = list(
                self._db.query(
                    f"""
                    SELECT * FROM items WHERE id > :last AND first_seen_at >= :since
                      AND EXISTS (SELECT 1 FROM mentions WHERE item_id = items.id {where})
                    ORDER BY id LIMIT 200
                    """,
                    values | {"last": last},
                )
            )
            if not batch:
                return
            yield from self._with_mentions(batch)
            last = batch[-1]["id"]

    def _with_mentions(self, items: list[dict[str, Any]]) -> Iterator[ItemRow]:
        ids = [item["id"] for item in items]
        marks = ",".join("?" * len(ids))
        mentions: dict[int, list[dict[str, Any]]] = {}
        for mention in self._db.query(_MENTIONS_OF.format(marks=marks), ids):
            mention["evidence"] = json.loads(mention["evidence"])
            mentions.setdefault(mention["item_id"], []).append(mention)
        verdicts = {row["item_id"]: row for row in self._db.query(_STANDING.format(marks=marks), ids)}
        for item in items:
            yield ItemRow(item, tuple(mentions.get(item["id"], ())), verdicts.get(item["id"]))

    def totals(self) -> dict[str, Any]:
        """Rows of each table and the span of time they cover."""
        tables = (
            "feeds",
            "fetches",
            "items",
            "item_versions",
            "stories",
            "entities",
            "mentions",
            "verdicts",
            "digests",
        )
        counts: dict[str, Any] = {table: self._db.table(table).count for table in tables}
        span = self._db.execute("SELECT min(first_seen_at), max(first_seen_at) FROM items").fetchone()
        states = self._db.execute("SELECT state, count(*) FROM feeds GROUP BY state ORDER BY state").fetchall()
        tagged = self._db.execute("SELECT count(DISTINCT item_id) FROM mentions").fetchone()[0]
        return counts | {
            "items_tagged": tagged,
            "first_item_at": span[0],
            "last_item_at": span[1],
            "feeds_by_state": dict(states),
        }

    def rules_used(self) -> list[dict[str, Any]]:
        """Each rule with the number of mentions it made."""
        return list(
            self._db.query(
                "SELECT entity_id, rule, count(*) AS mentions FROM mentions GROUP BY 1, 2 ORDER BY mentions DESC, rule"
            )
        )

    def save_digest(self, day: str, created_at: datetime, *, html: str, markdown: str, as_json: str) -> None:
        """Keep the digest of a local ``day``; a later one of the same day takes its place."""
        row = {"date": day, "created_at": to_iso(created_at), "html": html, "markdown": markdown, "json": as_json}
        with writing(self._db):
            self._db.table("digests").upsert(row, pk="date")

    def digest_made_at(self, day: str) -> datetime | None:
        """When the digest of a local ``day`` was made, or None."""
        row = self._db.execute("SELECT created_at FROM digests WHERE date = ?", [day]).fetchone()
        return from_iso(row[0]) if row else None

    def integrity(self) -> list[str]:
        """What SQLite's own checks find wrong: pages, foreign keys, the full-text index. Empty when all is well."""
        problems = [row[0] for row in self._db.execute("PRAGMA integrity_check").fetchall() if row[0] != "ok"]
        broken = self._db.execute("PRAGMA foreign_key_check").fetchall()
        if broken:
            problems.append(f"{len(broken)} rows refer to rows that do not exist, first in table {broken[0][0]}")
        problems.extend(self._full_text_problems())
        problems.extend(self._story_problems())
        return problems

    def _story_problems(self) -> list[str]:
        """Stories that do not say of themselves what is true of their items."""
        wrong = self._db.execute(
            """
            SELECT count(*) FROM stories s LEFT JOIN
              (SELECT story_id, count(*) AS items, min(id) AS first FROM items GROUP BY story_id) i ON i.story_id = s.id
            WHERE i.items IS NOT s.items_count OR i.first IS NOT s.id
              OR (SELECT story_id FROM items WHERE id = s.lead_item_id) IS NOT s.id
            """
        ).fetchone()[0]
        return [f"{wrong} stories do not fit their items; mend them with: watchfloor stories rebuild"] if wrong else []

    def _full_text_problems(self) -> list[str]:
        try:
            with writing(self._db):
                self._db.execute("INSERT INTO items_fts(items_fts, rank) VALUES ('integrity-check', 1)")
        except self._db.conn.DatabaseError as error:
            return [f"the full-text index is out of step ({error})"]
        return []
