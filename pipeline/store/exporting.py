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
from pipeline.store.tagged import mentions_of, verdicts_of
from pipeline.store.writing import chunks
from pipeline.times import from_iso, to_iso

_BATCH = 200
_CANDIDATES = 2000  # ids that are looked at together: of a rare language or feed few of them are wanted
_ITEMS = """
    SELECT i.*, coalesce(s.lead_item_id = i.id, 0) AS leads, coalesce(nullif(f.title, ''), f.id) AS feed_title,
      max(i.updated_at, i.first_seen_at, coalesce(l.first_used_at, '')) AS changed_at
    FROM json_each(?) w CROSS JOIN items i ON i.id = w.value JOIN feeds f ON f.id = i.feed_id
    LEFT JOIN stories s ON s.id = i.story_id LEFT JOIN watchlists l ON l.version = i.watchlist_version ORDER BY w.key
"""
_REVIEWED = """
    SELECT w.value AS item_id, max(v.created_at, coalesce(u.created_at, '')) AS at
    FROM json_each(?) w CROSS JOIN items a ON a.id = w.value
    CROSS JOIN items i ON i.id = a.id OR i.story_id = a.story_id CROSS JOIN verdicts v ON v.item_id = i.id
    LEFT JOIN undos u ON u.verdict_id = v.id ORDER BY at
"""
#: Where the ids of items are found that may be wanted: in the narrowest index, each in its order.
_WITH_WORDS = "SELECT rowid AS id FROM items_fts WHERE items_fts MATCH :words AND rowid"
_DECIDED = """
    SELECT DISTINCT i.id FROM verdicts v CROSS JOIN items a ON a.id = v.item_id
    CROSS JOIN items i ON i.id = a.id OR i.story_id = a.story_id WHERE v.verdict = :verdict AND i.id
"""
_OF_ENTITY = "SELECT DISTINCT item_id AS id FROM mentions WHERE entity_id = :entity AND item_id"
_TAGGED = "SELECT DISTINCT item_id AS id FROM mentions WHERE item_id"


class Exporting:
    """Reading queries. Made by ``Store`` and ``Reading``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def items(self, wanted: Wanted) -> Iterator[ItemRow]:
        """Tagged items that meet the filter, in the order of their ids; mentions that were called wrong are left out.

        An item's verdict is the one that stands on its story. Its ``changed_at`` is when anything of what is exported
        last became what it is: its text, its tags (by the watch-list that tagged it), what was decided or taken back.
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

    def watched(self) -> tuple[datetime, datetime] | None:
        """When a watch-list was used for the first time, the first one and the last one; None before."""
        first, last = self._db.execute("SELECT min(first_used_at), max(first_used_at) FROM watchlists").fetchone()
        return (from_iso(first), from_iso(last)) if first else None

    def updated_at(self) -> datetime | None:
        """When an item was stored or changed, or decided on, or another watch-list was used, last; None where there is
        nothing."""
        row = self._db.execute(
            """
            SELECT max(at) FROM (SELECT max(updated_at) AS at FROM items WHERE updated_at > first_seen_at
              UNION ALL SELECT max(first_seen_at) FROM items
              UNION ALL SELECT created_at FROM verdicts WHERE id = (SELECT max(id) FROM verdicts)
              UNION ALL SELECT max(created_at) FROM undos UNION ALL SELECT max(first_used_at) FROM watchlists)
            """
        ).fetchone()
        return from_iso(row[0]) if row[0] else None

    def _ids(self, wanted: Wanted, *, newest_first: bool) -> Iterator[int]:
        """Ids of items that may meet the filter, each once, some at a time: nothing is held open in between.

        Each look begins where the one before ended, in an index that has that order: a scan or a sort for each would
        make the time grow with the square of the number of items.
        """
        values: dict[str, Any] = {
            "since": to_iso(wanted.since) if wanted.since else "",
            "until": to_iso(wanted.until) if wanted.until else "9",
            "entity": wanted.entities[0] if wanted.entities else None,
            "entities": json.dumps(wanted.entities),
            "verdict": wanted.verdict,
            "feed": wanted.feed,
            "language": wanted.language,
            "words": fts_query(wanted.words) if wanted.words else None,
        }
        low, high = self._span(wanted, values)
        source, conditions = _source(wanted), _conditions(wanted)
        column = source.rsplit(None, 1)[-1]
        # one bound on each side: of two SQLite takes either, and begins at the first item each time
        side, end, order = ("<", ">=", "DESC") if newest_first else (">", "<=", "ASC")
        values |= {"last": high + 1, "end": low} if newest_first else {"last": low - 1, "end": high}
        look = f"""
            {source} {side} :last AND {column} {end} :end ORDER BY {column} {order} LIMIT {_CANDIDATES}
        """
        while ids := [row[0] for row in self._db.execute(look, values).fetchall()]:
            values["last"] = ids[-1]
            if conditions:
                query = f"""
                    SELECT i.id FROM json_each(:ids) w CROSS JOIN items i ON i.id = w.value
                    WHERE {" AND ".join(conditions)} ORDER BY w.key
                """
                ids = [row[0] for row in self._db.execute(query, values | {"ids": json.dumps(ids)}).fetchall()]
            yield from ids

    def _span(self, wanted: Wanted, values: dict[str, Any]) -> tuple[int, int]:
        """Between which ids the items of the wanted time are: ids grow with time, but for clocks that were wrong."""
        if wanted.since is None and wanted.until is None:
            return 0, 2**62
        query = "SELECT min(id), max(id) FROM items WHERE first_seen_at >= :since AND first_seen_at < :until"
        low, high = self._db.execute(query, values).fetchone()
        return (low, high) if low is not None else (1, 0)

    def _rows(self, ids: Sequence[int], wanted: Wanted) -> Iterator[ItemRow]:
        mentions = mentions_of(self._db, ids)
        items = list(self._db.query(_ITEMS, [json.dumps([item_id for item_id in ids if item_id in mentions])]))
        tagged = [item["id"] for item in items]
        verdicts = verdicts_of(self._db, tagged)
        reviewed = {row["item_id"]: row["at"] for row in self._db.query(_REVIEWED, [json.dumps(tagged)])}
        for item in items:
            item["changed_at"] = max(item["changed_at"], reviewed.get(item["id"], ""))
            verdict = verdicts.get(item["id"])
            standing = verdict["verdict"] if verdict else "none"
            own = {mention["entity_id"] for mention in mentions[item["id"]]}
            if wanted.verdict in (None, standing) and (not wanted.entities or own & set(wanted.entities)):
                yield ItemRow(item, tuple(mentions[item["id"]]), verdict)


def _source(wanted: Wanted) -> str:
    """A query for ids in their order, up to the comparison of the id."""
    if wanted.words:
        return _WITH_WORDS
    if wanted.verdict not in (None, "none"):
        return _DECIDED.strip()
    # of several entities the ids would have to be sorted at each look
    return _OF_ENTITY if len(wanted.entities) == 1 else _TAGGED


def _conditions(wanted: Wanted) -> list[str]:
    """What the rows of ``items`` must meet besides."""
    found = []
    if wanted.entities and _source(wanted) is not _OF_ENTITY:
        among = "m.entity_id IN (SELECT value FROM json_each(:entities))"
        found.append(f"EXISTS (SELECT 1 FROM mentions m WHERE m.item_id = i.id AND {among})")
    if wanted.feed:
        found.append("i.feed_id = :feed")
    if wanted.language:
        found.append("i.language = :language")
    if wanted.since or wanted.until:
        found.append("i.first_seen_at >= :since AND i.first_seen_at < :until")
    return found
