"""What exports read: tagged items that meet a filter, in batches, so that any number fits in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlite_utils import Database

from pipeline.grams import fts_query
from pipeline.models import ItemRow, Wanted
from pipeline.store.queueing import DECIDES, IS_WRONG
from pipeline.store.writing import chunks
from pipeline.times import from_iso, to_iso

_BATCH = 200
_ITEMS = """
    SELECT i.*, coalesce(s.lead_item_id = i.id, 0) AS leads, coalesce(f.title, f.id) AS feed_title
    FROM json_each(?) w CROSS JOIN items i ON i.id = w.value JOIN feeds f ON f.id = i.feed_id
    LEFT JOIN stories s ON s.id = i.story_id ORDER BY w.key
"""
_MENTIONS = f"""
    SELECT m.id, m.item_id, m.entity_id, m.field, m.start, m."end", m.text, m.rule, m.score, m.evidence,
      m.watchlist_version
    FROM mentions m WHERE m.item_id IN (SELECT value FROM json_each(?)) AND NOT {IS_WRONG}
    ORDER BY m.item_id, m.field DESC, m.start, m."end", m.entity_id, m.id
"""
# SQLite takes the bare columns from the row where max() was found: https://sqlite.org/lang_select.html
_VERDICTS = f"""
    SELECT w.value AS asked, v.item_id, v.verdict, v.reviewer, v.created_at, v.note, max(v.id) AS id
    FROM json_each(?) w CROSS JOIN items a ON a.id = w.value
    CROSS JOIN items i ON i.id = a.id OR i.story_id = a.story_id CROSS JOIN verdicts v ON v.item_id = i.id
    WHERE {DECIDES} GROUP BY w.value
"""


class Exporting:
    """Reading queries. Made by ``Store`` and ``Reading``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def items(self, wanted: Wanted) -> Iterator[ItemRow]:
        """Tagged items that meet the filter, in the order of their ids; mentions that were called wrong are left out.

        An item's verdict is the one that stands on its story.
        """
        for ids in chunks(self._ids(wanted, newest_first=False), _BATCH):
            yield from self._rows(ids, wanted)

    def newest(self, wanted: Wanted, most: int) -> list[ItemRow]:
        """The ``most`` of them that were stored last, the last one first."""
        found: Iterator[ItemRow] = (
            row for ids in chunks(self._ids(wanted, newest_first=True), _BATCH) for row in self._rows(ids, wanted)
        )
        return list(islice(found, most))

    def entities(self) -> dict[str, dict[str, Any]]:
        """Everything that was ever watched, by its id."""
        return {row["id"]: row for row in self._db.table("entities").rows}

    def began_at(self) -> datetime | None:
        """When a watch-list was used first; None before."""
        row = self._db.execute("SELECT min(first_used_at) FROM watchlists").fetchone()
        return from_iso(row[0]) if row[0] else None

    def updated_at(self) -> datetime | None:
        """When an item was stored or changed, or decided on, last; None where there is none."""
        row = self._db.execute(
            """
            SELECT max(at) FROM (SELECT max(updated_at) AS at FROM items WHERE updated_at > first_seen_at
              UNION ALL SELECT max(first_seen_at) FROM items
              UNION ALL SELECT created_at FROM verdicts WHERE id = (SELECT max(id) FROM verdicts))
            """
        ).fetchone()
        return from_iso(row[0]) if row[0] else None

    def _ids(self, wanted: Wanted, *, newest_first: bool) -> Iterator[int]:
        """Ids of items that may meet the filter, a batch at a time: nothing is held open in between."""
        conditions = ["i.first_seen_at >= :since", "i.first_seen_at < :until"]
        values: dict[str, Any] = {
            "since": to_iso(wanted.since) if wanted.since else "",
            "until": to_iso(wanted.until) if wanted.until else "9",
            "entities": json.dumps(wanted.entities),
            "feed": wanted.feed,
            "language": wanted.language,
            "words": fts_query(wanted.words) if wanted.words else None,
            "last": 2**62 if newest_first else 0,
        }
        of_entity = "AND m.entity_id IN (SELECT value FROM json_each(:entities))" if wanted.entities else ""
        conditions.append(f"EXISTS (SELECT 1 FROM mentions m WHERE m.item_id = i.id {of_entity})")
        if wanted.feed:
            conditions.append("i.feed_id = :feed")
        if wanted.language:
            conditions.append("i.language = :language")
        side, order = ("<", "DESC") if newest_first else (">", "ASC")
        if wanted.words:
            # of the full-text index only so many rows at a time, then those of them that meet the rest
            source = f"""
                SELECT rowid AS id FROM items_fts WHERE items_fts MATCH :words AND rowid {side} :last
                ORDER BY rowid {order} LIMIT {_BATCH}
            """
        else:
            source = f"""
                SELECT i.id FROM items i WHERE i.id {side} :last AND {" AND ".join(conditions)}
                ORDER BY i.id {order} LIMIT {_BATCH}
            """
        while True:
            ids = [row[0] for row in self._db.execute(source, values).fetchall()]
            if not ids:
                return
            values["last"] = ids[-1]
            if wanted.words:
                query = f"""
                    SELECT i.id FROM items i
                    WHERE i.id IN (SELECT value FROM json_each(:ids)) AND {" AND ".join(conditions)}
                    ORDER BY i.id {order}
                """
                ids = [row[0] for row in self._db.execute(query, values | {"ids": json.dumps(ids)}).fetchall()]
            yield from ids

    def _rows(self, ids: Sequence[int], wanted: Wanted) -> Iterator[ItemRow]:
        mentions: dict[int, list[dict[str, Any]]] = {}
        for mention in self._db.query(_MENTIONS, [json.dumps(list(ids))]):
            mention["evidence"] = json.loads(mention["evidence"])
            mentions.setdefault(mention["item_id"], []).append(mention)
        items = list(self._db.query(_ITEMS, [json.dumps([item_id for item_id in ids if item_id in mentions])]))
        asked = json.dumps([item["id"] for item in items])
        verdicts = {row.pop("asked"): row for row in self._db.query(_VERDICTS, [asked])}
        for item in items:
            verdict = verdicts.get(item["id"])
            standing = verdict["verdict"] if verdict else "none"
            own = {mention["entity_id"] for mention in mentions[item["id"]]}
            if wanted.verdict in (None, standing) and (not wanted.entities or own & set(wanted.entities)):
                yield ItemRow(item, tuple(mentions[item["id"]]), verdict)
