"""What an edited item said before. An item that was only touched gets no version and keeps what it says.

``pipeline.edits`` decides which is which. Everything here runs inside the caller's transaction.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlite_utils import Database

from pipeline.models import FIELDS, Mention, Mentioned, Said, TaggedItem

if TYPE_CHECKING:
    from pipeline.edits import Pair

#: How many of a feed's newest titles are known to the lists of related stories.
_TITLES = 500

Changed = tuple[dict[str, Any], TaggedItem]


def without_touched(db: Database, changed: Sequence[Changed], known: int) -> list[Changed]:
    """Those of the ``changed`` items (stored row, item of the body) of one poll of one feed that were edited.

    The others get the hash and address under which they come now, so that they are not read as changed again. ``known``
    counts the items of the body that were stored before.
    """
    if not changed:
        return []
    from pipeline.edits import are_edits  # noqa: PLC0415 - three megabytes, and most polls bring no change

    titles = db.execute(
        "SELECT title FROM items WHERE feed_id = ? ORDER BY id DESC LIMIT ?", [changed[0][0]["feed_id"], _TITLES]
    )
    pairs = [_pair(db, row, tagged) for row, tagged in changed]
    edits = are_edits(pairs, known, [title for (title,) in titles.fetchall()])
    for (row, tagged), is_edit in zip(changed, edits, strict=True):
        if not is_edit:
            item = tagged.item
            columns = {"content_hash": item.content_hash, "url": item.url, "canonical_url": item.canonical_url}
            db.table("items").update(row["id"], columns)
    return [one for one, is_edit in zip(changed, edits, strict=True) if is_edit]


def keep_version(db: Database, row: Mapping[str, Any]) -> None:
    """Keep what the stored item ``row`` says, and what is tagged in it, as a version."""
    version = {key: row[key] for key in (*FIELDS, "content_hash")}
    mentions = [dataclasses.asdict(mention) for mention in _mentioned(db, row["id"])]
    version |= {"item_id": row["id"], "seen_at": row["updated_at"], "feed_content": _feed_content(db, row["id"])}
    db.table("item_versions").insert(version | {"mentions": json.dumps(mentions, ensure_ascii=False)})


def said_by(row: Mapping[str, Any], mentions: Iterable[Mapping[str, Any]] | None) -> Said:
    """What a stored item or version says; ``mentions`` as a version or the table of mentions keeps them."""
    found = None if mentions is None else tuple(map(mentioned, mentions))
    return Said(row["title"], row["summary"], row["content"], found)


def mentioned(row: Mapping[str, Any]) -> Mentioned:
    """A stored mention, from its table or from a version."""
    entity = row["entity"] if "entity" in row else row["entity_id"]
    return Mentioned(entity, row["field"], row["start"], row["end"], row["text"], row["rule"])


def _pair(db: Database, row: Mapping[str, Any], tagged: TaggedItem) -> Pair:
    """What the feed said of an item, says now, and said before; what its page says is left out of all."""
    feed_content = _feed_content(db, row["id"])
    said = {key: row[key] for key in FIELDS} | ({} if feed_content is None else {"content": feed_content})
    item = tagged.item
    now = Said(item.title, item.summary, item.content, tuple(map(_of_mention, tagged.mentions)))
    last = next(db.table("item_versions").rows_where("item_id = ?", [row["id"]], order_by="id DESC", limit=1), None)
    before = None
    if last is not None:
        content = last["content"] if last["feed_content"] is None else last["feed_content"]
        before = Said(last["title"], last["summary"], content)
    from pipeline.edits import Pair  # noqa: PLC0415 - as above

    return Pair(Said(**said, mentions=_mentioned(db, row["id"])), now, before)


def _mentioned(db: Database, item_id: int) -> tuple[Mentioned, ...]:
    rows = db.table("mentions").rows_where("item_id = ?", [item_id], order_by='field DESC, start, "end", entity_id')
    return tuple(map(mentioned, rows))


def _of_mention(mention: Mention) -> Mentioned:
    return Mentioned(mention.entity_id, mention.field, mention.start, mention.end, mention.text, mention.rule)


def _feed_content(db: Database, item_id: int) -> str | None:
    """What the feed says where the page's text stands now; None where none does."""
    found = db.execute("SELECT feed_content FROM pages WHERE item_id = ?", [item_id]).fetchone()
    return found[0] if found else None
