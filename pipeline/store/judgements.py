"""What people's verdicts say of tags: how often each rule was right, and the judged items with what is right in them.

A mention is right where its item stands as relevant or escalated and nobody called the mention wrong. It is wrong where
somebody did. Of an item that is irrelevant nothing is known: news that nobody needs may be tagged rightly. Reads only.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from pipeline.precision import Judged
from pipeline.store.queueing import DECIDES, IS_WRONG, STANDS
from pipeline.store.writing import chunks
from pipeline.times import to_iso

#: Items as their newest verdict left them. SQLite takes the bare column from the row where max() was found.
DECIDED = f"SELECT v.item_id, v.verdict, max(v.id) AS id FROM verdicts v WHERE {DECIDES} GROUP BY v.item_id"
_OF_ITEMS = f"""
    SELECT v.item_id, v.verdict, max(v.id) FROM verdicts v
    WHERE v.item_id IN ({{marks}}) AND {DECIDES} GROUP BY v.item_id
"""
IS_RIGHT = f"d.verdict IN ('relevant', 'escalated') AND NOT {IS_WRONG}"
# What made no mention any more is counted by where it stood; two people may have called the same one wrong.
_WRONG = f"""
    SELECT v.rule, v.entity_id, count(DISTINCT v.item_id || ' ' || v.field || ' ' || v.start || ' ' || v."end")
    FROM verdicts v WHERE v.verdict = 'wrong_tag' AND v.rule IS NOT NULL AND {STANDS} GROUP BY 1, 2
"""
_RIGHT = f"""
    SELECT m.rule, m.entity_id, count(*) FROM ({DECIDED}) d CROSS JOIN mentions m ON m.item_id = d.item_id
    WHERE {IS_RIGHT} GROUP BY 1, 2
"""
_MISSED = f"""
    SELECT v.entity_id, count(DISTINCT v.item_id || ' ' || coalesce(v.field, '') || ' ' || coalesce(v.start, ''))
    FROM verdicts v WHERE v.verdict = 'missed_tag' AND {STANDS} GROUP BY 1
"""


class Judgements:
    """Reading queries. Made by ``Store`` and ``Reading``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def rules(self) -> list[Judged]:
        """Each rule that made a stored mention or was judged, by its id."""
        counts = self._counts("SELECT rule, entity_id, mentions FROM rule_counts WHERE mentions > 0")
        right, wrong = self._counts(_RIGHT), self._counts(_WRONG)
        return [
            Judged(*key, counts.get(key, 0), right.get(key, 0), wrong.get(key, 0))
            for key in sorted(counts.keys() | right.keys() | wrong.keys())
        ]

    def missed(self) -> dict[str, int]:
        """Entity → how many tags of it people missed."""
        return dict(self._db.execute(_MISSED).fetchall())

    def _counts(self, query: str) -> dict[tuple[str, str], int]:
        return {(rule, entity): count for rule, entity, count in self._db.execute(query).fetchall()}

    def judged_items(self, since: datetime | None) -> Iterator[dict[str, Any]]:
        """Items with something that is right, wrong or missed in them, in the order of their ids.

        Each with its texts, feed and language; right and wrong hold entities and words, missed entities and words or
        None. Only items first seen since ``since``.
        """
        ids = self._db.execute(
            f"""
            SELECT i.id FROM items i WHERE i.first_seen_at >= ? AND i.id IN (
              SELECT item_id FROM ({DECIDED}) WHERE verdict IN ('relevant', 'escalated')
              UNION SELECT v.item_id FROM verdicts v WHERE v.verdict IN ('wrong_tag', 'missed_tag') AND {STANDS})
            ORDER BY i.id
            """,
            [to_iso(since) if since else ""],
        )
        for batch in chunks((row[0] for row in ids.fetchall()), 200):
            yield from self._with_judgements(batch)

    def _with_judgements(self, ids: list[int]) -> Iterator[dict[str, Any]]:
        marks = ",".join("?" * len(ids))
        found: dict[int, dict[str, list[Any]]] = {key: {"right": [], "wrong": [], "missed": []} for key in ids}
        queries = {
            "right": f"""
                SELECT m.item_id, m.entity_id, m.text
                FROM ({_OF_ITEMS.format(marks=marks)}) d CROSS JOIN mentions m ON m.item_id = d.item_id
                WHERE {IS_RIGHT} ORDER BY m.item_id, m.field DESC, m.start, m.entity_id
                """,
            "wrong": f"""
                SELECT v.item_id, v.entity_id, v.text FROM verdicts v
                WHERE v.item_id IN ({marks}) AND v.verdict = 'wrong_tag' AND {STANDS} ORDER BY v.id
                """,
            "missed": f"""
                SELECT v.item_id, v.entity_id, v.text FROM verdicts v
                WHERE v.item_id IN ({marks}) AND v.verdict = 'missed_tag' AND {STANDS} ORDER BY v.id
                """,
        }
        for kind, query in queries.items():
            for item_id, entity, text in self._db.execute(query, ids).fetchall():
                found[item_id][kind].append((entity, text))
        items = self._db.query(
            f"SELECT id, feed_id, language, title, summary, content FROM items WHERE id IN ({marks}) ORDER BY id", ids
        )
        for item in items:
            if any(itertools.chain.from_iterable(found[item["id"]].values())):
                yield item | found[item["id"]]
