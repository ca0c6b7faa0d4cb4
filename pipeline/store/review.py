"""What analysts said: verdicts, what was taken back of them, and notes. All are only ever added; the newest stands."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

from sqlite_utils import Database

from pipeline.errors import OvertakenError, UsageError
from pipeline.models import FIELDS, Decision, QueueFilter, Verdict
from pipeline.store.queue import Queue
from pipeline.store.queueing import requeue
from pipeline.store.writing import inserted_id, writing
from pipeline.times import to_iso

VERDICTS: tuple[str, ...] = get_args(Verdict)


@dataclass(frozen=True, slots=True)
class Span:
    """Where words stand in an item: ``field[start:end] == text``, in Unicode characters."""

    field: str
    start: int
    end: int
    text: str


class Review:
    """Verdicts, notes, and the queue in short. Made by ``Store``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def queue(self, entity: str | None, limit: int) -> list[dict[str, Any]]:
        """The stories that await a verdict, the best first, each by the item that the queue shows of it.

        With id, title, feed, time, address, text, the story's entities, its best score and the number of its other
        items.
        """
        page = Queue(self._db).page(QueueFilter(entity=entity), limit=limit)
        rows = []
        for row in page.rows:
            item = self._db.table("items").get(row.item_id)
            keys = ("id", "title", "feed_id", "first_seen_at", "url", "summary", "content", "story_id")
            entities = ",".join(sorted(entity["id"] for entity in row.entities))
            rows.append(
                {key: item[key] for key in keys} | {"entities": entities, "score": row.score, "copies": row.copies}
            )
        return rows

    def mark(
        self,
        item_id: int,
        verdict: str,
        *,
        reviewer: str,
        now: datetime,
        mention_id: int | None = None,
        entity_id: str | None = None,
        note: str = "",
        span: Span | None = None,
    ) -> int:
        """Add a verdict and return its id; the queue has its story's new state at once.

        ``span`` is where a missed tag stands.

        Raises:
            UsageError: for an unknown item, mention, entity or verdict, or one that does not say what it is about.
        """
        row = self._checked(item_id, verdict, mention_id, entity_id, span)
        row |= {"note": note, "reviewer": reviewer, "created_at": to_iso(now)}
        with writing(self._db):
            added = inserted_id(self._db.table("verdicts").insert(row))
            requeue(self._db, sorted(self._stories_of([item_id]).values()))
        return added

    def decide(self, seen: Mapping[int, int], verdict: Decision, *, reviewer: str, now: datetime) -> dict[int, int]:
        """Give items a verdict, all or none: item → the verdict's id. Those of several have a ``batch`` in common.

        ``seen`` is item → the verdict on its story that ``reviewer`` saw stand, 0 for none.

        Raises:
            UsageError: for an unknown item.
            OvertakenError: when a later one of somebody else stands.
        """
        common = {"reviewer": reviewer, "created_at": to_iso(now), "batch": uuid.uuid4().hex if len(seen) > 1 else None}
        rows = [self._checked(item_id, verdict, None, None, None) | common for item_id in seen]
        with writing(self._db):
            self._refuse_if_overtaken(seen, reviewer)
            added = {row["item_id"]: inserted_id(self._db.table("verdicts").insert(row)) for row in rows}
            requeue(self._db, sorted(set(self._stories_of(seen).values())))
        return added

    def undo(self, verdict_ids: Sequence[int], *, reviewer: str, now: datetime, anyones: bool = False) -> list[int]:
        """Take verdicts back, all or none, and return the items that they were on. They stay in the trail.

        Raises:
            UsageError: for a verdict that is not there, was taken back before, or (unless ``anyones``) is another's.
        """
        with writing(self._db):
            items = []
            for verdict_id in verdict_ids:
                items.append(self._undone(verdict_id, reviewer, anyones=anyones))
                row = {"verdict_id": verdict_id, "reviewer": reviewer, "created_at": to_iso(now)}
                self._db.table("undos").insert(row)
            requeue(self._db, sorted(set(self._stories_of(items).values())))
        return items

    def note(self, item_id: int, note: str, *, reviewer: str, now: datetime) -> int:
        """Add a remark on an item, which decides nothing, and return its id.

        Raises:
            UsageError: for an unknown item, or a remark without a word.
        """
        if not note.strip():
            raise UsageError("a note without text says nothing; write some")
        self._item(item_id)
        row = {"item_id": item_id, "note": note.strip(), "reviewer": reviewer, "created_at": to_iso(now)}
        with writing(self._db):
            return inserted_id(self._db.table("notes").insert(row))

    def trail(self, item_id: int) -> list[dict[str, Any]]:
        """All that was said of an item, the newest first: verdicts (``what`` is verdict; with undone_by and undone_at,
        None while they stand, and the entity's name) and notes (``what`` is note)."""
        verdicts = self._db.query(
            """
            SELECT 'verdict' AS what, v.*, e.name AS entity, u.reviewer AS undone_by, u.created_at AS undone_at
            FROM verdicts v LEFT JOIN undos u ON u.verdict_id = v.id LEFT JOIN entities e ON e.id = v.entity_id
            WHERE v.item_id = ?
            """,
            [item_id],
        )
        notes = self._db.query("SELECT 'note' AS what, * FROM notes WHERE item_id = ?", [item_id])
        return sorted([*verdicts, *notes], key=lambda row: (row["created_at"], row["id"]), reverse=True)

    def _checked(
        self, item_id: int, verdict: str, mention_id: int | None, entity_id: str | None, span: Span | None
    ) -> dict[str, Any]:
        """The row of a verdict that makes sense, without who and when."""
        if verdict not in VERDICTS:
            raise UsageError(f"there is no verdict {verdict!r}; use one of: {', '.join(VERDICTS)}")
        if verdict == "wrong_tag" and mention_id is None:
            raise UsageError("wrong_tag needs --mention ID: which tag is wrong")
        if verdict == "missed_tag" and entity_id is None:
            raise UsageError("missed_tag needs --entity ID: which entity was missed")
        item = self._item(item_id)
        if entity_id is not None and not self._db.table("entities").count_where("id = ?", [entity_id]):
            raise UsageError(f"there is no entity {entity_id!r}; see them with: watchfloor stats")
        about: dict[str, Any] = {}
        if span is not None:
            if verdict != "missed_tag":
                raise UsageError(f"{verdict} is not about words that a person chose; only missed_tag is")
            about = _said(item, span)
        if mention_id is not None:
            rows = list(self._db.table("mentions").rows_where("id = ? AND item_id = ?", [mention_id, item_id]))
            if not rows:
                raise UsageError(f"item {item_id} has no mention {mention_id}")
            entity_id = entity_id or rows[0]["entity_id"]
            about = {key: rows[0][key] for key in ("field", "start", "end", "text", "rule")}
        # what the reviewer saw outlives the mention
        return {"item_id": item_id, "mention_id": mention_id, "verdict": verdict, "entity_id": entity_id, **about}

    def _item(self, item_id: int) -> dict[str, Any]:
        found = next(self._db.table("items").rows_where("id = ?", [item_id]), None)
        if found is None:
            raise UsageError(f"there is no item {item_id}; see the ids with: watchfloor review list")
        return dict(found)

    def _undone(self, verdict_id: int, reviewer: str, *, anyones: bool) -> int:
        """The item of a verdict that may be taken back."""
        row = self._db.execute(
            """
            SELECT v.item_id, v.reviewer, u.reviewer, u.created_at
            FROM verdicts v LEFT JOIN undos u ON u.verdict_id = v.id WHERE v.id = ?
            """,
            [verdict_id],
        ).fetchone()
        if row is None:
            raise UsageError(f"there is no verdict {verdict_id}; see them on the item's page")
        item_id, by, undone_by, undone_at = row
        if undone_by is not None:
            raise UsageError(f"verdict {verdict_id} was taken back already, by {undone_by}, {undone_at}")
        if by != reviewer and not anyones:
            raise UsageError(f"verdict {verdict_id} is by {by}; only they or an admin can take it back")
        return int(item_id)

    def _refuse_if_overtaken(self, seen: Mapping[int, int], reviewer: str) -> None:
        stories = self._stories_of(seen)
        standing = {row.story_id: row for row in Queue(self._db).stories(sorted(set(stories.values())))}
        later: dict[int, int] = {}
        said = ""
        for item_id, number in seen.items():
            row = standing.get(stories.get(item_id, 0))
            verdict = row.verdict if row is not None else None
            if row is not None and verdict and verdict["id"] > number and verdict["reviewer"] != reviewer:
                later[item_id] = verdict["id"]
                said = said or f"{verdict['reviewer']} called “{row.title}” {verdict['verdict']} meanwhile"
        if later:
            raise OvertakenError(f"{said}; decide again to overrule", later)

    def _stories_of(self, item_ids: Iterable[int]) -> dict[int, int]:
        """Item → story, of those that have one."""
        rows = self._db.execute(
            "SELECT i.id, i.story_id FROM json_each(?) w CROSS JOIN items i ON i.id = w.value"
            " WHERE i.story_id IS NOT NULL",
            [json.dumps(list(item_ids))],
        )
        return dict(rows.fetchall())


def _said(item: dict[str, Any], span: Span) -> dict[str, Any]:
    if span.field not in FIELDS:
        raise UsageError(f"an item has no field {span.field!r}; use one of: {', '.join(FIELDS)}")
    if not 0 <= span.start < span.end or item[span.field][span.start : span.end] != span.text:
        raise UsageError(
            f"{span.text!r} does not stand at {span.start} to {span.end} of the {span.field} of item {item['id']}; "
            "it may have been edited: open it anew"
        )
    return {"field": span.field, "start": span.start, "end": span.end, "text": span.text}
