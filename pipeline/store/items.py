"""One item with all that is known of it: mentions, versions, verdicts, and its story's other copies. Reads only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from pipeline.models import Said
from pipeline.store.queueing import STANDS
from pipeline.store.versions import said_by


@dataclass(frozen=True, slots=True)
class ItemHistory:
    """A stored item as plain values. ``versions`` are the oldest first, ``verdicts`` the newest first,
    without those that were taken back.

    ``item`` also has feed_content: what the feed says where the page's text stands, else None. ``copies`` are the other
    items of its story.
    """

    item: dict[str, Any]
    feed_title: str
    mentions: tuple[dict[str, Any], ...]
    versions: tuple[dict[str, Any], ...]
    verdicts: tuple[dict[str, Any], ...]
    copies: tuple[dict[str, Any], ...]
    entities: dict[str, str]  # id → name, of all that are mentioned now or were

    @property
    def said(self) -> Said:
        """What the item says now."""
        return said_by(self.item, self.mentions)

    @property
    def said_before(self) -> tuple[tuple[dict[str, Any], Said], ...]:
        """Each version with what it said, for ``differences.edits_of``."""
        return tuple((version, said_by(version, version["mentions"])) for version in self.versions)


class Items:
    """Reading queries over one item. Made by ``Store``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def history(self, item_id: int) -> ItemHistory | None:
        """The item with this id, with all that is known of it; None when there is none."""
        rows = self._db.query(
            """
            SELECT i.*, p.feed_content, coalesce(f.title, f.id) AS feed_title FROM items i
            JOIN feeds f ON f.id = i.feed_id LEFT JOIN pages p ON p.item_id = i.id WHERE i.id = ?
            """,
            [item_id],
        )
        item = next(rows, None)
        if item is None:
            return None
        mentions = [
            row | {"evidence": json.loads(row["evidence"])}
            for row in self._of(
                "mentions", item_id, """field = 'content', field = 'summary', start, "end", entity_id"""
            )
        ]
        versions = [
            row | {"mentions": json.loads(row["mentions"]) if row["mentions"] else None}
            for row in self._of("item_versions", item_id, "id")
        ]
        ids = {row["entity_id"] for row in mentions}
        ids |= {mention["entity"] for row in versions for mention in row["mentions"] or ()}
        return ItemHistory(
            item=item,
            feed_title=item.pop("feed_title"),
            mentions=tuple(mentions),
            versions=tuple(versions),
            verdicts=tuple(
                self._db.query(
                    f"SELECT v.* FROM verdicts v WHERE v.item_id = ? AND {STANDS} ORDER BY v.id DESC", [item_id]
                )
            ),
            copies=tuple(self._copies(item)),
            entities={row["id"]: row["name"] for row in self._db.table("entities").rows if row["id"] in ids},
        )

    def _of(self, table: str, item_id: int, order: str) -> list[dict[str, Any]]:
        return list(self._db.table(table).rows_where("item_id = ?", [item_id], order_by=order))

    def _copies(self, item: dict[str, Any]) -> list[dict[str, Any]]:
        return list(
            self._db.query(
                """
                SELECT i.id, i.feed_id, i.title, i.url, i.published_at, i.first_seen_at,
                       i.id = s.lead_item_id AS is_lead
                FROM items i JOIN stories s ON s.id = i.story_id WHERE i.story_id = ? AND i.id != ?
                ORDER BY coalesce(i.published_at, i.first_seen_at), i.id
                """,
                [item["story_id"], item["id"]],
            )
        )
