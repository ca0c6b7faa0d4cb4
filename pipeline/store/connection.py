"""Opening the database: pragmas, migrations, and the errors of a file that cannot be used, in plain words."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from types import TracebackType

from sqlite_utils import Database

from pipeline.errors import StoreError
from pipeline.migrations import migrations
from pipeline.store.alerts import Alerts
from pipeline.store.coverage import Coverage
from pipeline.store.digests import Digests
from pipeline.store.exporting import Exporting
from pipeline.store.heartbeat import Heartbeat
from pipeline.store.items import Items
from pipeline.store.judgements import Judgements
from pipeline.store.known import Known
from pipeline.store.lessons import Lessons
from pipeline.store.outbox import Outbox
from pipeline.store.overview import Overview
from pipeline.store.pages import Pages
from pipeline.store.polls import Polls
from pipeline.store.queue import Queue
from pipeline.store.reports import Reports
from pipeline.store.review import Review
from pipeline.store.search import Search
from pipeline.store.stories import Stories
from pipeline.store.subscriptions import Subscriptions
from pipeline.store.watch import Watch

BUSY_SECONDS = 30


class Store:
    """An open database. Belongs to the thread that opened it; use it as a context manager.

    Inside ``with``, an error of SQLite leaves as ``StoreError`` with the remedy; whatever was not committed is undone.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        """Open ``path``, make it when ``create``, and bring its schema up to date.

        Raises:
            StoreError: when it cannot be used, or was made by a newer version.
        """
        self.path = path
        if not create and not path.exists():
            raise StoreError(f"{path}: there is no database yet; make one with: watchfloor run")
        if path.is_dir():
            raise StoreError(f"{path}: is a folder; let database: name a file in it")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
        except (OSError, sqlite3.Error) as error:
            raise explain(error, path) from None
        try:
            self.db = Database(connection)
            self._prepare()
        except sqlite3.Error as error:
            connection.close()
            raise explain(error, path) from None
        except StoreError:
            connection.close()
            raise
        self.polls = Polls(self.db)
        self.known = Known(self.db)
        self.items = Items(self.db)
        self.watch = Watch(self.db)
        self.review = Review(self.db)
        self.pages = Pages(self.db)
        self.stories = Stories(self.db)
        self.coverage = Coverage(self.db)
        self.subscriptions = Subscriptions(self.db)
        self.reports = Reports(self.db)
        self.digests = Digests(self.db)
        self.outbox = Outbox(self.db)
        self.exporting = Exporting(self.db)
        self.alerts = Alerts(self.db)
        self.queue = Queue(self.db)
        self.search = Search(self.db)
        self.judgements = Judgements(self.db)
        self.lessons = Lessons(self.db)
        self.overview = Overview(self.db)
        self.heartbeat = Heartbeat(self.db)

    def _prepare(self) -> None:
        tables = self.db.table_names()  # looked at first: another program may make them all right now
        applied = {migration.name for migration in migrations.applied(self.db)}
        newer = sorted(applied - _names_of_this_version())
        if newer:
            raise StoreError(
                f"{self.path}: was made by a newer watchfloor (it has {newer[-1]}); install that version or newer"
            )
        if tables and not applied:
            raise StoreError(f"{self.path}: is the database of another program; name another file")
        pending = migrations.pending(self.db)
        self.db.conn.execute("PRAGMA foreign_keys = ON")
        if self.db.conn.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            self._switch_to_wal()
        # In WAL mode NORMAL loses no transaction to a killed process and never corrupts: https://sqlite.org/pragma.html
        self.db.conn.execute("PRAGMA synchronous = NORMAL")
        if pending:
            # Of two programs that start together the second waits here, and then has nothing to do.
            self.db.conn.execute("BEGIN IMMEDIATE")
            try:
                migrations.apply(self.db)
                self.db.conn.commit()
            except BaseException:
                self.db.conn.rollback()
                raise

    def _switch_to_wal(self) -> None:
        """SQLite does not wait for another program that is doing so itself (https://sqlite.org/wal.html): we do."""
        patience = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self.db.conn.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > patience:
                    raise
                time.sleep(0.05)
            else:
                return

    def close(self) -> None:
        """Close the connection; SQLite folds the write-ahead log into the file when it is the last one."""
        self.db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()
        if isinstance(error, sqlite3.Error):
            raise explain(error, self.path) from error


class Reading:
    """The reading queries of the pages, over a connection that somebody else has opened, as Datasette does."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        db = Database(connection)
        self.items = Items(db)
        self.stories = Stories(db)
        self.queue = Queue(db)
        self.review = Review(db)
        self.judgements = Judgements(db)
        self.lessons = Lessons(db)
        self.overview = Overview(db)
        self.pages = Pages(db)
        self.heartbeat = Heartbeat(db)
        self.exporting = Exporting(db)


def _names_of_this_version() -> set[str]:
    with Database(memory=True) as empty:
        return {migration.name for migration in migrations.pending(empty)}


def explain(error: BaseException, path: Path) -> StoreError:
    """An error of SQLite or of the file system as one line with its remedy."""
    text = str(error)
    if isinstance(error, PermissionError) or "readonly" in text or "unable to open" in text:
        return StoreError(f"{path}: cannot be written or opened; check the permissions of the file and its folder")
    if "locked" in text or "busy" in text:
        return StoreError(f"{path}: another program has held the database for {BUSY_SECONDS} s; close it and try again")
    if "disk is full" in text or "No space" in text:
        return StoreError(f"{path}: the disk is full; free some space and run again, nothing stored is lost")
    if "not a database" in text or "malformed" in text or "corrupt" in text:
        return StoreError(f"{path}: is not a working SQLite database ({text}); restore a backup or name another file")
    return StoreError(f"{path}: {text}")
