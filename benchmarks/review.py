"""How fast the pages answer over a large archive: 1,000,000 items with 300,000 mentions, made for it.

The archive is written straight into the tables, a seventh of it in Korean and a seventh in Chinese; the queue is then
worked out as every run does. Datasette serves it in a process of its own and is asked over HTTP, one request after
another, each page with other values.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from rich.console import Console
from rich.table import Table

from pipeline import watchlist
from pipeline.grams import grams_of
from pipeline.store import Store
from pipeline.times import to_iso
from pipeline.upkeep import keep_ready

ITEMS, FEEDS, VERDICTS, REQUESTS, A_CHUNK = 1_000_000, 1_000, 20_000, 40, 10_000
#: Milliseconds that a page may take: the median, and the 95th percentile.
MEDIAN, HIGH = 300, 1000
_END = datetime(2026, 11, 27, tzinfo=UTC)
_DAYS = 730
_SYLLABLES = "ba ke li mo nu pa re si to vu da fe gi ho ju ka le mi no pu ra se ti vo za che dri fla gro ste".split()
_KOREAN = "북한은 정찰총국의 제재를 해커가 암호화폐를 탈취한 것으로 발표했다 정부는 조직의 자금을 추적하고".split()
_CHINESE = "朝鲜 制裁 黑客 组织 窃取 加密货币 政府 宣布 调查 资金 流向 安全 公司 报告 攻击者 恶意软件".split()
_WORDS = "sanctions hackers exchange ministry police wallet malware report government bank attack ransom".split()


def falling(number: int) -> list[float]:
    """Weights of so many words, each added to those before: few are frequent, most are rare (Zipf)."""
    return list(accumulate(1 / (rank + 50) for rank in range(number)))


def vocabulary() -> dict[str, list[str]]:
    """The words of each language, the most frequent first."""
    draw = random.Random(1)
    latin = ["".join(draw.choices(_SYLLABLES, k=draw.randrange(2, 5))) for _ in range(60_000)]
    hangul = ["".join(chr(draw.randrange(0xAC00, 0xD7A3)) for _ in range(draw.randrange(2, 4))) for _ in range(8_000)]
    han = ["".join(chr(draw.randrange(0x4E00, 0x7000)) for _ in range(2)) for _ in range(8_000)]
    return {"en": [*_WORDS, *latin], "ko": [*_KOREAN, *hangul], "zh": [*_CHINESE, *han]}


@functools.cache
def drawn() -> dict[str, list[str]]:
    """A long row of words of each language, of which each text is a piece."""
    draw, words = random.Random(2), vocabulary()
    return {code: draw.choices(of, cum_weights=falling(len(of)), k=1_000_000) for code, of in words.items()}


def a_chunk(number: int) -> list[tuple[str, str, str, str]]:
    """Language, title, text and pairs of characters of so many items; others for each ``number``."""
    draw, made = random.Random(number), []
    for code in draw.choices(("en", "ko", "zh"), (5, 1, 1), k=A_CHUNK):
        at, length = draw.randrange(999_000), draw.randrange(60, 160)
        words = drawn()[code][at : at + (length if code == "en" else length // 2)]
        between = "" if code == "zh" else " "
        title, text = between.join(words[:9]), f"{between.join(words[:30])}. {between.join(words[30:])}."
        made.append((code, title, text, grams_of(f"{title}\n{text}")))
    return made


def fill(store: Store, items: int) -> None:
    """Write the archive: of ten items in a row three are tagged, and every twelfth is a copy of the one before."""
    listed = watchlist.load_pack("dprk-cyber")
    store.watch.sync(listed, _END, {"lab-110": 2, "unit-180": 2})
    store.polls.sync_feeds({f"feed-{number}": f"http://news.test/{number}" for number in range(FEEDS)}, 1800)
    connection, draw = store.db.conn, random.Random(2)
    indexing = [
        row[0]
        for name in ("items_fts_insert", "grams_insert", "ungrammed_insert")
        for row in connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", [name])
    ]
    for name in ("items_fts_insert", "grams_insert", "ungrammed_insert"):
        connection.execute(f"DROP TRIGGER {name}")  # the index is made at the end, which is twice as fast
    entities = [entity.id for entity in listed.entities]
    with ProcessPoolExecutor(2) as pool:
        chunks = pool.map(a_chunk, range(-(-items // A_CHUNK)))
        for first, chunk in zip(range(1, items + 1, A_CHUNK), chunks, strict=True):
            _write(connection, draw, entities, items, first, chunk[: items - first + 1])
    with store.db.atomic():
        connection.execute("INSERT INTO items_fts(items_fts) VALUES ('rebuild')")
        for statement in indexing:
            connection.execute(statement)
    with store.db.atomic():
        connection.execute("UPDATE stories SET items_count = 2 WHERE id % 12 = 11 AND id < ?", [items])
        decided = draw.sample(range(1, items // 10), min(VERDICTS, items // 20))
        connection.executemany(
            "INSERT INTO verdicts (item_id, verdict, reviewer, created_at) VALUES (?, ?, 'kim', ?)",
            [(10 * n + 1, draw.choice(("relevant", "irrelevant", "escalated")), to_iso(_END)) for n in decided],
        )
        rules = connection.execute(
            "SELECT id, item_id, entity_id, rule, text FROM mentions WHERE id % 100 = 0"
        ).fetchall()
        connection.executemany(
            """
            INSERT INTO verdicts (item_id, mention_id, verdict, entity_id, rule, text, field, reviewer, created_at)
            VALUES (?, ?, 'wrong_tag', ?, ?, ?, 'content', 'kim', ?)
            """,
            [(item, mention, entity, rule, text, to_iso(_END)) for mention, item, entity, rule, text in rules],
        )
    keep_ready(store)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _write(
    connection: Any, draw: random.Random, entities: list[str], items: int, first: int, chunk: list[tuple[str, ...]]
) -> None:
    """Store the items from number ``first`` on, with their stories, mentions and pairs of characters."""
    frequency = falling(len(entities))
    rows, mentions, stories, grams = [], [], [], []
    for number, (language, title, text, pairs) in enumerate(chunk, first):
        story = number - 1 if number % 12 == 0 else number
        when = to_iso(_END - timedelta(seconds=_DAYS * 86400 * (items - number) / items))
        feed = f"feed-{int(FEEDS * draw.random() ** 2)}"
        rows.append((number, feed, str(number), f"http://news.test/{number}", title, text, language, when, story))
        if story == number:
            stories.append((story, title, when))
        if pairs:
            grams.append((number, pairs))
        if number % 10 < 3:
            entity, at = draw.choices(entities, cum_weights=frequency)[0], draw.randrange(10, 40)
            proof = json.dumps({"sentence": text[:200], "sentence_start": 0, "context": {}}, ensure_ascii=False)
            score = draw.choice((0.97, 0.95, 0.9, 0.8))
            mentions.append((number, entity, at, at + 6, text[at : at + 6], f"{entity}.name", score, proof))
    with connection:
        connection.execute("BEGIN")
        connection.execute("PRAGMA defer_foreign_keys = ON")
        connection.executemany("INSERT INTO stories VALUES (?1, ?1, ?2, ?3, ?3, 1)", stories)
        connection.executemany(
            """
            INSERT INTO items (id, feed_id, guid, url, title, content, language, first_seen_at, updated_at,
              published_at, content_hash, story_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?8, '', ?9)
            """,
            rows,
        )
        connection.executemany("INSERT INTO grams VALUES (?, ?)", grams)
        connection.executemany(
            """
            INSERT INTO mentions (item_id, entity_id, field, start, "end", text, rule, score, evidence,
              watchlist_version) VALUES (?, ?, 'content', ?, ?, ?, ?, ?, ?, 'v')
            """,
            mentions,
        )


@dataclass(frozen=True)
class Asked:
    """A kind of request: its name, and the address of the one that is sent at each turn."""

    name: str
    address: Callable[[random.Random], str]


def requests(store: Store) -> list[Asked]:
    """What is asked, with values that are in the archive."""

    def values(kind: str, number: int) -> list[str]:
        rows = store.db.execute(
            """
            SELECT value FROM queue_counts WHERE kind = ? AND state = 'awaiting' AND stories > 0
            ORDER BY stories DESC LIMIT ?
            """,
            [kind, number],
        ).fetchall()
        return [row[0] for row in rows]

    entities, feeds, days = values("entity", 20), values("feed", 50), values("day", 60)
    last = store.db.execute("SELECT max(id) FROM items").fetchone()[0]
    words = {code: of[-5000:] for code, of in vocabulary().items()}  # the rarest

    def queue(**wanted: Callable[[random.Random], str]) -> Callable[[random.Random], str]:
        return lambda draw: "/-/queue?" + urlencode({key: choose(draw) for key, choose in wanted.items()})

    def search(*words: str) -> Callable[[random.Random], str]:
        return lambda draw: "/watchfloor/search?" + urlencode({"words": draw.choice(words)})

    def table_search(word: str) -> str:
        return "/watchfloor/items?" + urlencode({"_search": word})

    def one_of(*of: str) -> Callable[[random.Random], str]:
        return lambda draw: draw.choice(of)

    return [
        Asked("queue", queue()),
        Asked("queue: entity", queue(entity=one_of(*entities))),
        Asked("queue: entity, feed", queue(entity=one_of(*entities), feed=one_of(*feeds))),
        Asked("queue: entity, feed, day", queue(entity=one_of(*entities), feed=one_of(*feeds), day=one_of(*days))),
        Asked("queue: entity, language", queue(entity=one_of(*entities), language=one_of("en", "ko", "zh"))),
        Asked("queue: frequent word", queue(q=one_of(*_WORDS))),
        Asked("queue: words, entity", queue(q=one_of(*_WORDS), entity=one_of(*entities))),
        Asked("queue: Korean word", queue(q=one_of("북한", "정찰총국", "제재"))),
        Asked("an item", lambda draw: f"/-/item/{draw.randrange(1, last)}"),
        Asked("overview", lambda _: "/-/overview"),
        Asked("rules", lambda _: "/-/rules"),
        Asked("search: frequent", search(*_WORDS)),
        Asked("search: rare word", search(*words["en"])),
        Asked("search: words, phrase", search('"hackers exchange"', "sanctions wallet ransom", "sanct*")),
        Asked("search: Korean", search("북한", "정찰총국", "암호화폐", "총국")),
        Asked("search: rare Korean", search(*words["ko"])),
        Asked("search: Chinese", search("朝鲜", "制裁", "加密货币", "货币")),
        Asked("search: rare Chinese", search(*words["zh"])),
        Asked("search: one character", search("북", "朝")),
        Asked("items table", lambda _: "/watchfloor/items"),
        Asked("items table: frequent word", lambda draw: table_search(draw.choice(_WORDS))),
        Asked("items table: rare word", lambda draw: table_search(draw.choice(words["en"]))),
        Asked("today's tagged items", lambda _: "/watchfloor/today"),
    ]


@contextlib.contextmanager
def serving(database: Path) -> Iterator[str]:
    """The pages over ``database``: their address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "pipeline", "serve", "--db", str(database), "--port", str(port)]
    process = subprocess.Popen(command, cwd=database.parent, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        while True:
            with contextlib.suppress(httpx.ConnectError):
                httpx.get(address, timeout=60)
                break
            if process.poll() is not None:
                sys.exit("error: the pages did not start")
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait()


def table(items: int = ITEMS, database: Path | None = None) -> Table:
    """The table of all pages."""
    with tempfile.TemporaryDirectory() as folder:
        path = database or Path(folder) / "w.db"
        with Store(path) as store:
            began = time.monotonic()
            if not store.db.table("items").count:
                fill(store, items)
            made = time.monotonic() - began
            mentions, asked = store.db.table("mentions").count, requests(store)
            items = store.db.table("items").count
        size = path.stat().st_size / 1e9
        shown = Table(
            title=f"pages over {items:,} items with {mentions:,} mentions ({size:.1f} GB, made in {made:.0f} s); "
            f"{REQUESTS} requests each, target {MEDIAN} and {HIGH} ms",
            title_justify="left",
        )
        for name in ("page", "median ms", "95th percentile ms", "KB", "within"):
            shown.add_column(name, justify="left" if name == "page" else "right")
        with serving(path) as address, httpx.Client(base_url=address, timeout=120) as client:
            for one in asked:
                shown.add_row(*_measured(client, one))
    return shown


def _measured(client: httpx.Client, asked: Asked) -> list[str]:
    draw, times, sizes = random.Random(3), [], []
    for _ in range(REQUESTS):
        address = asked.address(draw)
        began = time.perf_counter()
        answer = client.get(address)
        times.append((time.perf_counter() - began) * 1000)
        if answer.status_code == 404:
            return [asked.name, "there is no such page", "", "", ""]
        if answer.status_code != 200:
            sys.exit(f"error: {address} answered {answer.status_code}")
        sizes.append(len(answer.content) / 1000)
    median, high = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    within = "yes" if median < MEDIAN and high < HIGH else "NO"
    return [asked.name, f"{median:.0f}", f"{high:.0f}", f"{statistics.mean(sizes):.0f}", within]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="How fast the pages answer over a large archive.")
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--db", type=Path, help="keep the archive here, or use the one that is here")
    options = parser.parse_args()
    Console(width=140).print(table(options.items, options.db))
