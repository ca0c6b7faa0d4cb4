"""What goes wrong on the way: slow, endless, broken and packed answers."""

from __future__ import annotations

import gzip
import socket
import ssl
import time
import zlib
from collections.abc import Iterator

import brotli
import pytest
import zstandard

from tests.cases.desk import NEWS, OTHER, XML, Desk, entry, feed, rss
from tests.feedserver import FOREVER, RESET, Answer, FeedServer, Header, Piece, chunk, dripping, ok, response, silence

BODY = rss().encode()
CHUNKED = response(b"", XML, ("Transfer-Encoding", "chunked"), length=False)


def too_slow(desk: Desk, answer: Answer) -> None:
    """A fetch of ``answer`` ends at its deadline, costs another feed nothing, and leaves the feed to recover."""
    desk.settings["timeout"] = 0.5
    desk.serves(answer, feed())
    desk.serves(feed(entry(OTHER, guid="2")), path="/good", name="good")
    start = time.monotonic()
    desk.fails("fetch.timeout")
    assert time.monotonic() - start < 5
    desk.holds(OTHER)
    desk.settings["timeout"] = 10
    desk.recovers(NEWS, OTHER)


def test_tr_drip_body(desk: Desk) -> None:
    """A body byte by byte ends at the deadline of the whole fetch. [HX1450]"""
    head = response(b"", XML, ("Content-Length", str(len(BODY))), length=False)
    too_slow(desk, lambda: [head, *dripping(BODY, 0.1)()])


def test_tr_drip_header(desk: Desk) -> None:
    """Headers byte by byte end at the deadline of the whole fetch. [HX1450]"""
    too_slow(desk, dripping(feed(), 0.1))


def test_tr_silent(desk: Desk) -> None:
    """A server that accepts and never answers is left, and the other feeds are polled. [HX1030]"""
    too_slow(desk, silence)


def test_tr_chunk_endless(desk: Desk) -> None:
    """A chunked body without end is cut off at ``max_bytes``. [own HX1450]"""

    def endless() -> Iterator[Piece]:
        yield CHUNKED + chunk(BODY)
        while True:
            yield chunk(b"<!--" + b"x" * 60_000)

    desk.settings["max_bytes"] = 1_000_000
    desk.serves(endless, feed())
    desk.fails("fetch.max_bytes")
    assert desk.items() == []
    desk.recovers(NEWS)


def test_tr_chunk_bad(desk: Desk) -> None:
    """A chunk size that is no number, in mid-stream, is an error. [9112§7.1]"""
    desk.serves(CHUNKED + chunk(BODY[:100]) + b"ZZ\r\n" + BODY[100:] + b"\r\n", feed())
    desk.fails("protocol")
    desk.recovers(NEWS)


# tr-header-bomb is judged as a process, in test_hostile.py

# --- more of the group

BROKEN: dict[str, Answer] = {
    "nothing": b"",
    "reset": lambda: [RESET],
    "reset in the headers": lambda: [b"HTTP/1.1 200 OK\r\nContent-Ty", 0.02, RESET],
    "reset in the body": lambda: [response(BODY[:150], ("Content-Length", "999"), length=False), 0.02, RESET],
    "cut in the headers": b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n",
    "shorter than its length": response(BODY[:200], ("Content-Length", str(len(BODY))), length=False),
    "whole, but shorter than its length": response(BODY, ("Content-Length", str(len(BODY) + 1)), length=False),
    "chunks cut": CHUNKED + chunk(BODY),
    "chunk cut": CHUNKED + b"fff\r\n" + BODY,
    "chunk of negative size": CHUNKED + b"-5\r\n" + BODY,
    "chunk of 40 digits": CHUNKED + b"f" * 40 + b"\r\n" + BODY,
    "HTTP/0.9": BODY,
    "ICY": b"ICY 200 OK\r\n\r\n" + BODY,
    "status without number": b"HTTP/1.1 OK\r\n\r\n" + BODY,
    "status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n" + BODY,
    "NUL in a header": b"HTTP/1.1 200 OK\r\nETag: a\0b\r\nContent-Length: 0\r\n\r\n",
    "two lengths": response(BODY, ("Content-Length", "1"), ("Content-Length", "2"), length=False),
    "length in words": response(BODY, ("Content-Length", "many"), length=False),
    "negative length": response(BODY, ("Content-Length", "-1"), length=False),
    "switching protocols": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
    "unknown transfer coding": response(BODY, ("Transfer-Encoding", "rot13"), length=False),
    "gzip cut": ok(gzip.compress(BODY)[:-12], ("Content-Encoding", "gzip")),
    "gzip cut in its head": ok(gzip.compress(BODY)[:5], ("Content-Encoding", "gzip")),
    "gzip with a wrong sum": ok(gzip.compress(BODY)[:-8] + b"\0" * 8, ("Content-Encoding", "gzip")),
    "br cut": ok(brotli.compress(BODY)[:-5], ("Content-Encoding", "br")),
    "br that is none": ok(BODY, ("Content-Encoding", "br")),
    "zstd cut": ok(zstandard.compress(BODY)[:-5], ("Content-Encoding", "zstd")),
    "packed in a way not asked for": ok(BODY, ("Content-Encoding", "compress")),
    "a TLS record": b"\x15\x03\x01\x00\x02\x02\x46",
    "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
}  # fmt: skip


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_broken_answer_is_an_error_and_the_feed_recovers(desk: Desk, answer: Answer) -> None:
    """What breaks on the way is an error in one line; nothing of it is stored, and the next answer counts."""
    desk.serves(feed(headers=[("ETag", '"1"')]), answer, feed(entry(OTHER, guid="2"), headers=[("ETag", '"2"')]))
    desk.poll()
    desk.fails()
    desk.holds()
    desk.recovers(NEWS, OTHER)
    assert desk.sent("If-None-Match")[2] == [b'"1"']


