"""What is known of a feed's items when a new body of it arrives. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlite_utils import Database

from pipeline.models import Item
from pipeline.store.writing import MOST_VARIABLES, chunks
from pipeline.times import from_iso, to_iso

#: How many of a feed's newest items are told to the readers as known already.
KNOWN_ITEMS = 2000


class Known:
    """Reading queries over one feed's items. Made by ``Store``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def hashes(self, feed_id: str) -> dict[str, str]:
        """Identity → content hash of the feed's newest items: what a reader need not tag again."""
        rows = self._db.execute(
            "SELECT guid, content_hash FROM items WHERE feed_id = ? ORDER BY id DESC LIMIT ?", [feed_id, KNOWN_ITEMS]
        )
        return dict(rows.fetchall())

    def among(self, feed_id: str, guids: Iterable[str]) -> set[str]:
        """Those of ``guids`` that are stored."""
        return self._matching("guid", feed_id, guids)

    def addresses_among(self, feed_id: str, addresses: Iterable[str]) -> set[str]:
        """Those of the canonical ``addresses`` that an item of the feed has."""
        return self._matching("canonical_url", feed_id, addresses)

    def told_apart(
        self, feed_id: str, fresh: Sequence[Item], seen: Collection[str]
    ) -> tuple[list[Item], dict[str, str]]:
        """Of the ``fresh`` items of a body those that are new, and the stored identities of those only readdressed.

        ``seen`` are the identities of the whole body.
        """
        stored = self.among(feed_id, [item.guid for item in fresh])
        unknown = [item for item in fresh if item.guid not in stored]
        readdressed = self._readdressed(feed_id, unknown, seen)
        return [item for item in unknown if item.guid not in readdressed], readdressed

    def _readdressed(self, feed_id: str, items: Iterable[Item], seen: Collection[str]) -> dict[str, str]:
        """Identity → stored identity of ``items`` that no id but their address identifies, and that only it made new.

        An item of the feed has the same title and date, is identified by its address, too, and is not in the body
        (``seen``). Two such are not told apart, and stay two.
        """
        found: dict[str, str] = {}
        for item in items:
            if item.guid != item.canonical_url or not item.title or item.published_at is None:
                continue
            rows = self._db.execute(
                """
                SELECT guid FROM items INDEXED BY items_by_published
                WHERE published_at = ? AND feed_id = ? AND title = ? AND guid = canonical_url
                """,
                [to_iso(item.published_at), feed_id, item.title],
            )
            stored = {row[0] for row in rows.fetchall()}.difference(seen, found.values())
            if len(stored) == 1:
                found[item.guid] = stored.pop()
        return found

    def newest(self, feed_id: str, number: int) -> set[str]:
        """The identities of the feed's newest items, by their dates."""
        rows = self._db.execute(
            """
            SELECT guid FROM items WHERE feed_id = ?
            ORDER BY coalesce(published_at, first_seen_at) DESC, id DESC LIMIT ?
            """,
            [feed_id, number],
        )
        return {row[0] for row in rows.fetchall()}

    def newest_date(self, feed_id: str, now: datetime) -> datetime | None:
        """When the newest item was published that is not dated after ``now``."""
        row = self._db.execute(
            "SELECT max(published_at) FROM items WHERE feed_id = ? AND published_at <= ?", [feed_id, to_iso(now)]
        ).fetchone()
        return from_iso(row[0]) if row[0] else None

    def _matching(self, column: str, feed_id: str, values: Iterable[str]) -> set[str]:
        found: set[str] = set()
        for chunk in chunks(values, MOST_VARIABLES):
            marks = ",".join("?" * len(chunk))
            rows = self._db.execute(
                f"SELECT {column} FROM items WHERE feed_id = ? AND {column} IN ({marks})", [feed_id, *chunk]
            )
            found.update(row[0] for row in rows.fetchall())
        return found
