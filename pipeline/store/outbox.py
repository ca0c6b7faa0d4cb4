"""Messages and their deliveries: what is to be sent where, what was, and what was in the way.

A message is put here in the transaction that makes it, and sent afterwards, so that none is lost and none made twice.
A delivery is taken before it is tried: whoever else looks meanwhile leaves it alone. One that was taken and never
reported on, since the process was killed, is tried again later.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlite_utils import Database

from pipeline.models import Message
from pipeline.store.writing import inserted_id, writing
from pipeline.times import from_iso, to_iso

#: How long a delivery that was taken is left alone: longer than any try lasts.
_TAKEN = timedelta(minutes=10)
_FORMS = ("text", "markdown", "html", "json")
#: What waits of a digest gives way to a later one of its day: the whole day, or the day so far, sent by hand again.
_SUPERSEDED = """
    UPDATE deliveries
    SET state = 'failed', next_try_at = NULL, last_error = 'a later digest of this day took its place'
    WHERE state = 'waiting' AND message_id IN (SELECT id FROM messages WHERE kind = 'digest' AND about = ?)
"""
#: The oldest delivery that is due; of a target that just failed none is.
_DUE = """
    SELECT d.id, d.target, d.tries, m.id AS message_id, m.kind, m.about, m.subject, m.created_at,
      coalesce(g.text, m.text) AS text, coalesce(g.markdown, m.markdown) AS markdown, coalesce(g.html, m.html) AS html,
      coalesce(g.json, m.json) AS json
    FROM deliveries d JOIN messages m ON m.id = d.message_id
    LEFT JOIN digests g ON m.kind = 'digest' AND g.date = m.about
    WHERE d.state = 'waiting' AND (d.next_try_at IS NULL OR d.next_try_at <= :now)
      AND (:messages IS NULL OR m.id IN (SELECT value FROM json_each(:messages)))
      AND d.target NOT IN (SELECT value FROM json_each(:not_to))
    ORDER BY d.id LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery that was taken, to be tried now; ``tries`` counts those before."""

    id: int
    target: str
    tries: int
    message: Message


class Outbox:
    """The tables ``messages`` and ``deliveries``. Made by ``Store``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def put(self, message: Message, targets: Iterable[str]) -> int:
        """Keep a message with a waiting delivery to each of ``targets``; return its id."""
        with writing(self._db):
            return put_message(self._db, message, targets)

    def again(self, day: str, targets: Iterable[str]) -> int | None:
        """Let the digest of ``day`` go to those of ``targets`` at once that have not got it; return its message's id.

        None when it was never put. A delivery that is being tried for the first time right now is left alone.
        """
        with writing(self._db):
            query = "SELECT max(id) FROM messages WHERE kind = 'digest' AND about = ?"
            message_id: int | None = self._db.execute(query, [day]).fetchone()[0]
            if message_id is not None:
                for target in targets:
                    self._db.execute(
                        """
                        INSERT INTO deliveries (message_id, target) VALUES (?, ?)
                        ON CONFLICT (message_id, target) DO UPDATE SET state = 'waiting', next_try_at = NULL
                        WHERE state = 'failed' OR (state = 'waiting' AND tries > 0)
                        """,
                        [message_id, target],
                    )
        return message_id

    def take(self, now: datetime, messages: Sequence[int] | None, not_to: Collection[str]) -> Due | None:
        """The delivery that is due longest (of these ``messages``; all when None), taken; None when none is due."""
        values = {
            "now": to_iso(now),
            "messages": messages and json.dumps(list(messages)),
            "not_to": json.dumps(sorted(not_to)),
        }
        if next(iter(self._db.query(_DUE, values)), None) is None:  # most looks find nothing, and take no lock
            return None
        with writing(self._db):
            row = next(iter(self._db.query(_DUE, values)), None)
            if row is None:
                return None
            self._db.table("deliveries").update(row["id"], {"next_try_at": to_iso(now + _TAKEN)})
        forms = {form: row[form] for form in _FORMS}
        made_at = from_iso(row["created_at"])
        message = Message(row["kind"], row["about"], row["subject"], **forms, created_at=made_at, id=row["message_id"])
        return Due(row["id"], row["target"], row["tries"], message)

    def sent(self, delivery: int, at: datetime) -> None:
        """A target took it."""
        self._tried(delivery, at, {"state": "sent", "sent_at": to_iso(at), "last_error": None, "next_try_at": None})

    def failed(self, delivery: int, at: datetime, reason: str, next_try_at: datetime | None) -> None:
        """A target did not take it; it is given up when there is no next try."""
        state = "failed" if next_try_at is None else "waiting"
        again = to_iso(next_try_at) if next_try_at else None
        self._tried(delivery, at, {"state": state, "last_error": reason, "next_try_at": again})

    def troubled(self, since: datetime) -> list[dict[str, Any]]:
        """Targets with a delivery since then that failed, for good or so far: target, how many, the last error."""
        return list(
            self._db.query(
                """
                SELECT target, count(*) AS deliveries, max(id) AS id, last_error FROM deliveries
                WHERE last_error IS NOT NULL AND state != 'sent' AND tries > 0 AND tried_at >= ?
                GROUP BY target ORDER BY target
                """,
                [to_iso(since)],
            )
        )

    def log(self, most: int) -> list[dict[str, Any]]:
        """The newest ``most`` deliveries, the newest first."""
        return list(
            self._db.query(
                """
                SELECT d.id, m.kind, m.about, m.subject, m.created_at, d.target, d.state, d.tries, d.tried_at,
                       d.sent_at, d.next_try_at, d.last_error
                FROM deliveries d JOIN messages m ON m.id = d.message_id ORDER BY d.id DESC LIMIT ?
                """,
                [most],
            )
        )

    def _tried(self, delivery: int, at: datetime, columns: dict[str, Any]) -> None:
        with writing(self._db):
            tries = self._db.execute("SELECT tries FROM deliveries WHERE id = ?", [delivery]).fetchone()[0]
            self._db.table("deliveries").update(delivery, {"tries": tries + 1, "tried_at": to_iso(at), **columns})


def put_message(db: Database, message: Message, targets: Iterable[str]) -> int:
    """Keep a message with a waiting delivery to each of ``targets``; return its id. Inside the caller's transaction.

    The forms of a digest stand in ``digests``, and are not kept twice; it takes the place of what waits of its day.
    """
    if message.kind == "digest":
        db.execute(_SUPERSEDED, [message.about])
    forms = {} if message.kind == "digest" else {form: getattr(message, form) for form in _FORMS}
    row = {"kind": message.kind, "about": message.about, "subject": message.subject}
    row["created_at"] = to_iso(message.created_at)
    message_id = inserted_id(db.table("messages").insert(row | forms))
    db.table("deliveries").insert_all({"message_id": message_id, "target": target} for target in dict.fromkeys(targets))
    return message_id
