"""The pages of items whose feed asks for full text: which are due, and what each gave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from pipeline.models import Item, TaggedItem
from pipeline.store.mentions import replace_mentions
from pipeline.store.stories import await_folding
from pipeline.store.writing import writing
from pipeline.times import from_iso, to_iso


@dataclass(frozen=True, slots=True)
class DuePage:
    """A page that is due: of which item, as its feed gave it, and how often it was tried."""

    item_id: int
    feed_id: str
    item: Item
    url: str
    tries: int


@dataclass(frozen=True, slots=True)
class PageTried:
    """What a try came to. ``tagged`` is the item with the page's text, where that was taken."""

    page: DuePage
    outcome: str
    reason: str
    next_try_at: datetime | None
    tagged: TaggedItem | None = None


def await_pages(db: Database, item_ids: Iterable[int], now: str) -> None:
    """Let the pages of new and changed items be tried from ``now`` on. Runs inside the caller's transaction.

    A changed item says what its feed says until its page was read again.
    """
    for item_id in item_ids:
        db.execute(
            """
            INSERT INTO pages (item_id, next_try_at) SELECT id, :now FROM items WHERE id = :id AND url IS NOT NULL
            ON CONFLICT (item_id) DO UPDATE SET tries = 0, next_try_at = :now, feed_content = NULL
            """,
            {"id": item_id, "now": now},
        )


class Pages:
    """Full text. Made by ``Store``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def due(self, feed_ids: Collection[str], now: datetime, limit: int) -> list[DuePage]:
        """Up to ``limit`` pages of these feeds that may be tried at ``now``, those first that waited longest."""
        if not feed_ids:
            return []
        marks = ",".join("?" * len(feed_ids))
        rows = self._db.query(
            f"""
            SELECT i.*, p.tries FROM pages p JOIN items i ON i.id = p.item_id
            WHERE p.next_try_at <= ? AND i.feed_id IN ({marks}) ORDER BY p.next_try_at, i.id LIMIT ?
            """,
            [to_iso(now), *feed_ids, limit],
        )
        return [DuePage(row["id"], row["feed_id"], _item(row), row["url"], row["tries"]) for row in rows]

    def save(self, tried: PageTried, now: datetime, watchlist_version: str) -> int:
        """Store a try, with the text where it was taken; returns the number of mentions gained.

        An item that changed since the page was due keeps what its feed says now; its page is due again already.
        """
        page, gained = tried.page, 0
        with writing(self._db):
            row = self._db.execute("SELECT content, content_hash FROM items WHERE id = ?", [page.item_id]).fetchone()
            if row is None or row[1] != page.item.content_hash:
                return 0
            columns: dict[str, Any] = {
                "tries": page.tries + 1,
                "tried_at": to_iso(now),
                "next_try_at": to_iso(tried.next_try_at) if tried.next_try_at else None,
                "outcome": tried.outcome,
                "reason": tried.reason,
            }
            if tried.tagged is not None:
                item = tried.tagged.item
                columns["feed_content"] = row[0]
                text = {"content": item.content, "language": item.language, "watchlist_version": watchlist_version}
                self._db.table("items").update(page.item_id, text)
                gained = replace_mentions(self._db, page.item_id, tried.tagged.mentions, watchlist_version)
                await_folding(self._db, [(page.item_id, tried.tagged.keys)])
            self._db.table("pages").update(page.item_id, columns)
        return gained

    def given_up(self, since: datetime) -> dict[str, Counter[str]]:
        """Feed → outcome → how many pages tried since then were given up, so that the feed's text stays."""
        found: dict[str, Counter[str]] = {}
        rows = self._db.execute(
            """
            SELECT i.feed_id, p.outcome, count(*) FROM pages p CROSS JOIN items i ON i.id = p.item_id
            WHERE p.next_try_at IS NULL AND p.tried_at >= ? AND p.outcome NOT IN ('taken', 'enough') GROUP BY 1, 2
            """,
            [to_iso(since)],
        )
        for feed_id, outcome, count in rows.fetchall():
            found.setdefault(feed_id, Counter())[outcome] = count
        return found


def _item(row: Mapping[str, Any]) -> Item:
    return Item(
        guid=row["guid"],
        url=row["url"],
        canonical_url=row["canonical_url"],
        title=row["title"],
        summary=row["summary"],
        content=row["content"],
        author=row["author"],
        language=row["language"],
        published_at=from_iso(row["published_at"]) if row["published_at"] else None,
        content_hash=row["content_hash"],
    )
