"""The watch-list's side of the database: entities, and the mentions of stored items when rules change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from pipeline.models import Mention
from pipeline.store.polls import mention_key, replace_mentions
from pipeline.store.writing import writing
from pipeline.times import to_iso
from pipeline.watchlist import Watchlist

FIELDS = ("title", "summary", "content")


@dataclass(frozen=True, slots=True)
class RetagChange:
    """One mention that the present watch-list gains or loses."""

    item_id: int
    gained: bool
    entity_id: str
    rule: str
    text: str
    title: str


class Watch:
    """Entities and mentions. Made by ``Store``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def sync_entities(self, watchlist: Watchlist) -> None:
        """Make the entities table hold the watch-list's; entities that left it stay, as mentions refer to them."""
        stored = {row["id"]: row for row in self._db.table("entities").rows}
        wanted = [
            {
                "id": entity.id,
                "name": entity.name,
                "kind": entity.kind,
                "parent_id": entity.parent,
                "description": entity.description,
            }
            for entity in watchlist.entities
        ]
        changed = [row for row in wanted if stored.get(str(row["id"])) != row]
        if changed:
            with writing(self._db):
                self._db.table("entities").upsert_all(changed, pk="id")

    def items_in_batches(self, since: datetime | None, size: int = 200) -> Iterator[list[dict[str, Any]]]:
        """Stored items (id and text fields) seen since ``since``, in the order of their ids, ``size`` at a time."""
        last = 0
        where, values = ("AND first_seen_at >= ?", [to_iso(since)]) if since else ("", [])
        while True:
            rows = list(
                self._db.query(
                    f"SELECT id, title, summary, content FROM items WHERE id > ? {where} ORDER BY id LIMIT ?",
                    [last, *values, size],
                )
            )
            if not rows:
                return
            yield rows
            last = rows[-1]["id"]

    def compare(self, row: Mapping[str, Any], mentions: Sequence[Mention]) -> list[RetagChange]:
        """What storing ``mentions`` for the item ``row`` would gain and lose."""
        wanted = {mention_key(mention): mention.text for mention in mentions}
        stored = {
            (m["entity_id"], m["field"], m["start"], m["end"], m["rule"]): m["text"]
            for m in self._db.table("mentions").rows_where("item_id = ?", [row["id"]])
        }
        return [
            RetagChange(row["id"], key in wanted, key[0], key[4], (wanted | stored)[key], row["title"])
            for key in sorted(wanted.keys() ^ stored.keys())
        ]

    def save_batch(self, batch: Sequence[tuple[Mapping[str, Any], Sequence[Mention]]], version: str) -> None:
        """Make the mentions of each item what the present watch-list finds; one transaction for the batch.

        An item whose text changed since it was read keeps the mentions that its own poll stored.
        """
        with writing(self._db):
            for row, mentions in batch:
                present = self._db.execute("SELECT title, summary, content FROM items WHERE id = ?", [row["id"]])
                if present.fetchone() == tuple(row[field] for field in FIELDS):
                    replace_mentions(self._db, row["id"], mentions, version)
