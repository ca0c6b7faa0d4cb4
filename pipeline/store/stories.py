"""Stories: which items are still to be folded, where an item's copies may be, and what folding came to.

An item has a story of its own from the moment it is stored. A story's id is that of its item stored first, so that
folding anew gives the same ids. ``pipeline/folding.py`` decides what is folded.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

from sqlite_utils import Database

from pipeline.clean import display_title
from pipeline.models import Group, Item, TaggedItem, Unfolded
from pipeline.store.writing import MOST_VARIABLES, chunks, writing
from pipeline.times import reported_at

#: Twice the usual window, so that an item's window lies in two of them.
_BUCKET = 14 * 86400
#: A key that more items have in a bucket says little: they are one large story, or notices made from one template. Then
#: so few of them are looked at, those stored last: one is enough to join the story, and a template's copies of one
#: notice have their title or address in common, too. So an item costs the same among ten thousand notices.
_MOST_OF_A_KEY, _FEW = 50, 5
#: The holders of a key, those stored last first, and whether they are too many; then only so few. SQLite steps over the
#: others without making a row of each.
_HOLDERS = f"""
    WITH beyond AS (SELECT 1 FROM bands WHERE bucket = ?1 AND key = ?2 LIMIT 1 OFFSET {_MOST_OF_A_KEY})
    SELECT item_id, EXISTS (SELECT 1 FROM beyond) FROM bands WHERE bucket = ?1 AND key = ?2
    ORDER BY item_id DESC LIMIT iif(EXISTS (SELECT 1 FROM beyond), {_FEW}, {_MOST_OF_A_KEY})
"""
#: A story is led by the earliest of the items that have at least this much of the longest one's text.
_FULL = 0.75


def await_folding(db: Database, items: Iterable[tuple[int, Sequence[int]]]) -> None:
    """Let the stories of new and changed items be worked out, each given with its keys. Runs inside the caller's
    transaction."""
    db.conn.executemany(
        "INSERT INTO unfolded (item_id, keys) VALUES (?, ?) ON CONFLICT (item_id) DO UPDATE SET keys = excluded.keys",
        [(item_id, _packed(keys) if keys else None) for item_id, keys in items],
    )


def own_stories(db: Database, items: Sequence[TaggedItem], seen_at: str) -> dict[str, int]:
    """Give each of the items that are about to be stored an id, and under it a story of its own; returns the ids by
    guid. Runs inside the caller's transaction, which must store the items."""
    db.conn.execute("PRAGMA defer_foreign_keys = ON")  # a story refers to its lead, and that to its story
    last = db.execute("SELECT coalesce(max(id), 0) FROM items").fetchone()[0]
    ids = {tagged.item.guid: item_id for item_id, tagged in enumerate(items, last + 1)}
    titles = [(ids[tagged.item.guid], _title_of(tagged.item), seen_at) for tagged in items]
    db.conn.executemany(
        """
        INSERT INTO stories (id, lead_item_id, title, first_seen_at, last_seen_at, items_count)
        VALUES (?1, ?1, ?2, ?3, ?3, 1)
        """,
        titles,
    )
    return ids


def _title_of(item: Item | Unfolded) -> str:
    return display_title({"title": item.title, "summary": item.summary, "content": item.content})


