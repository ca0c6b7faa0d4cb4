"""Canonical addresses as they are worked out since ural does it, and the identities that are made of them."""

from __future__ import annotations

from sqlite_utils import Database

from pipeline.sameness import base_of

_BATCH = 1000


def step(db: Database) -> None:
    """Renew every item's canonical address, and its identity where it was made of the old one.

    An identity that is the item's address as the feed sent it may be the feed's own id, and stays; so does one whose
    new form another item has. A poll that shows such an item finds it by its address. Holds a batch of rows at a time.
    """
    # so that the newest items of a feed are found without sorting all of them
    db.execute("CREATE INDEX items_by_feed ON items(feed_id)")
    last = 0
    while True:
        rows = db.execute(
            "SELECT id, guid, url, canonical_url FROM items WHERE id > ? AND url IS NOT NULL ORDER BY id LIMIT ?",
            [last, _BATCH],
        ).fetchall()
        if not rows:
            break
        from pipeline.addresses import canonical_address  # noqa: PLC0415 - four megabytes; a new database needs none

        last = rows[-1][0]
        for item_id, guid, url, old in rows:
            new, base = canonical_address(url), base_of(guid)
            if new != old:
                db.execute("UPDATE items SET canonical_url = ? WHERE id = ?", [new, item_id])
            if new != old and base == old and base != url:
                db.execute("UPDATE OR IGNORE items SET guid = ? WHERE id = ?", [new + guid[len(base) :], item_id])
