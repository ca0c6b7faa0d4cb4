"""What the fuzzer feeds in: real feeds mutated, with bodies packed and framed in odd ways, under odd headers.

Shared by tests/test_fuzz.py (a short run) and ``python -m benchmarks.fuzz`` (minutes on end).
"""

from __future__ import annotations

import gzip
import random
import time
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import brotli
from hypothesis import strategies as st

from pipeline.config import FetchSettings
from pipeline.errors import ParseError
from pipeline.fetch import Fetcher
from pipeline.models import Feed, Fetched
from pipeline.times import utc_now
from pipeline.worker import Job, Reading, read
from tests.conftest import SHARED
from tests.feedserver import RESET, FeedServer, Piece, chunk

SECONDS = 3.0  # for one fetch; reading has a limit of its own
MAX_BYTES = 5_000_000
OWN = Path(__file__).parents[1] / "pipeline" / "demo" / "feeds"

#: What is cut into bodies: what has broken feed readers before.
_TOKENS = [
    b"<",
    b">",
    b"&",
    b"]]>",
    b"<![CDATA[",
    b"<!--",
    b"-->",
    b"<?xml version='1.0' encoding='utf-16'?>",
    b"<!DOCTYPE x [",
    b"<!ENTITY a '&a;'>",
    b"&a;",
    b"&#0;",
    b"&#x110000;",
    b"&#" + b"9" * 5000 + b";",
    b"\0",
    b"\x1b[2J",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\xc0\xaf",
    b"</item>",
    b"</entry>",
    b"<item>",
    b"<entry>",
    b"</channel>",
    b"<rdf:RDF>",
    b"<title>",
    b"<guid>",
    b"<pubDate>99999999999999 Foo -0001 25:61 +9999</pubDate>",
    b"<link>javascript:1</link>",
    b"<ttl>1e999</ttl>",
    b"<skipHours><hour>-1</hour></skipHours>",
    b"<a " * 300,
    b"<b>" * 3000,
    b'x="' * 2000,
    b" " * 100_000,
    b"{",
    b"[" * 3000,
    b'"items":',
    b"1e400",
    b"\\ud800",
    "가\u202e나".encode(),
    b"xml:base='http://[' ",
    b"type='xhtml'",
    b"<svg onload=x>",
    b"<sy:updateFrequency>0</sy:updateFrequency>",
    b"<link rel='next' href='//[::1'/>",
    b"<updated>0000-00-00T99:99</updated>",
]
_TYPES = [
    "application/rss+xml",
    "text/xml; charset=euc-kr",
    "text/html; charset=",
    'application/xml; charset="utf-7"',
    "",
    "application/json",
    "text/plain; charset=utf-16",
    "application/octet-stream",
    "x" * 3000,
    "text/xml; charset=idna",
]
_HEADERS = [
    b'ETag: "\xff\xfe"',
    b"Last-Modified: now",
    b"Cache-Control: max-age=1e30",
    b"Cache-Control: max-age=" + b"9" * 60,
    b"Expires: 0",
    b"Age: -5",
    b"Retry-After: " + b"9" * 40,
    b"Set-Cookie: a=b",
    b"Location: http://[",
    b"X: " + b"y" * 70_000,
    b"Content-Length: -1",
    b"Content-Length: 99999999999999999999",
    b": empty",
    b"no colon",
    b" folded",
    b"Transfer-Encoding: x",
    b"Date: Mon, 99 Foo 2026 99:99:99 GMT",
    b"Content-Encoding: br, br, br, br, br, br",
    b"Link: <x>; rel=hub",
    b"\0: \0",
]
_STATUSES = [
    "200 OK",
    "200 OK",
    "200 OK",
    "200 OK",
    "203 X",
    "206 Partial",
    "301 M",
    "304 NM",
    "429 T",
    "500 X",
    "999 X",
    "20x",
    "",
]
_PACKINGS = ["", "", "", "gzip", "deflate", "br", "gzip, gzip", "zstd", "identity", "x"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the hostile server, as bytes in pieces."""

    pieces: tuple[Piece, ...]


def sources() -> list[Path]:
    """The feeds that are mutated: real ones where they are at hand, and those of the demo."""
    return [*sorted((SHARED / "feeds").glob("*.xml")), *sorted(OWN.glob("*"))]


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A feed with up to eight changes: bytes dropped, doubled, swapped, or cut in."""
    body = bytearray(draw(st.sampled_from(sources())).read_bytes()[:400_000])
    for _ in range(draw(st.integers(0, 8))):
        at = int(draw(st.floats(0, 1)) * len(body))
        length = draw(st.sampled_from([1, 2, 7, 50, 1000, 50_000]))
        change = draw(st.sampled_from(["token", "token", "token", "drop", "double", "cut", "noise", "move"]))
        if change == "token":
            body[at:at] = draw(st.sampled_from(_TOKENS)) * draw(st.sampled_from([1, 1, 1, 20]))
        elif change == "drop":
            del body[at : at + length]
        elif change == "double":
            body[at:at] = body[at : at + length] * 3
        elif change == "cut":
            del body[at:]
        elif change == "noise":
            body[at : at + length] = random.Random(draw(st.integers(0, 10**6))).randbytes(min(length, 1000))
        else:
            piece = body[at : at + length]
            del body[at : at + length]
            body[:0] = piece
    return bytes(body)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """A whole HTTP answer around a mutated body."""
    body, packing = draw(bodies()), draw(st.sampled_from(_PACKINGS))
    for name in packing.split(", ") if draw(st.integers(0, 4)) else []:  # now and then the header lies
        packer = {"gzip": gzip.compress, "deflate": zlib.compress, "br": lambda data: brotli.compress(data, quality=1)}
        body = packer.get(name, bytes)(body)
    if draw(st.integers(0, 9)) == 0:
        body = body[: len(body) // 2]
    lines = [b"HTTP/1.1 " + draw(st.sampled_from(_STATUSES)).encode()]
    lines.append(b"Content-Type: " + draw(st.sampled_from(_TYPES)).encode())
    lines += [b"Content-Encoding: " + packing.encode()] if packing else []
    lines += draw(st.lists(st.sampled_from(_HEADERS), max_size=3)) if draw(st.integers(0, 2)) == 0 else []
    framing = draw(st.sampled_from(["length", "length", "close", "chunked", "chunked badly"]))
    pieces: list[Piece] = [body]
    if framing == "length":
        lines.append(b"Content-Length: %d" % len(body))
    elif framing.startswith("chunked"):
        lines.append(b"Transfer-Encoding: chunked")
        end = b"0\r\n\r\n" if framing == "chunked" else b"zz\r\n"
        pieces = [*(chunk(body[at : at + 9000]) for at in range(0, len(body), 9000) if body[at : at + 9000]), end]
    if draw(st.integers(0, 19)) == 0:
        pieces = [*pieces[: len(pieces) // 2], RESET]
    return Answer((b"\r\n".join([*lines, b"", b""]), *pieces))


class Subject:
    """What is fuzzed: one fetcher and one reader, as a run uses them, against a server on loopback."""

    def __init__(self, watchlist: str) -> None:
        self.server = FeedServer()
        settings = FetchSettings(allow_private_addresses=True, timeout=SECONDS, max_bytes=MAX_BYTES)
        import httpx  # noqa: PLC0415 - the one TLS context

        self._fetcher = Fetcher(settings, utc_now, httpx.create_ssl_context())
        self._watchlist = watchlist

    def close(self) -> None:
        """End the server."""
        self._fetcher.close()
        self.server.close()

    def poll(self, answer: Answer) -> tuple[Fetched, Reading | None]:
        """Fetch and read ``answer``. Raises what must never be raised, ``AssertionError`` for what takes too long."""
        url = self.server.on("/feed", lambda: answer.pieces)
        self.server.requests.clear()
        feed = replace(Feed("f", url, url), etag='"x"', validators_url=url)
        began = time.monotonic()
        fetched = self._fetcher.fetch(feed)
        assert time.monotonic() - began < SECONDS + 2, "the fetch outlasted its deadline"
        if fetched.outcome != "ok":
            assert fetched.outcome in ("error", "not_modified", "gone")
            return fetched, None
        began = time.monotonic()
        job = Job("f", fetched.body, fetched.url, fetched.content_type, {}, utc_now())
        try:
            reading = read(self._watchlist, job)
        except ParseError as error:
            if not str(error) or "\n" in str(error):
                raise AssertionError("an error that is not one line") from error
            return fetched, None
        assert time.monotonic() - began < 60, "reading took too long"
        return fetched, reading


def check(reading: Reading) -> None:
    """No item holds what could hurt a reader: control characters, a link that is not http(s), markup that acts."""
    for tagged in reading.fresh:
        item = tagged.item
        for text in (item.title, item.summary, item.content, item.author or "", item.guid):
            assert not [char for char in text if ord(char) < 32 and char != "\n"], "a control character was stored"
        assert item.url is None or item.url.startswith(("http://", "https://")), "a link that is no web address"
        assert "\n" not in item.title
        for mention in tagged.mentions:
            fields = {"title": item.title, "summary": item.summary, "content": item.content}
            assert fields[mention.field][mention.start : mention.end] == mention.text
