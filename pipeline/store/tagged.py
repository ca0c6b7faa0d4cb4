"""What is tagged in items, and what was decided of their stories: for digests, alerts and exports alike. Reads only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlite_utils import Database

from pipeline.store.queueing import DECIDES, IS_WRONG

_MENTIONS = f"""
    SELECT m.id, m.item_id, m.entity_id, m.field, m.start, m."end", m.text, m.rule, m.score, m.evidence,
      m.watchlist_version
    FROM mentions m WHERE m.item_id IN (SELECT value FROM json_each(?)) AND NOT {IS_WRONG}
    ORDER BY m.item_id, m.field DESC, m.start, m."end", m.entity_id, m.id
"""
# SQLite takes the bare columns from the row where max() was found: https://sqlite.org/lang_select.html
_VERDICTS = f"""
    SELECT w.value AS asked, v.item_id, v.verdict, v.reviewer, v.created_at, v.note, max(v.id) AS id
    FROM json_each(?) w CROSS JOIN items a ON a.id = w.value
    CROSS JOIN items i ON i.id = a.id OR i.story_id = a.story_id CROSS JOIN verdicts v ON v.item_id = i.id
    WHERE {DECIDES} GROUP BY w.value
"""


def mentions_of(db: Database, ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """Item → its mentions in reading order, without those that somebody called wrong; only items that have any."""
    found: dict[int, list[dict[str, Any]]] = {}
    for mention in db.query(_MENTIONS, [json.dumps(list(ids))]):
        mention["evidence"] = json.loads(mention["evidence"])
        found.setdefault(mention["item_id"], []).append(mention)
    return found


def verdicts_of(db: Database, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Item → the verdict that stands on its story, on whichever of its items it was given; only items that have one."""
    return {row.pop("asked"): row for row in db.query(_VERDICTS, [json.dumps(list(ids))])}
