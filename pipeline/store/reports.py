"""What the digest, the terminal and the exports read. Nothing here changes an item."""

from __future__ import annotations

from typing import Any

from sqlite_utils import Database

from pipeline.store.writing import writing


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
