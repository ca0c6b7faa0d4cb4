"""How the store writes: one transaction at a time, in bounded statements."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from sqlite_utils import Database
from sqlite_utils.db import Table

T = TypeVar("T")

#: Values in one statement: SQLite's own limit was 999 for long.
MOST_VARIABLES = 500


@contextlib.contextmanager
def writing(db: Database) -> Iterator[None]:
    """A transaction that holds the write lock from its first statement; all of it is stored, or nothing.

    SQLite waits for another writer (busy timeout) only while a transaction has read nothing yet, and sqlite-utils looks
    at a table before it writes; so the lock is taken first. Source: https://sqlite.org/lang_transaction.html
    """
    with db.atomic():
        db.conn.execute("DELETE FROM feeds WHERE 0")
        yield


def inserted_id(table: Table) -> int:
    """The id of the row that was just inserted into ``table``."""
    if not isinstance(table.last_pk, int):
        raise TypeError(f"{table.name} has no whole number for a key")
    return table.last_pk


def chunks(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """``values`` in lists of at most ``size``."""
    rest = iter(values)
    while chunk := list(islice(rest, size)):
        yield chunk
