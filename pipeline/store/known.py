"""What is known of a feed's items when a new body of it arrives. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from pipeline.models import Item, TaggedItem
from pipeline.sameness import COMPARED, Entry, base_of, by_address, by_title, can_tell, own_guid, same_id
from pipeline.store.writing import MOST_VARIABLES, chunks
from pipeline.times import from_iso, to_iso

#: How many of a feed's newest items are told to the readers as known already.
KNOWN_ITEMS = 2000
#: How many items that share one id, the newest, an entry with that id is compared with.
_MOST_SHARING = 50
_BY_ADDRESS, _BY_DATE = "INDEXED BY items_by_address", "INDEXED BY items_by_published"


@dataclass(frozen=True, slots=True)
class ToldApart:
    """A body's items, told from one another and from what is stored.

    ``fresh`` has the identities under which they are stored, ``seen`` those of the whole body. ``readdressed`` names
    those of ``fresh`` that are stored under another one yet (new → stored).
    """

    fresh: tuple[TaggedItem, ...]
    new: tuple[Item, ...]
    seen: Collection[str]
    readdressed: Mapping[str, str]


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

    def told_apart(self, feed_id: str, fresh: Sequence[TaggedItem], seen: Collection[str]) -> ToldApart:
        """Which items of a body are new, and which are stored already, be it under another identity.

        ``fresh`` are the items whose identity or content is not known, ``seen`` are the identities of the whole body.
        """
        entries = [_entry(tagged.item) for tagged in fresh]
        stored = self.among(feed_id, [entry.guid for entry in entries])
        renamed = self._sharing_an_id(feed_id, entries, stored, seen)
        items = [replace(tagged, item=replace(tagged.item, guid=renamed[tagged.item.guid])) for tagged in fresh]
        now_seen = set(seen).difference(renamed).union(renamed.values())
        stored |= self.among(feed_id, set(renamed.values()) - stored)
        unknown = [entry for entry in map(_entry, (tagged.item for tagged in items)) if entry.guid not in stored]
        readdressed = self._readdressed(feed_id, unknown, now_seen) if unknown else {}
        new = [
            tagged.item for tagged in items if tagged.item.guid not in stored and tagged.item.guid not in readdressed
        ]
        return ToldApart(tuple(items), tuple(new), now_seen, readdressed)

    def _sharing_an_id(
        self, feed_id: str, entries: Sequence[Entry], stored: Collection[str], seen: Collection[str]
    ) -> dict[str, str]:
        """Identity → the same, or that of the stored item of the same id that the entry is a version of."""
        groups: dict[str, list[Entry]] = {}
        for entry in entries:
            if entry.guid in stored or base_of(entry.guid) != entry.guid:
                groups.setdefault(base_of(entry.guid), []).append(entry)
        renamed = {entry.guid: entry.guid for entry in entries}
        elsewhere = set(seen).difference(renamed)
        for base, group in groups.items():
            rows = [row for form in _forms(base, group[0]) for row in self._sharing(feed_id, form)]
            found = same_id(group, [row for row in rows if row.guid not in elsewhere])
            for entry in group:
                taken = entry.guid in stored and entry.guid not in found
                renamed[entry.guid] = (
                    own_guid(entry.guid, entry.content_hash) if taken else found.get(entry.guid, entry.guid)
                )
        return renamed

    def _sharing(self, feed_id: str, base: str) -> list[Entry]:
        """The newest items of one id, be they told apart by a mark or not."""
        rows = self._entries(
            """
            i.id IN (SELECT id FROM items WHERE feed_id = :feed AND guid >= :base AND guid < :base || '$'
              AND (guid = :base OR length(guid) = length(:base) + 17) ORDER BY id DESC LIMIT :most)
            """,
            {"feed": feed_id, "base": base, "most": _MOST_SHARING},
        )
        return [row for row in rows if base_of(row.guid) == base]

    def _readdressed(self, feed_id: str, entries: Sequence[Entry], seen: Collection[str]) -> dict[str, str]:
        """Identity → stored identity of ``entries`` whose id alone is new, and not ``seen`` in the body."""
        addresses = {entry.address for entry in entries if can_tell(entry)}
        rows: list[Entry] = []
        for chunk in chunks(addresses, MOST_VARIABLES):
            marks = ",".join("?" * len(chunk))
            rows += self._entries(f"i.feed_id = ? AND i.canonical_url IN ({marks})", [feed_id, *chunk], _BY_ADDRESS)
        found = {guid: stored for guid, stored in by_address(entries, rows).items() if stored not in seen}
        rest = [entry for entry in entries if entry.guid not in found]
        taken = {*seen, *found.values()}
        if len(rest) >= 2 and 2 * len(rest) >= len(seen):  # the feed may have moved
            most = min(2 * len(seen) + 100, KNOWN_ITEMS)
            newest = "i.id IN (SELECT id FROM items WHERE feed_id = ? ORDER BY id DESC LIMIT ?)"
            rows = self._entries(newest, [feed_id, most])
        else:
            rows = []
        known = {row.guid for row in rows}
        for entry in rest:
            if entry.published_at is not None and entry.title:
                at = [to_iso(entry.published_at), feed_id, entry.title]
                dated = self._entries("i.published_at = ? AND i.feed_id = ? AND i.title = ?", at, _BY_DATE)
                rows += [row for row in dated if row.guid not in known]
                known.update(row.guid for row in dated)
        return found | by_title(rest, [row for row in rows if row.guid not in taken], len(seen))

    def _entries(self, where: str, values: Sequence[Any] | dict[str, Any], index: str = "") -> list[Entry]:
        """Stored items as they are compared, with what the feed said where a page's text now stands; newest first."""
        rows = self._db.execute(
            f"""
            SELECT i.guid, i.url, i.canonical_url, i.title,
              substr(i.summary, 1, {COMPARED}) || ' ' || substr(coalesce(p.feed_content, i.content), 1, {COMPARED}),
              i.published_at, i.content_hash
            FROM items i {index} LEFT JOIN pages p ON p.item_id = i.id WHERE {where} ORDER BY i.id DESC
            """,
            values,
        )
        return [
            Entry(guid, url, address, title, text, from_iso(at) if at else None, content_hash)
            for guid, url, address, title, text, at, content_hash in rows.fetchall()
        ]

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


def _entry(item: Item) -> Entry:
    text = f"{item.summary[:COMPARED]} {item.content[:COMPARED]}"
    return Entry(item.guid, item.url, item.canonical_url, item.title, text, item.published_at, item.content_hash)


def _forms(base: str, entry: Entry) -> set[str]:
    """An id in its forms: an address stands in the database as it was sent or as it is canonical."""
    return {base, entry.address or base, entry.url or base} if base in (entry.address, entry.url) else {base}