class Stories:
    """Stories and their items. Made by ``Store``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def folding(self) -> AbstractContextManager[None]:
        """The transaction within which a batch is taken, compared and saved: nobody else folds meanwhile."""
        return writing(self._db)

    def waiting(self) -> int:
        """How many items are still to be folded."""
        return self._db.table("unfolded").count

    def is_any_waiting(self) -> bool:
        """Whether any is; takes no lock."""
        return self._db.execute("SELECT 1 FROM unfolded LIMIT 1").fetchone() is not None

    def is_rebuilding(self) -> bool:
        """Whether a rebuild has begun and not come to its end."""
        return self._db.execute("SELECT 1 FROM unfolded WHERE rebuild LIMIT 1").fetchone() is not None

    def begin_rebuild(self) -> int:
        """Let the story of every item be worked out anew; returns their number."""
        with writing(self._db):
            self._db.execute(
                """
                INSERT INTO unfolded (item_id, rebuild) SELECT id, 1 FROM items WHERE 1
                ON CONFLICT (item_id) DO UPDATE SET rebuild = 1, keys = NULL
                """
            )
        return self.waiting()

    def take(self, number: int) -> list[Unfolded]:
        """The items to be folded next, the last stored first, with all that share a story with one of them now."""
        rows = self._db.execute("SELECT item_id FROM unfolded ORDER BY item_id DESC LIMIT ?", [number])
        ids = {row[0] for row in rows.fetchall()}
        for chunk in chunks(sorted(ids), MOST_VARIABLES):
            marks = ",".join("?" * len(chunk))
            ids |= {
                row[0]
                for row in self._db.execute(
                    f"""
                    SELECT id FROM items WHERE story_id IN
                      (SELECT story_id FROM items WHERE id IN ({marks}) AND story_id IS NOT NULL)
                    """,
                    chunk,
                ).fetchall()
            }
        return self.texts(sorted(ids))

    def texts(self, ids: Iterable[int]) -> list[Unfolded]:
        """Items as they are compared."""
        rows = self._db.query(
            """
            SELECT i.id, i.feed_id, i.canonical_url, i.title, i.summary, i.content, i.published_at, i.first_seen_at,
              i.story_id, u.keys AS new_keys
            FROM json_each(?) wanted JOIN items i ON i.id = wanted.value LEFT JOIN unfolded u ON u.item_id = i.id
            ORDER BY i.id
            """,
            [json.dumps(list(ids))],  # one statement for any number, where SQLite would keep one for each
        )
        return [_unfolded(row) for row in rows]

    def index(self, item: Unfolded, keys: Sequence[int]) -> None:
        """Let ``item`` be found under ``keys``, and no more under those it had."""
        packed = _packed(keys)
        old = self._db.execute("SELECT at, keys FROM fingerprints WHERE item_id = ?", [item.item_id]).fetchone()
        if old is not None and (old[0] // _BUCKET != item.at // _BUCKET or old[1] != packed):
            self._db.conn.executemany(
                "DELETE FROM bands WHERE bucket = ? AND key = ? AND item_id = ?",
                [(old[0] // _BUCKET, key, item.item_id) for key in _unpacked(old[1])],
            )
        size = len(item.title) + max(len(item.summary), len(item.content))
        self._db.execute(
            "INSERT OR REPLACE INTO fingerprints (item_id, at, size, keys) VALUES (?, ?, ?, ?)",
            [item.item_id, item.at, size, packed],
        )
        self._db.conn.executemany(
            "INSERT OR IGNORE INTO bands (bucket, key, item_id) VALUES (?, ?, ?)",
            [(item.at // _BUCKET, key, item.item_id) for key in keys],
        )

    def near(self, item: Unfolded, keys: Sequence[int], window: timedelta) -> list[int]:
        """Items within ``window`` of ``item`` that share keys with it, those first that share the rarest."""
        seconds = int(window.total_seconds())
        shared: defaultdict[int, float] = defaultdict(float)  # a key that few have says more
        for bucket in range((item.at - seconds) // _BUCKET, (item.at + seconds) // _BUCKET + 1):
            for holders, found in self._with_keys(bucket, keys):
                for item_id in found if holders <= _MOST_OF_A_KEY else found[-_FEW:]:
                    shared[item_id] += 1 / holders
        shared.pop(item.item_id, None)
        if not shared:
            return []
        rows = self._db.conn.execute(
            "SELECT item_id, abs(at - ?) FROM fingerprints WHERE item_id IN (SELECT value FROM json_each(?))",
            [item.at, json.dumps(list(shared))],
        )
        ranked = [(-shared[item_id], apart, item_id) for item_id, apart in rows if apart <= seconds]
        return [item_id for _, _, item_id in sorted(ranked)]

    def _with_keys(self, bucket: int, keys: Sequence[int]) -> Iterable[tuple[int, list[int]]]:
        """For each key how many items have it, and these, those stored last at the end; of too many only those."""
        most = len(keys) * _MOST_OF_A_KEY
        where = f"FROM bands WHERE bucket = ? AND key IN ({','.join('?' * len(keys))})"
        [number] = self._db.conn.execute(f"SELECT count(*) FROM (SELECT 1 {where} LIMIT ?)", [bucket, *keys, most])
        if number[0] < most:
            found: defaultdict[int, list[int]] = defaultdict(list)
            for key, item_id in self._db.conn.execute(f"SELECT key, item_id {where}", [bucket, *keys]):
                found[key].append(item_id)
            return [(len(items), items) for items in found.values()]
        each = (self._db.conn.execute(_HOLDERS, [bucket, key]).fetchall() for key in keys)
        return [
            (_MOST_OF_A_KEY + 1 if rows[0][1] else len(rows), [row[0] for row in reversed(rows)])
            for rows in each
            if rows
        ]

    def save(self, groups: Iterable[Group]) -> None:
        """Make each group one story."""
        left: set[int] = set()
        alone: list[Unfolded] = []
        done: list[tuple[int]] = []
        for group in groups:
            done += [(item.item_id,) for item in group.items]
            if len(group.items) == 1 and not group.stories and group.items[0].story_id == group.items[0].item_id:
                alone += group.items
            else:
                left |= self._save(group)
        self._db.conn.executemany(
            """
            UPDATE stories SET lead_item_id = ?1, title = ?2, first_seen_at = ?3, last_seen_at = ?3, items_count = 1
            WHERE id = ?1
            """,
            [(item.item_id, _title_of(item), item.first_seen_at) for item in alone],
        )
        self._db.conn.executemany("DELETE FROM unfolded WHERE item_id = ?", done)
        for story_id in left:
            self._db.execute(
                "DELETE FROM stories WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM items WHERE story_id = ?1)", [story_id]
            )

    def _save(self, group: Group) -> set[int]:
        """Returns the stories that some of the items were of before."""
        joined = sorted(group.stories)
        marks = ",".join("?" * len(joined))
        rows = (
            self._db.execute(f"SELECT id FROM items WHERE story_id IN ({marks})", joined).fetchall() if joined else []
        )
        members = sorted({item.item_id for item in group.items} | {row[0] for row in rows})
        story_id = members[0]
        seen = [(item.first_seen_at, item.first_seen_at) for item in group.items]
        if joined:
            query = f"SELECT first_seen_at, last_seen_at FROM stories WHERE id IN ({marks})"
            seen += self._db.execute(query, joined).fetchall()
        lead = self._lead(members)
        first, last = min(first for first, _ in seen), max(last for _, last in seen)
        self._db.execute(
            """
            INSERT INTO stories (id, lead_item_id, title, first_seen_at, last_seen_at, items_count)
            VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET lead_item_id = excluded.lead_item_id, title = excluded.title,
              first_seen_at = excluded.first_seen_at, last_seen_at = excluded.last_seen_at,
              items_count = excluded.items_count
            """,
            [story_id, lead["id"], display_title(lead), first, last, len(members)],
        )
        moving = [item.item_id for item in group.items if item.story_id != story_id]
        if joined:
            moving += [row[0] for row in rows]
        for chunk in chunks(moving, MOST_VARIABLES):
            self._db.execute(
                f"UPDATE items SET story_id = ? WHERE id IN ({','.join('?' * len(chunk))}) AND story_id IS NOT ?",
                [story_id, *chunk, story_id],
            )
        return ({item.story_id for item in group.items if item.story_id} | group.stories) - {story_id}

    def _lead(self, members: Sequence[int]) -> Mapping[str, Any]:
        """The earliest of the fullest items."""
        found: list[tuple[int, int, int]] = []
        for chunk in chunks(members, MOST_VARIABLES):
            marks = ",".join("?" * len(chunk))
            query = f"SELECT at, -size, item_id FROM fingerprints WHERE item_id IN ({marks})"
            found += self._db.execute(query, chunk).fetchall()
        least = min(size for _, size, _ in found) * _FULL
        _, _, item_id = min(row for row in found if row[1] <= least)
        return next(self._db.query("SELECT id, title, summary, content FROM items WHERE id = ?", [item_id]))

    def totals(self) -> dict[str, int]:
        """How many items and stories there are, how many of these have copies, and how many items the largest has."""
        row = self._db.execute("SELECT count(*), sum(items_count > 1), max(items_count) FROM stories").fetchone()
        items = self._db.table("items").count
        return {"items": items, "stories": row[0], "folded": row[1] or 0, "largest": row[2] or 0}

    def list(self, *, least: int, limit: int, since: str = "") -> list[dict[str, Any]]:
        """Stories of at least so many items, last seen since ``since``: the newest first, with their outlets."""
        return [
            row | {"feeds": json.loads(row["feeds"])}
            for row in self._db.query(
                """
                SELECT s.*, (SELECT json_group_array(DISTINCT feed_id) FROM items WHERE story_id = s.id) AS feeds
                FROM stories s WHERE s.items_count >= ? AND s.last_seen_at >= ?
                ORDER BY s.last_seen_at DESC, s.id DESC LIMIT ?
                """,
                [least, since, limit],
            )
        ]

    def story(self, story_id: int) -> dict[str, Any] | None:
        """A story with its ``items``, the lead first, then the earliest; ``story_id`` may be that of any of them."""
        found = list(
            self._db.query("SELECT * FROM stories WHERE id = (SELECT story_id FROM items WHERE id = ?)", [story_id])
        )
        if not found:
            return None
        story = found[0]
        items = self._db.query(
            """
            SELECT i.*, coalesce(f.title, f.id) AS outlet FROM items i JOIN feeds f ON f.id = i.feed_id
            WHERE i.story_id = ? ORDER BY i.id != ?, coalesce(i.published_at, i.first_seen_at), i.id
            """,
            [story["id"], story["lead_item_id"]],
        )
        return story | {"items": list(items)}


def _unfolded(row: Mapping[str, Any]) -> Unfolded:
    return Unfolded(
        item_id=row["id"],
        feed_id=row["feed_id"],
        canonical_url=row["canonical_url"],
        title=row["title"],
        summary=row["summary"],
        content=row["content"],
        at=int(reported_at(row).timestamp()),
        first_seen_at=row["first_seen_at"],
        story_id=row["story_id"],
        keys=_unpacked(row["new_keys"]) if row["new_keys"] else (),  # only one that waits has any here
    )


def _packed(keys: Iterable[int]) -> bytes:
    return b"".join(key.to_bytes(6) for key in keys)


def _unpacked(packed: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(packed[at : at + 6]) for at in range(0, len(packed), 6))
