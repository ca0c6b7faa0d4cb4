"""What folding one item costs when much is stored: 2,000 fresh items into archives of 10,000 to a million.

The archive is written straight into the tables, with the keys that folding gives; its full-text index is left empty, as
folding never reads it. Every seventh item is a copy, cut or prefixed, of one of the same week. In one archive 10,000
items are of each week, in the other all are of one. Fresh items are stored as a poll stores them; only their folding is
timed, in turn for both sizes in one process.
"""

from __future__ import annotations

import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

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


def fill(store: Store, pool: ProcessPoolExecutor, source: Iterator[tuple[str, str]], size: int, a_week: int) -> None:
    """Bring the archive to ``size`` items."""
    connection = store.db.conn
    stored = connection.execute("SELECT count(*) FROM items").fetchone()[0]
    while stored < size:
        chunk = list(islice(source, min(A_CHUNK, size - stored)))
        rows: list[Any] = []
        bands: list[Any] = []
        for title, text, keys in pool.map(signed, chunk, chunksize=500):
            stored += 1
            moment = _START + timedelta(weeks=(stored - 1) / a_week)
            at, when = int(moment.timestamp()), to_iso(moment)
            packed = b"".join(key.to_bytes(6) for key in keys)
            rows.append((stored, f"f{stored % _FEEDS}", str(stored), title, text, when, at, len(title + text), packed))
            bands += [(at // (7 * 86400), key, stored) for key in keys]
        with store.db.atomic():
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
            connection.executemany("INSERT INTO bands VALUES (?, ?, ?)", sorted(bands))


def fresh(store: Store, source: Iterator[tuple[str, str]], moment: datetime) -> float:
    """Store so many fresh items as polls do, and fold them; returns microseconds of an item (median batch)."""
    for number in range(0, FRESH, folding.BATCH):
        arrived = []
        for place, (title, text) in enumerate(islice(source, folding.BATCH)):
            guid = f"{to_iso(moment)}-{number}-{place}"
            item = Item(guid, None, None, title, text, "", None, None, moment, guid)
            arrived.append(TaggedItem(item, (), keys_of(Copy("", None, title, text, ""))))
        feed = Feed(f"f{number // folding.BATCH}", "http://a.test/", "http://a.test/")
        fetched, plan = Fetched(feed.id, "ok", moment, moment, feed.url), Plan("ok", 0, 1800, moment, None)
        store.polls.save(Poll(feed, fetched, plan, fresh=arrived), moment)
    times = []
    while store.stories.waiting():
        start = time.perf_counter()
        done = folding.fold(store, timedelta(days=7), most=1)
        times.append((time.perf_counter() - start) / done)
    return statistics.median(times) * 1e6


def table() -> Table:
    """The table of both archives at all sizes."""
    shown = Table(title=f"folding an item; {FRESH:,} fresh ones into an archive of …", title_justify="left")
    for name in ("stored items", "of a week", "µs an item", "ratio to 10,000", "database MB", "memory MB"):
        shown.add_column(name, justify="right")
    for a_week in (A_WEEK, SIZES[-1] * 2):
        with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(2) as pool:
            path = Path(folder) / "w.db"
            with Store(path) as store:
                store.db.execute("DROP TRIGGER items_fts_insert")
                store.polls.sync_feeds({f"f{number}": "http://a.test/" for number in range(_FEEDS)}, 1800)
                source, first = texts(1), 0.0
                fill(store, pool, source, A_CHUNK, a_week)
                fresh(store, source, _START + timedelta(weeks=A_CHUNK / a_week))  # all that is made once is made
                for size in SIZES:
                    fill(store, pool, source, size, a_week)
                    cost = fresh(store, source, _START + timedelta(weeks=size / a_week))
                    first = first or cost
                    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                    disk = path.stat().st_size / 1e6
                    row = size, min(size, a_week), cost, cost / first, disk, memory
                    shown.add_row(*map(str.format, ("{:,}", "{:,}", "{:.0f}", "{:.2f}", "{:.0f}", "{:.0f}"), row))
    return shown


if __name__ == "__main__":
    if len(sys.argv) > 1:
        SIZES = tuple(int(size) for size in sys.argv[1:])
    Console(width=140).print(table())
