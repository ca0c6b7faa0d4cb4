"""What folding one item costs when much is stored: 2,000 fresh items into archives of 10,000 to a million.

The archive is written straight into the tables, with the keys that folding gives; its full-text index is left empty, as
folding never reads it. Every seventh item is a copy, cut or prefixed, of one of the same week. In one archive 10,000
items are of each week, in the other all are of one. Fresh items are stored as a poll stores them; only their folding is
timed, in turn for both sizes in one process.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measuring import memory_of
from pipeline import folding
from pipeline.models import Feed, Fetched, Item, Plan, TaggedItem
from pipeline.store import Poll, Store
from pipeline.stories.compared import Copy
from pipeline.stories.fingerprint import keys_of
from pipeline.times import to_iso

SIZES = (10_000, 100_000, 1_000_000)
FRESH, A_WEEK, A_CHUNK = 2_000, 10_000, 5_000
_START = datetime(2020, 1, 6, tzinfo=UTC)
_SYLLABLES = "ba ke li mo nu pa re si to vu da fe gi ho ju ka le mi no pu ra se ti vo za che dri fla gro ste".split()
_FEEDS = 200


def texts(seed: int) -> Iterator[tuple[str, str]]:
    """Titles and texts without end; every seventh is a copy of one of the last thousand."""
    draw = random.Random(seed)
    words = ["".join(draw.choices(_SYLLABLES, k=draw.randrange(2, 5))) for _ in range(20_000)]
    recent: list[tuple[str, str]] = []
    while True:
        if recent and draw.random() < 1 / 7:
            title, text = draw.choice(recent)
            cut = text if draw.random() < 0.5 else text[: draw.randrange(150, len(text))] + "…"
            yield f"{title} again", f"SEOUL, March 3 (Wire) -- {cut}"
            continue
        found = draw.choices(words, k=draw.randrange(50, 90))
        title = " ".join(found[:9]).capitalize()
        text = ". ".join(" ".join(found[at : at + 12]).capitalize() for at in range(0, len(found), 12)) + "."
        recent = [*recent[-999:], (title, text)]
        yield title, text


def signed(pair: tuple[str, str]) -> tuple[str, str, tuple[int, ...]]:
    """A title, a text and their keys."""
    return *pair, keys_of(Copy("", None, pair[0], "", pair[1]))


@dataclass(frozen=True)
class Archive:
    """A database in which so many items are of each week."""

    store: Store
    a_week: int

    def moment(self, number: int) -> datetime:
        """When item ``number`` was published."""
        return _START + timedelta(weeks=(number - 1) / self.a_week)

    def write(self, first: int, signed_texts: Sequence[tuple[str, str, tuple[int, ...]]]) -> None:
        """Store items from number ``first`` on."""
        rows: list[Any] = []
        bands: list[Any] = []
        for number, (title, text, keys) in enumerate(signed_texts, first):
            moment = self.moment(number)
            at, when = int(moment.timestamp()), to_iso(moment)
            packed = b"".join(key.to_bytes(6) for key in keys)
            rows.append((number, f"f{number % _FEEDS}", str(number), title, text, when, at, len(title + text), packed))
            bands += [(at // (14 * 86400), key, number) for key in keys]
        connection = self.store.db.conn
        with self.store.db.atomic():
            connection.execute("PRAGMA defer_foreign_keys = ON")
            connection.executemany("INSERT INTO stories VALUES (?1, ?1, ?4, ?6, ?6, 1)", [row[:6] for row in rows])
            connection.executemany(
                """
                INSERT INTO items (id, feed_id, guid, title, summary, published_at, first_seen_at, updated_at,
                  content_hash, story_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?6, '', ?1)
                """,
                [row[:6] for row in rows],
            )
            connection.executemany("INSERT INTO fingerprints VALUES (?, ?, ?, ?)", [(r[0], *r[6:]) for r in rows])
            connection.execute("CREATE TEMP TABLE IF NOT EXISTS unsorted (bucket, key, item_id)")
            connection.executemany("INSERT INTO unsorted VALUES (?, ?, ?)", bands)

    def sort(self) -> None:
        """Put the bands of what was written in their place, in order: one by one, a million items take hours."""
        connection = self.store.db.conn
        with self.store.db.atomic():
            connection.execute("INSERT INTO bands SELECT * FROM unsorted ORDER BY bucket, key, item_id")
            connection.execute("DROP TABLE unsorted")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def fill(archives: Sequence[Archive], pool: ProcessPoolExecutor, source: Iterator[tuple[str, str]], size: int) -> None:
    """Bring all archives, which hold equally many, to ``size`` items."""
    stored = archives[0].store.db.table("items").count
    [[indexing]] = (
        archives[0].store.db.execute("SELECT sql FROM sqlite_master WHERE name = 'items_fts_insert'").fetchall()
    )
    for archive in archives:
        archive.store.db.execute("DROP TRIGGER items_fts_insert")
    while stored < size:
        chunk = list(pool.map(signed, islice(source, min(A_CHUNK, size - stored)), chunksize=500))
        for archive in archives:
            archive.write(stored + 1, chunk)
        stored += len(chunk)
    for archive in archives:
        archive.sort()
        archive.store.db.execute(indexing)


def fresh(store: Store, source: Iterator[tuple[str, str]], moment: datetime) -> tuple[float, float]:
    """Store so many fresh items as polls do, then fold them: microseconds of an item for either (median batches)."""
    storing, times = [], []
    for number in range(0, FRESH, folding.BATCH):
        arrived = []
        for place, (title, text) in enumerate(islice(source, folding.BATCH)):
            guid = f"{to_iso(moment)}-{number}-{place}"
            item = Item(guid, None, None, title, text, "", None, None, moment, guid)
            arrived.append(TaggedItem(item, (), keys_of(Copy("", None, title, text, ""))))
        feed = Feed(f"f{number // folding.BATCH}", "http://a.test/", "http://a.test/")
        fetched, plan = Fetched(feed.id, "ok", moment, moment, feed.url), Plan("ok", 0, 1800, moment, None)
        start = time.perf_counter()
        store.polls.save(Poll(feed, fetched, plan, fresh=arrived), moment)
        storing.append((time.perf_counter() - start) / len(arrived))
    while store.stories.waiting():
        start = time.perf_counter()
        done = folding.fold(store, timedelta(days=7), most=1)
        times.append((time.perf_counter() - start) / done)
    return statistics.median(storing) * 1e6, statistics.median(times) * 1e6


def table() -> Table:
    """The table of both archives at all sizes."""
    shown = Table(title=f"folding an item; {FRESH:,} fresh ones into an archive of …", title_justify="left")
    names = "stored items", "of a week", "storing, µs", "folding, µs", "ratio to 10,000", "database MB", "memory MB"
    for name in names:
        shown.add_column(name, justify="right")
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(2) as pool, ExitStack() as opened:
        archives = []
        for a_week in (A_WEEK, 2 * SIZES[-1]):
            store = opened.enter_context(Store(Path(folder) / f"{a_week}.db"))
            store.polls.sync_feeds({f"f{number}": "http://a.test/" for number in range(_FEEDS)}, 1800)
            archives.append(Archive(store, a_week))
        source = texts(1)
        costs: dict[int, float] = {}
        for size in (A_CHUNK, *SIZES):
            fill(archives, pool, source, size)
            for archive in archives:
                storing, cost = fresh(archive.store, source, archive.moment(size))
                if size == A_CHUNK:
                    continue  # all that is made once is made
                memory = memory_of(os.getpid())[0]
                disk = archive.store.path.stat().st_size / 1e6
                first = costs.setdefault(archive.a_week, cost)
                row = size, min(size, archive.a_week), storing, cost, cost / first, disk, memory
                forms = "{:,}", "{:,}", "{:.0f}", "{:.0f}", "{:.2f}", "{:.0f}", "{:.0f}"
                shown.add_row(*map(str.format, forms, row))
    return shown


if __name__ == "__main__":
    if len(sys.argv) > 1:
        SIZES = tuple(int(size) for size in sys.argv[1:])
    Console(width=140).print(table())