def packed(coding: str, body: bytes) -> bytes:
    return ok(body, XML, ("Content-Encoding", coding))


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


GZIPPED = gzip.compress(BODY)
READABLE: dict[str, Answer] = {
    "HTTP/1.0 without length": b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
    "HTTP/1.1 without length": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + BODY,
    "no reason": b"HTTP/1.1 200\r\n\r\n" + BODY,
    "no headers": b"HTTP/1.1 200 OK\r\n\r\n" + BODY,
    "lines ended by LF": feed().replace(b"\r\n", b"\n"),
    "folded header": response(BODY, ("X-Note", "one\r\n\ttwo")),
    "header beyond ASCII": response(BODY, ("X-Note", "뉴스".encode() + b"\xff")),
    "empty header": response(BODY, ("X-Note", "")),
    "8 kB header": response(BODY, ("X-Note", "x" * 8192)),
    "200 headers": response(BODY, *[(f"X-{number}", "y") for number in range(200)]),
    "the same length twice": response(BODY, ("Content-Length", str(len(BODY)))),
    "chunks": CHUNKED + chunk(BODY[:7]) + chunk(BODY[7:]) + b"0\r\n\r\n",
    "chunks of one byte": CHUNKED + b"".join(chunk(bytes([byte])) for byte in BODY) + b"0\r\n\r\n",
    "chunk extension, trailer": CHUNKED + b"%x;a=b\r\n%s\r\n0;z\r\nX-Sum: 1\r\n\r\n" % (len(BODY), BODY),
    "chunks and a length": response(b"", ("Transfer-Encoding", "chunked"), ("Content-Length", "5"), length=False)
    + chunk(BODY) + b"0\r\n\r\n",
    "several 1xx": b"HTTP/1.1 100 Continue\r\n\r\n" + b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 5 + feed(),
    "gzip": packed("gzip", GZIPPED),
    "GZIP": packed("GZIP", GZIPPED),
    "x-gzip": packed("x-gzip", GZIPPED),
    "gzip of two members": packed("gzip", gzip.compress(BODY[:99]) + gzip.compress(BODY[99:])),
    "gzip with rubbish after it": packed("gzip", GZIPPED + b"\0" * 100 + b"rubbish"),
    "gzip twice": packed("gzip, gzip", gzip.compress(GZIPPED)),
    "gzip in name only": packed("gzip", BODY),
    "gzip that is zlib": packed("gzip", zlib.compress(BODY)),
    "deflate": packed("deflate", zlib.compress(BODY)),
    "bare deflate": packed("deflate", raw_deflate(BODY)),
    "deflate that is gzip": packed("deflate", GZIPPED),
    "br": packed("br", brotli.compress(BODY)),
    "zstd": packed("zstd", zstandard.compress(BODY)),
    "br over gzip": packed("gzip, br", brotli.compress(GZIPPED)),
    "identity": packed("identity", BODY),
    "none": packed("none", BODY),
    "empty coding": packed("", BODY),
    "coding utf-8": packed("utf-8", BODY),
    "coding that nobody knows": packed("x-rot13", BODY),
    "bytes after the end": feed() + ok(b"<html>smuggled</html>"),
    "slow, but in time": lambda: (piece for start in range(0, 600, 60) for piece in (feed()[start : start + 60], 0.02)),
}  # fmt: skip


