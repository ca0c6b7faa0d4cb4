"""The mentions of an item replaced by others: those that stay keep their id, and so what people said of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlite_utils import Database

from pipeline.models import Mention

#: What makes a mention the same in an unchanged text: entity, field, start and end. Spans of one entity never overlap.
Place = tuple[str, str, int, int]


def replace_mentions(db: Database, item_id: int, mentions: Sequence[Mention], version: str) -> int:
    """Make ``mentions`` the mentions of an item and return how many were gained.

    One at the same place keeps its id, whichever rule finds it now; so does one that says the same words elsewhere, as
    after an edit. A verdict on a mention that goes keeps all that it said, and finds the mention again when it comes
    back. Runs inside the caller's transaction.
    """
    stored = {place_of(row): row for row in db.table("mentions").rows_where("item_id = ?", [item_id])}
    wanted = {place_of_mention(mention): mention for mention in mentions}
    kept = {place: stored.pop(place)["id"] for place in wanted.keys() & stored.keys()}
    by_words: dict[tuple[str, str, str], list[int]] = {}
    for place, row in sorted(stored.items()):
        by_words.setdefault((place[0], place[1], row["text"]), []).append(row["id"])
    for place, mention in wanted.items():
        same = by_words.get((mention.entity_id, mention.field, mention.text))
        if place not in kept and same:
            kept[place] = same.pop(0)
    rows = {place: mention_row(mention, item_id, version) for place, mention in wanted.items()}
    gone = [mention_id for ids in by_words.values() for mention_id in ids]
    for mention_id in gone:
        db.table("mentions").delete(mention_id)
    for place, mention_id in kept.items():
        db.table("mentions").update(mention_id, rows[place])
    gained = [row for place, row in rows.items() if place not in kept]
    if gained:
        db.table("mentions").insert_all(gained)
        _find_again(db, item_id)
    return len(gained)


def place_of(row: dict[str, Any]) -> Place:
    """The place of a stored mention."""
    return row["entity_id"], row["field"], row["start"], row["end"]


def place_of_mention(mention: Mention) -> Place:
    """The place of a mention."""
    return mention.entity_id, mention.field, mention.start, mention.end


def mention_row(mention: Mention, item_id: int, version: str) -> dict[str, Any]:
    """A mention as its table keeps it."""
    return {
        "item_id": item_id,
        "entity_id": mention.entity_id,
        "field": mention.field,
        "start": mention.start,
        "end": mention.end,
        "text": mention.text,
        "rule": mention.rule,
        "score": mention.score,
        "evidence": json.dumps(dict(mention.evidence), ensure_ascii=False, sort_keys=True),
        "watchlist_version": version,
    }


def _find_again(db: Database, item_id: int) -> None:
    """Verdicts whose mention went point to it again where it stands again."""
    db.execute(
        """
        UPDATE verdicts SET mention_id = m.id FROM mentions m
        WHERE verdicts.item_id = ? AND verdicts.mention_id IS NULL AND m.item_id = verdicts.item_id
          AND m.entity_id = verdicts.entity_id AND m.field = verdicts.field AND m.start = verdicts.start
          AND m."end" = verdicts."end" AND m.text = verdicts.text
        """,
        [item_id],
    )
