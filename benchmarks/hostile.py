"""``python -m benchmarks.hostile``: 2,000 feeds, each on a loopback address of its own, a tenth of them hostile.

The hostile ones drip, hang, reset, redirect in circles, send bodies and headers without end, bombs, deep nesting and
garbage. Measured is one pass of the command line with its default settings, start-up included; every item of every
healthy feed must be stored, else the benchmark fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.measuring import measure

FEEDS, ITEMS, EVERY = 2000, 10, 10
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\nConnection: close\r\n"
MEGABYTE = 1 << 20

#: The pieces of an answer; None waits a second.
Pieces = AsyncIterator[bytes | None]


async def _whole(answer: bytes) -> Pieces:
    yield answer


async def _dripping_body() -> Pieces:
    yield HEAD + b"\r\n<rss>"
    while True:
        yield None
        yield b" "


async def _dripping_header() -> Pieces:
    yield HEAD + b"X-Slow: "
    while True:
        yield None
        yield b"a"


async def _silence() -> Pieces:
    while True:
        yield None


async def _endless_body() -> Pieces:
    yield HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    while True:
        yield b"%x\r\n%s\r\n" % (MEGABYTE, b" " * MEGABYTE)


async def _headers() -> Pieces:
    yield HEAD
    for _ in range(100):
        yield b"X-Flood: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 1000


def _bomb() -> bytes:
    packed = gzip.compress(gzip.compress(b"\0" * (200 * MEGABYTE), 9), 9)
    return HEAD + b"Content-Encoding: gzip, gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed


def _body(body: bytes) -> bytes:
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _channel(inner: bytes) -> bytes:
    return _body(b"<?xml version='1.0'?><rss version='2.0'><channel><title>A</title>" + inner + b"</channel></rss>")


_LAUGHS = b"<!DOCTYPE a [<!ENTITY a 'ha'>%s]><rss><channel><item><title>&z;</title></item></channel></rss>" % b"".join(
    b"<!ENTITY %c '%s'>" % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(25)
)
HOSTILE: dict[str, Callable[[], Pieces]] = {
    "drips its body": _dripping_body,
    "drips its header": _dripping_header,
    "never answers": _silence,
    "body without end": _endless_body,
    "100,000 header lines": _headers,
    "resets": lambda: _whole(b""),
    "redirects in a circle": lambda: _whole(b"HTTP/1.1 302 Found\r\nLocation: ?again\r\nContent-Length: 0\r\n\r\n"),
    "gzip bomb in a gzip": lambda: _whole(_BOMB),
    "billion laughs": lambda: _whole(_body(_LAUGHS)),
    "100,000 nested elements": lambda: _whole(_channel(b"<a>" * 100_000)),
    "garbage": lambda: _whole(_body(bytes(range(256)) * 4000)),
    "broken chunks": lambda: _whole(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\nZZ\r\n"),
}
_BOMB = _bomb()


def healthy(number: str) -> bytes:
    """A feed of ten items."""
    items = "".join(
        f"<item><guid>urn:f{number}:{n}</guid><title>Story {n} of feed {number}</title>"
        f"<description>The ministry said on day {n} that talks of the two sides would go on.</description></item>"
        for n in range(ITEMS)
    )
    return _channel(items.encode())


async def _serve() -> None:
    kinds = list(HOSTILE)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
            number = path.strip("/").partition("?")[0]
            is_hostile = int(number) % EVERY == 0
            pieces = HOSTILE[kinds[int(number) // EVERY % len(kinds)]]() if is_hostile else _whole(healthy(number))
            async for piece in pieces:
                if piece is None:
                    await asyncio.sleep(1)
                else:
                    writer.write(piece)
                    await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "0.0.0.0", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def table() -> Table:
    """One pass over all feeds, measured."""
    with (
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.hostile", "serve"], stdout=subprocess.PIPE, text=True
        ) as server,
        tempfile.TemporaryDirectory() as name,
    ):
        try:
            assert server.stdout is not None
            return _measured(Path(name), int(server.stdout.readline()))
        finally:
            server.terminate()


def _measured(folder: Path, port: int) -> Table:
    feeds = [{"id": f"f{n}", "url": f"http://127.0.{n // 250}.{n % 250 + 1}:{port}/{n}"} for n in range(FEEDS)]
    lines = "".join(f"  - {json.dumps(feed)}\n" for feed in feeds)
    (folder / "config.yaml").write_text(
        f"database: w.db\nfetch: {{allow_private_addresses: true}}\nfeeds:\n{lines}", encoding="utf-8"
    )
    figures = measure([sys.executable, "-m", "pipeline", "run", "--json"], folder)
    with contextlib.closing(sqlite3.connect(folder / "w.db")) as db:
        polled = dict(db.execute("SELECT feed_id, outcome FROM fetches"))
        stored = Counter(feed for (feed,) in db.execute("SELECT feed_id FROM items"))
    expected = {f"f{n}": ITEMS for n in range(FEEDS) if n % EVERY}
    wrong = [feed for feed, items in expected.items() if stored[feed] != items]
    if len(polled) != FEEDS or wrong:
        sys.exit(f"error: {len(polled)} of {FEEDS} feeds polled; {len(wrong)} healthy ones lack items: {wrong[:5]}")
    shown = Table(
        title=f"{FEEDS} feeds, {FEEDS // EVERY} of them hostile in {len(HOSTILE)} ways, {os.cpu_count()} cores",
        title_justify="left",
    )
    for column in ("feeds polled", "healthy items stored", "wall s", "CPU s", "peak RSS MB", "peak PSS MB"):
        shown.add_column(column, justify="right")
    numbers = (figures.wall, figures.cpu, figures.rss_mb, figures.pss_mb)
    items = sum(expected.values())
    shown.add_row(str(len(polled)), f"{items:,} of {items:,}", *(f"{number:.0f}" for number in numbers))
    return shown


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(_serve())
    else:
        Console(width=140).print(table())