@pytest.mark.parametrize("answer", READABLE.values(), ids=READABLE)
def test_odd_answer_is_read(desk: Desk, answer: Answer) -> None:
    """What is unusual but plain in meaning brings its item."""
    desk.serves(answer)
    desk.recovers(NEWS)


@pytest.mark.parametrize("kind", ["application/gzip", "application/octet-stream", "application/xml"])
def test_gzip_that_nothing_tells_of_is_read(desk: Desk, kind: str) -> None:
    """A feed stored as feed.xml.gz and served as a file is unpacked by its first bytes."""
    desk.serves(ok(GZIPPED, ("Content-Type", kind)))
    desk.recovers(NEWS)


def test_body_longer_than_its_length_is_cut_there(desk: Desk) -> None:
    """Bytes beyond Content-Length are none of the body: what came is stored, the rest comes when that is mended."""
    text = rss(entry(), entry(OTHER, guid="2"))
    short = ("Content-Length", str(text.index(OTHER) + 5))
    desk.serves(response(text.encode(), XML, short, length=False), ok(text.encode()))
    desk.poll()
    assert NEWS in {item["title"] for item in desk.items()}
    desk.recovers(NEWS, OTHER)


@pytest.mark.parametrize(
    "content_type",
    [
        None, "", "text/plain", "text/html", "application/octet-stream", "application/json", "application/x-unknown",
        "text/xml; charset=utf-8; boundary=x", "nonsense", ";;;=", "application/rss+xml; charset=", "image/png",
    ],
)  # fmt: skip
def test_content_type_does_not_hide_a_feed(desk: Desk, content_type: str | None) -> None:
    """What the body is counts, not what the header calls it."""
    headers: list[Header] = [] if content_type is None else [("Content-Type", content_type)]
    desk.serves(ok(BODY, *headers))
    desk.recovers(NEWS)


def test_bytes_left_on_a_connection_are_nobodys_answer(desk: Desk) -> None:
    """Of a server that keeps connections, what follows one answer is not taken for the next feed's."""
    with FeedServer(keep_alive=True) as server:
        forged = feed(entry("Forged", guid="9"))
        desk.feeds = {f"f{n}": server.on(f"/{n}", feed(entry(NEWS, guid=str(n))) + forged) for n in range(6)}
        report = desk.poll()
    assert (report.feeds_ok, {item["title"] for item in desk.items()}) == (6, {NEWS})


def test_server_that_is_down_comes_back(desk: Desk) -> None:
    """A refused connection is an error that says so."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        desk.feeds["a"] = f"http://127.0.0.1:{taken.getsockname()[1]}/feed"
    desk.fails("cannot connect")


def test_certificate_that_nobody_vouches_for_is_refused(desk: Desk) -> None:
    """Over TLS an unknown certificate is an error that names it; nothing is read from that server."""
    with FeedServer(tls=True) as secure:
        desk.feeds["a"] = secure.on("/feed", feed())
        trusting, desk.context = desk.context, ssl.create_default_context()
        desk.fails("certificate")
        assert secure.requests == []
        desk.context = trusting
        desk.recovers(NEWS)


def test_http_where_https_is_expected_is_an_error(desk: Desk) -> None:
    """A plain server under an https address is an error, and a TLS server under an http address too."""
    with FeedServer(talk=lambda connection: connection.sendall(feed())) as plain, FeedServer(tls=True) as secure:
        desk.feeds["a"] = plain.url("/feed").replace("http://", "https://")
        desk.feeds["b"] = secure.url("/feed").replace("https://", "http://")
        desk.fails()
        assert desk.feed("b")["state"] == "error"
    assert desk.items() == []


def test_many_silent_feeds_hold_up_nobody(desk: Desk) -> None:
    """Five feeds that never answer cost one deadline, not five, and the good one nothing."""
    desk.settings |= {"timeout": 0.5, "per_host": 16}
    for number in range(5):
        desk.serves(lambda: [FOREVER], path=f"/{number}", name=f"f{number}")
    desk.serves(feed())
    start = time.monotonic()
    report = desk.poll()
    assert time.monotonic() - start < 2.4
    assert (report.feeds_ok, report.feeds_failed) == (1, 5)
    desk.holds()
