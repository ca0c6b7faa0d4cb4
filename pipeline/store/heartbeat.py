"""When the daemon was last seen."""

from __future__ import annotations

from sqlite_utils import Database

from pipeline.heartbeat import Beat
from pipeline.store.writing import writing
from pipeline.times import from_iso, to_iso


class Heartbeat:
    """The one row of ``heartbeat``. Made by ``Store``, and by ``Reading``, where it is only read."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def write(self, beat: Beat) -> None:
        """Keep that the daemon is there, in place of what it wrote before."""
        row = {"id": 1, "pid": beat.pid, "started_at": to_iso(beat.started_at), "seen_at": to_iso(beat.seen_at)}
        with writing(self._db):
            self._db.table("heartbeat").upsert(row, pk="id")

    def last(self) -> Beat | None:
        """What the daemon wrote last; None when there was none."""
        row = self._db.execute("SELECT pid, started_at, seen_at FROM heartbeat").fetchone()
        return Beat(row[0], from_iso(row[1]), from_iso(row[2])) if row else None
