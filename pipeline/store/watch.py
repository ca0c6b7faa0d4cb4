"""The watch-list's side of the database: entities, and the mentions of stored items when rules change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlite_utils import Database

from pipeline.models import FIELDS, Mention
from pipeline.store.mentions import place_of, place_of_mention, replace_mentions
from pipeline.store.writing import writing
from pipeline.times import to_iso
from pipeline.watchlist import Watchlist


@dataclass(frozen=True, slots=True)
class RetagChange:
    """One mention that the present watch-list gains or loses."""

    item_id: int
    gained: bool
    entity_id: str
    rule: str
    text: str
    sentence: str
    title: str


class Watch:
    """Entities and mentions. Made by ``Store``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def sync(self, watchlist: Watchlist, now: datetime, priority: Mapping[str, float] = MappingProxyType({})) -> None:
        """Keep the watch-list by its version, and make the entities table hold its entities, each with its priority
        (the usual is 1).

        Entities that left it stay, as mentions refer to them.
        """
        stored = {row["id"]: row for row in self._db.table("entities").rows}
        wanted = [
            {
                "id": entity.id,
                "name": entity.name,
                "kind": entity.kind,
                "parent_id": entity.parent,
                "description": entity.description,
                "aliases": json.dumps(entity.model_dump(mode="json")["aliases"], ensure_ascii=False),
                "references": json.dumps(entity.model_dump(mode="json")["references"]),
                "priority": float(priority.get(entity.id, 1)),
            }
            for entity in watchlist.entities
        ]
        changed = [row for row in wanted if stored.get(str(row["id"])) != row]
        is_known = self._db.table("watchlists").count_where("version = ?", [watchlist.version]) > 0
        if changed or not is_known:
            row = {
                "version": watchlist.version,
                "first_used_at": to_iso(now),
                "content": watchlist.model_dump_json(exclude_defaults=True),
            }
            with writing(self._db):
                self._db.table("entities").upsert_all(changed, pk="id")
                self._db.table("watchlists").insert(row, ignore=True)

    def count_outdated(self, version: str, since: datetime | None) -> int:
        """How many items, seen since ``since``, another watch-list than ``version`` tagged last."""
        where, values = _outdated(version, since)
        return self._db.table("items").count_where(where, values)

    def outdated_in_batches(
        self, version: str, since: datetime | None, size: int = 200
    ) -> Iterator[list[dict[str, Any]]]:
        """Items that another watch-list than ``version`` tagged last, seen since ``since``: in the order of their ids,
        ``size`` at a time, with their text fields, feed and language."""
        last = 0
        where, values = _outdated(version, since)
        while True:
            rows = list(
                self._db.query(
                    f"SELECT id, feed_id, language, title, summary, content FROM items"
                    f" WHERE id > ? AND {where} ORDER BY id LIMIT ?",
                    [last, *values, size],
                )
            )
            if not rows:
                return
            yield rows
            last = rows[-1]["id"]

    def compare(self, row: Mapping[str, Any], mentions: Sequence[Mention]) -> list[RetagChange]:
        """What storing ``mentions`` for the item ``row`` would gain and lose, by rule."""
        wanted = {(*place_of_mention(m), m.rule): (m.text, str(m.evidence.get("sentence", m.text))) for m in mentions}
        stored = {
            (*place_of(m), m["rule"]): (m["text"], str(json.loads(m["evidence"]).get("sentence", m["text"])))
            for m in self._db.table("mentions").rows_where("item_id = ?", [row["id"]])
        }
        changes = []
        for key in sorted(wanted.keys() ^ stored.keys()):
            text, sentence = (wanted | stored)[key]
            changes.append(RetagChange(row["id"], key in wanted, key[0], key[4], text, sentence, row["title"]))
        return changes

    def save_batch(self, batch: Sequence[tuple[Mapping[str, Any], Sequence[Mention]]], version: str) -> None:
        """Make the mentions of each item what the present watch-list finds; one transaction for the batch.

        An item whose text changed since it was read keeps the mentions that its own poll stored.
        """
        with writing(self._db):
            for row, mentions in batch:
                present = self._db.execute("SELECT title, summary, content FROM items WHERE id = ?", [row["id"]])
                if present.fetchone() == tuple(row[field] for field in FIELDS):
                    replace_mentions(self._db, row["id"], mentions, version)
                    self._db.table("items").update(row["id"], {"watchlist_version": version})


def _outdated(version: str, since: datetime | None) -> tuple[str, list[str]]:
    where = "watchlist_version IS NOT ?"
    return (f"{where} AND first_seen_at >= ?", [version, to_iso(since)]) if since else (where, [version])
