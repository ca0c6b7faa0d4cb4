"""What SQLite cannot index by itself: the pairs of characters of Korean, Chinese and Japanese."""

from __future__ import annotations

from sqlite_utils import Database

from pipeline.grams import grams_of
from pipeline.store.writing import writing


class Search:
    """Keeps ``grams`` true; triggers bring it into the index. Made by ``Store``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def is_any_waiting(self) -> bool:
        """Whether the pairs of any item are to be worked out; takes no lock."""
        return self._db.execute("SELECT 1 FROM ungrammed LIMIT 1").fetchone() is not None

    def refresh(self, size: int) -> int:
        """Work out the pairs of at most ``size`` of the items that wait, those stored last first, in one transaction;
        return how many."""
        if not self.is_any_waiting():
            return 0
        with writing(self._db):
            return self._batch(size)

    def _batch(self, size: int) -> int:
        rows = self._db.execute(
            """
            SELECT i.id, i.title, i.summary, i.content FROM ungrammed u JOIN items i ON i.id = u.item_id
            ORDER BY u.item_id DESC LIMIT ?
            """,
            [size],
        ).fetchall()
        found = [(row[0], grams_of("\n".join(row[1:]))) for row in rows]
        self._db.conn.executemany(
            """
            INSERT INTO grams (item_id, grams) VALUES (?, ?)
            ON CONFLICT (item_id) DO UPDATE SET grams = excluded.grams WHERE grams != excluded.grams
            """,
            [pair for pair in found if pair[1]],
        )
        self._db.conn.executemany("DELETE FROM grams WHERE item_id = ?", [(pair[0],) for pair in found if not pair[1]])
        self._db.conn.executemany("DELETE FROM ungrammed WHERE item_id = ?", [(pair[0],) for pair in found])
        return len(found)
