"""The fetcher against a server of raw sockets: what it sends, what it makes of answers, and that nothing hurts it."""

from __future__ import annotations

import functools
import gc
import gzip
import os
import re
import socket
import ssl
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.config import FetchSettings
from pipeline.fetch import Fetcher
from pipeline.fetch import fetcher as fetcher_module
from pipeline.headers import retry_after
from pipeline.models import Feed, Fetched
from tests.feedserver import (
    RESET,
    Answer,
    FeedServer,
    Piece,
    chunk,
    client_context,
    dripping,
    not_modified,
    ok,
    redirect,
    response,
    silence,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BODY = b"<rss><channel><title>news</title></channel></rss>"
AGENT = "newsroom-test/1 (+https://news.example)"
MEGABYTE = 1024 * 1024
CHUNKED = response(b"", ("Transfer-Encoding", "chunked"), length=False)
GZIPPED = response(b"", ("Content-Encoding", "gzip"), length=False)
CONTEXT = client_context()


def fetcher_with(**changes: object) -> Fetcher:
    keys = {"user_agent": AGENT, "timeout": 5, "max_bytes": MEGABYTE, "allow_private_addresses": True}
    return Fetcher(FetchSettings.model_validate(keys | changes), lambda: NOW, CONTEXT)


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as running:
        yield running


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    """A fetcher for one test; a connection that it forgets to close fails the test."""
    one = fetcher_with()
    yield one
    one.close()
    gc.collect(1)  # so that a socket left open warns, and pytest makes that an error


@pytest.fixture
def hasty() -> Iterator[Fetcher]:
    """A fetcher with half a second for each fetch."""
    one = fetcher_with(timeout=0.5)
    yield one
    one.close()
    gc.collect(1)


def feed(url: str, **changes: Any) -> Feed:
    return replace(Feed(id="a", url=url, configured_url=url), **changes)


def known(before: Feed, fetched: Fetched) -> Feed:
    """The feed as it is stored after a successful poll."""
    return replace(
        before,
        url=fetched.permanent_url or before.url,
        etag=fetched.etag,
        last_modified=fetched.last_modified,
        validators_url=fetched.url,
    )


def refused(fetcher: Fetcher, server: FeedServer, *answers: Answer) -> str:
    """The error of one fetch of ``answers``, after which the same fetcher still works."""
    server.on("/bad", *answers)
    server.on("/good", ok(BODY))
    fetched = fetcher.fetch(feed(server.url("/bad")))
    assert fetched.outcome == "error"
    assert fetched.body == b""
    assert fetched.error
    assert "\n" not in fetched.error
    assert "cannot be understood" not in fetched.error  # the net below everything that is expected
    assert fetcher.fetch(feed(server.url("/good"))).body == BODY
    return fetched.error


# --- what is sent


def test_request_says_who_asks_and_nothing_else(fetcher: Fetcher, server: FeedServer) -> None:
    """A first request carries the configured agent and what is accepted; no cookie, no Referer, no condition."""
    fetched = fetcher.fetch(feed(server.on("/feed?x=1", ok(BODY, ("Set-Cookie", "id=1"), ("Set-Cookie", "b=2")))))
    assert (fetched.outcome, fetched.body, fetched.status) == ("ok", BODY, 200)
    [request] = server.requests
    assert (request.method, request.path) == ("GET", "/feed?x=1")
    assert {name.lower() for name, _ in request.headers} == {b"host", b"user-agent", b"accept", b"accept-encoding"}
    assert request.header("User-Agent") == [AGENT.encode()]
    assert request.header("Accept-Encoding") == [b"gzip, deflate, br, zstd"]
    assert request.header("Host") == [f"127.0.0.1:{server.port}".encode()]


def test_cookies_are_never_sent_back(fetcher: Fetcher, server: FeedServer) -> None:
    """A cookie set by an answer or a redirect comes back neither on the next hop nor on the next poll."""
    server.on("/final", ok(BODY, ("Set-Cookie", "b=2; Path=/")))
    cookie = response(b"", ("Location", "/final"), ("Set-Cookie", "a=1; Path=/"), status="302 Found")
    for _ in range(2):
        fetcher.fetch(feed(server.on("/feed", cookie)))
    assert server.paths() == ["/feed", "/final"] * 2
    assert not any(request.header("Cookie") or request.header("Referer") for request in server.requests)


def test_credentials_of_an_address_are_sent(fetcher: Fetcher, server: FeedServer) -> None:
    """Name and password in the configured address become Basic authorization, and go to no other host."""
    with FeedServer() as other:
        server.on("/feed", redirect(302, other.on("/feed", ok(BODY))))
        address = server.url("/feed").replace("://", "://user:secret@")
        assert fetcher.fetch(feed(address)).outcome == "ok"
        assert server.requests[0].header("Authorization") == [b"Basic dXNlcjpzZWNyZXQ="]
        assert other.requests[0].header("Authorization") == []


# --- conditional requests

ETAGS = [
    b'"v1"',
    b'W/"a,b/c"',
    b'W/"0815"',
    b"no-quotes",
    b'"with space; and=more"',
    b'"caf\xe9"',
    '"뉴스"'.encode(),
    b'""',
    b"'single'",
    b'"tab\there"',
    b'"' + b"x" * 500 + b'"',
]


@pytest.mark.parametrize("etag", ETAGS)
def test_etag_comes_back_byte_for_byte(fetcher: Fetcher, server: FeedServer, etag: bytes) -> None:
    """Whatever an ETag looks like, If-None-Match carries exactly its bytes."""
    one = feed(server.on("/feed", ok(BODY, ("ETag", etag)), not_modified()))
    two = known(one, fetcher.fetch(one))
    again = fetcher.fetch(two)
    assert server.requests[1].header("If-None-Match") == [etag]
    assert server.requests[1].header("If-Modified-Since") == []
    assert (again.outcome, again.status, again.error) == ("not_modified", 304, None)


@pytest.mark.parametrize(
    "date", [b"Mon, 23 Nov 2026 10:00:00 GMT", b"2026-11-23T10:00:00+09:00", b"0", b"gestern \xfc"]
)
def test_last_modified_comes_back_byte_for_byte(fetcher: Fetcher, server: FeedServer, date: bytes) -> None:
    """Last-Modified is a token: it is sent back as it came, never read, never rewritten."""
    one = feed(server.on("/feed", ok(BODY, ("Last-Modified", date)), not_modified()))
    assert fetcher.fetch(known(one, fetcher.fetch(one))).outcome == "not_modified"
    assert server.requests[1].header("If-Modified-Since") == [date]
    assert server.requests[1].header("If-None-Match") == []


def test_both_validators_come_back(fetcher: Fetcher, server: FeedServer) -> None:
    """A server that gives both gets both."""
    one = feed(server.on("/feed", ok(BODY, ("ETag", '"1"'), ("Last-Modified", "yesterday")), not_modified()))
    fetcher.fetch(known(one, fetcher.fetch(one)))
    assert server.requests[1].header("If-None-Match") == [b'"1"']
    assert server.requests[1].header("If-Modified-Since") == [b"yesterday"]


@pytest.mark.parametrize("value", [b"", b'"' + b"x" * 5000 + b'"', b'"\x01"'])
def test_validator_that_cannot_be_sent_is_none(fetcher: Fetcher, server: FeedServer, value: bytes) -> None:
    """An empty, huge or unprintable validator is not kept: sending it could break every later poll."""
    fetched = fetcher.fetch(feed(server.on("/feed", ok(BODY, ("ETag", value), ("Last-Modified", value)))))
    assert (fetched.etag, fetched.last_modified) == (None, None)


def test_validators_belong_to_the_address_that_gave_them(fetcher: Fetcher, server: FeedServer) -> None:
    """Validators go to no other address: not to the one that redirects, not to a new target of the redirect."""
    server.on("/one", ok(BODY, ("ETag", '"same"')))
    server.on("/two", ok(BODY, ("ETag", '"same"')))
    one = feed(server.on("/feed", redirect(302, "/one"), redirect(302, "/one"), redirect(302, "/two")))
    two = known(one, fetcher.fetch(one))
    fetcher.fetch(two)
    assert fetcher.fetch(two).outcome == "ok"
    conditions = [(request.path, request.header("If-None-Match")) for request in server.requests[2:]]
    assert conditions == [("/feed", []), ("/one", [b'"same"']), ("/feed", []), ("/two", [])]


def test_unasked_304_is_an_error(fetcher: Fetcher, server: FeedServer) -> None:
    """304 to an unconditional request is no success, and leaves no validators behind."""
    server.on("/feed", response(b"", ("ETag", '"1"'), status="304 Not Modified", length=False))
    fetched = fetcher.fetch(feed(server.url("/feed")))
    assert (fetched.outcome, fetched.status) == ("error", 304)
    assert "nothing was asked conditionally" in (fetched.error or "")


# --- redirects


@pytest.mark.parametrize(("status", "moved"), [(301, True), (308, True), (302, False), (303, False), (307, False)])
@pytest.mark.parametrize(
    "location", ["/new?a=b", "new?a=b", "//127.0.0.1:PORT/new?a=b", "http://127.0.0.1:PORT/new?a=b#f"]
)
def test_redirects_are_followed(fetcher: Fetcher, server: FeedServer, status: int, moved: bool, location: str) -> None:
    """Every kind of redirect is followed, relative or not; only 301 and 308 name a new address for good."""
    server.on("/new?a=b", ok(BODY))
    server.on("/old", redirect(status, location.replace("PORT", str(server.port))))
    fetched = fetcher.fetch(feed(server.url("/old")))
    assert (fetched.outcome, fetched.body, fetched.url) == ("ok", BODY, server.url("/new?a=b"))
    assert fetched.permanent_url == (server.url("/new?a=b") if moved else None)


def test_permanent_address_reaches_up_to_the_first_temporary_hop(fetcher: Fetcher, server: FeedServer) -> None:
    """Of 301, 308, 302, 301 the address after the 308 is remembered: what follows a temporary hop is temporary."""
    for number, status in enumerate((301, 308, 302, 301)):
        server.on(f"/{number}", redirect(status, f"/{number + 1}"))
    server.on("/4", ok(BODY))
    fetched = fetcher.fetch(feed(server.url("/0")))
    assert (fetched.url, fetched.permanent_url) == (server.url("/4"), server.url("/2"))


@pytest.mark.parametrize(
    ("location", "path"), [("/뉴스".encode(), "/%EB%89%B4%EC%8A%A4"), (b"/caf\xe9 a", "/caf%E9%20a")]
)
def test_location_beyond_ascii_keeps_its_bytes(
    fetcher: Fetcher, server: FeedServer, location: bytes, path: str
) -> None:
    """A Location in raw UTF-8, or in another encoding, is asked for by the same bytes, percent-encoded."""
    server.on("/feed", redirect(302, location))
    server.on(path, ok(BODY))
    assert fetcher.fetch(feed(server.url("/feed"))).outcome == "ok"
    assert server.paths() == ["/feed", path]


def test_ring_of_redirects_is_left_at_once(fetcher: Fetcher, server: FeedServer) -> None:
    """An address that comes round again is not asked twice."""
    server.on("/b", redirect(302, "/bad"))
    assert "circle" in refused(fetcher, server, redirect(302, "/b"))
    assert server.paths()[:2] == ["/bad", "/b"]
    assert len(server.requests) == 3


def test_endless_redirects_end(fetcher: Fetcher, server: FeedServer) -> None:
    """A chain that never repeats ends after ``MAX_REDIRECTS``."""
    for number in range(30):
        server.on(f"/{number}", redirect(302, f"/{number + 1}"))
    assert "redirects" in refused(fetcher, server, redirect(302, "/0"))
    assert len(server.requests) == fetcher_module.MAX_REDIRECTS + 2


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd", "FILE:/etc/passwd", "ftp://example.org/", "javascript:alert(1)", "data:text/xml,<rss/>",
        "http://", "http:///feed", "http://[broken", "http://127.0.0.1:port/", "http://127.0.0.1:99999/", "http://a..b/",
        "http://1.2.3.4.5:0/", "//", "http://\x7f/", "mailto:a@example.org", "http://%zz/", "http://xn--a/", "http://\u212a/",
        "http://[::1%25lo]:1/", "/" + "x" * 70_000,
    ],
)  # fmt: skip
def test_redirect_to_what_cannot_be_asked_is_an_error(fetcher: Fetcher, server: FeedServer, location: str) -> None:
    """Another scheme, a broken address or an unknown host in Location is an error, never an exception or a file."""
    error = refused(fetcher, server, redirect(301, location.encode()))
    if re.match("(?i)file|ftp|mailto", location):
        assert "which is not http or https; refused" in error


def test_redirect_without_location_is_an_error(fetcher: Fetcher, server: FeedServer) -> None:
    """301 without Location is just not a feed."""
    assert "301" in refused(fetcher, server, response(b"moved", status="301 Moved"))


def test_redirect_to_metadata_is_never_connected(fetcher: Fetcher, server: FeedServer) -> None:
    """A redirect to a cloud's metadata address is refused, even where private addresses are allowed."""
    for host in ("169.254.169.254", "2852039166", "[::ffff:169.254.169.254]"):
        error = refused(fetcher, server, redirect(302, f"http://{host}/latest/meta-data/"))
        assert "169.254.169.254 is a link-local or metadata address" in error


def test_private_addresses_are_refused_unless_allowed(server: FeedServer) -> None:
    """Without ``allow_private_addresses`` a feed on loopback is not even connected to."""
    fetcher = fetcher_with(allow_private_addresses=False)
    for host in ("127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"):
        fetched = fetcher.fetch(feed(server.url("/feed", host)))
        assert fetched.outcome == "error"
        assert "allow_private_addresses" in (fetched.error or "")
    assert server.connections == 0


# --- status codes


@pytest.mark.parametrize(
    "status", ["400 Bad", "401 No", "403 No", "404 No", "418 Tea", "500 Oh", "502 Oh", "599 Oh", "204 No"]
)
def test_error_statuses_are_errors_that_name_the_status(fetcher: Fetcher, server: FeedServer, status: str) -> None:
    """Any status that brings no feed is an error with its number, and a body with it is not read."""
    page = response(b"" if status[0] == "2" else b"<html>" + b"x" * 100, ("ETag", '"bad"'), status=status)
    assert refused(fetcher, server, page).startswith(status[:3])


def test_410_is_gone(fetcher: Fetcher, server: FeedServer) -> None:
    """410 means that the feed is gone for good."""
    fetched = fetcher.fetch(feed(server.on("/feed", response(b"gone", status="410 Gone"))))
    assert (fetched.outcome, fetched.status) == ("gone", 410)


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("3600", 3600), ("Mon, 23 Nov 2026 13:00:00 GMT", 3600), ("Monday, 23-Nov-26 13:00:00 GMT", 3600),
        ("9" * 30, None), ("Fri, 31 Dec 9999 23:59:59 GMT", None), ("9999999", 30 * 86400), ("soon", None), ("", None),
        ("-5", None), ("1e9", None), ("Mon, 23 Nov 2020 13:00:00 GMT", None), ("٣٦", None),
    ],
)  # fmt: skip
def test_retry_after_is_understood(
    fetcher: Fetcher, server: FeedServer, status: str, value: str, wait: int | None
) -> None:
    """429 and 503 tell when to come again, in seconds or as a date, up to 30 days; nonsense tells nothing."""
    server.on("/feed", response(b"wait", ("Retry-After", value.encode()), status=status))
    fetched = fetcher.fetch(feed(server.url("/feed")))
    assert fetched.outcome == "error"
    assert fetched.retry_after == (None if wait is None else NOW + timedelta(seconds=wait))


@given(value=st.text(max_size=60) | st.from_regex(r"\w{0,3},? ?\d{0,9} \w{0,3} \d{0,9} [\d:.]{0,12} ?[+-]?\w{0,12}"))
@example("Fri, 31 Dec 9999 23:59:59 -2359")
@example("Mon, 01 Jan 0001 00:00:00 +2359")
@example("Mon, 01 Jan 2027 00:00:00 +99999999999999999999")
@example(" ")
@example("9" * 5000)
def test_retry_after_survives_anything(value: str) -> None:
    """No Retry-After raises; what is understood is ahead, and at most 30 days."""
    moment = retry_after(value, NOW)
    assert moment is None or NOW <= moment <= NOW + timedelta(days=30)


# --- transport


def test_early_hints_are_skipped(fetcher: Fetcher, server: FeedServer) -> None:
    """Informational answers before the real one are no answers (RFC 9110 section 15.2)."""
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    assert fetcher.fetch(feed(server.on("/feed", early + ok(BODY)))).body == BODY


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
def test_body_without_length_ends_with_the_connection(fetcher: Fetcher, server: FeedServer, version: bytes) -> None:
    """An old server tells the end of a body by closing."""
    server.on("/feed", version + b" 200 OK\r\nContent-Type: text/xml\r\n\r\n" + BODY)
    fetched = fetcher.fetch(feed(server.url("/feed")))
    assert (fetched.outcome, fetched.body, fetched.content_type) == ("ok", BODY, "text/xml")


def test_chunked_body_is_read(fetcher: Fetcher, server: FeedServer) -> None:
    """A chunked body comes out whole, with extensions and trailers ignored."""
    server.on(
        "/feed",
        CHUNKED + chunk(BODY[:9]) + b"4;ext=1\r\n" + BODY[9:13] + b"\r\n" + chunk(BODY[13:]) + b"0\r\nX: y\r\n\r\n",
    )
    fetched = fetcher.fetch(feed(server.url("/feed")))
    assert (fetched.body, fetched.received_bytes) == (BODY, len(BODY))


BROKEN: dict[str, Answer] = {
    "chunk size ZZ": CHUNKED + chunk(BODY) + b"ZZ\r\nxx\r\n",
    "chunked cut": CHUNKED + chunk(BODY),
    "shorter than its length": response(BODY, ("Content-Length", str(len(BODY) + 9)), length=False),
    "no HTTP": BODY,
    "nothing": b"",
    "reset": lambda: [RESET],
    "reset in body": lambda: [response(BODY, ("Content-Length", "999"), length=False), 0.05, RESET],
    "header without colon": b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
    "status abc": b"HTTP/1.1 abc OK\r\n\r\n",
    "status 999999": b"HTTP/1.1 999999 OK\r\n\r\n",
    "two lengths": response(BODY, ("Content-Length", "1"), ("Content-Length", "2"), length=False),
    "length -1": response(BODY, ("Content-Length", "-1"), length=False),
    "101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "NUL in header": b"HTTP/1.1 200 OK\r\nETag: a\0b\r\nContent-Length: 0\r\n\r\n",
    "gzip cut": ok(gzip.compress(BODY)[:-9], ("Content-Encoding", "gzip")),
    "gzip broken": ok(gzip.compress(BODY)[:20] + b"x" * 30, ("Content-Encoding", "gzip")),
    "unknown packing": ok(BODY, ("Content-Encoding", "compress")),
    "packed too often": ok(BODY, *[("Content-Encoding", "gzip")] * 4),
}  # fmt: skip


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_broken_answers_are_errors(fetcher: Fetcher, server: FeedServer, answer: Answer) -> None:
    """An answer that breaks the protocol is an error in one line, and the fetcher works on."""
    refused(fetcher, server, answer)


def test_server_that_is_not_there_is_an_error(fetcher: Fetcher) -> None:
    """A refused connection is an error that says so."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    fetched = fetcher.fetch(feed(f"http://127.0.0.1:{port}/"))
    assert fetched.outcome == "error"
    assert "cannot connect" in (fetched.error or "")


@pytest.mark.parametrize(
    "url", ["http://[broken/", "ftp://example.org/a", "http://a b/", "no address", "", "http://x:y/"]
)
def test_address_that_cannot_be_used_is_an_error(fetcher: Fetcher, url: str) -> None:
    """A configured address that is none is an error, not an exception."""
    fetched = fetcher.fetch(feed(url))
    assert fetched.outcome == "error"
    assert fetched.error


SLOW: dict[str, Answer] = {
    "silent": silence,
    "slow headers": dripping(ok(BODY), 0.1),
    "slow body": lambda: [response(BODY, ("Content-Length", "9999"), length=False), *dripping(BODY * 9, 0.1)()],
    "endless early hints": lambda: (p for _ in range(999) for p in (b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.05)),
    "body that stops": lambda: [CHUNKED + chunk(BODY), 60.0],
    "slow gzip of nothing": dripping(GZIPPED + b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + b"\0\0\0\xff\xff" * 999, 0.002),
}  # fmt: skip


@pytest.mark.parametrize("answer", SLOW.values(), ids=SLOW)
def test_slow_servers_end_at_the_deadline(hasty: Fetcher, server: FeedServer, answer: Answer) -> None:
    """One deadline holds for the whole fetch, however alive each single read looks."""
    start = time.monotonic()
    assert "fetch.timeout" in refused(hasty, server, answer)
    assert time.monotonic() - start < 4


def test_slow_redirects_share_one_deadline(hasty: Fetcher, server: FeedServer) -> None:
    """Every hop of a chain draws on the same time."""
    for number in range(8):
        server.on(f"/{number}", functools.partial(iter, [0.2, redirect(302, f"/{number + 1}")]))
    start = time.monotonic()
    assert "fetch.timeout" in refused(hasty, server, redirect(302, "/0"))
    assert time.monotonic() - start < 4


# --- bounds


def endless() -> Iterator[Piece]:
    yield CHUNKED
    while True:
        yield chunk(b"x" * 60_000)


def many_headers() -> Iterator[Piece]:
    yield b"HTTP/1.1 200 OK\r\n"
    for number in range(1000):
        yield b"".join(b"X-%d-%d: %s\r\n" % (number, i, b"y" * 50) for i in range(100))
    yield b"\r\n"


def bomb(megabytes: int) -> bytes:
    """gzip of so many MiB of zeros."""
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    block = packer.compress(bytes(MEGABYTE)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + block * megabytes


FLOODS: dict[str, tuple[Callable[[], Answer], str]] = {
    "endless chunks": (lambda: endless, "larger than"),
    "one endless header": (lambda: lambda: iter([b"HTTP/1.1 200 OK\r\nA: ", *[b"x" * 50_000] * 100]), "protocol"),
    "6 MB of headers": (lambda: many_headers, "protocol"),
    "endless chunk header": (lambda: lambda: (x for x in (CHUNKED, *[b"0" * 50_000] * 100)), "protocol"),
    "endless trailers": (lambda: lambda: (x for x in (CHUNKED, b"0\r\n", *[b"A: b\r\n" * 9000] * 100)), "protocol"),
    "endless gzip of nothing": (
        lambda: lambda: iter([GZIPPED + b"\x1f\x8b\x08\0\0\0\0\0\0\x03", *[b"\0\0\0\xff\xff" * 10_000] * 100]),
        "the body is larger than",
    ),
    "announced 50 MB": (lambda: response(b"x", ("Content-Length", "50000000"), length=False), "larger than"),
    "gzip, 1 GiB": (lambda: ok(bomb(1024)[:MEGABYTE - 1], ("Content-Encoding", "gzip")), "unpacked"),
    "gzip twice, 1 GiB": (lambda: ok(gzip.compress(bomb(1024)), ("Content-Encoding", "gzip, gzip")), "unpacked"),
    "gzip twice in two headers": (lambda: ok(gzip.compress(bomb(64)), *[("Content-Encoding", "gzip")] * 2), "unpacked"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "reason"), FLOODS.values(), ids=FLOODS)
def test_floods_are_cut_off_in_bounded_memory(
    fetcher: Fetcher, server: FeedServer, make: Callable[[], Answer], reason: str
) -> None:
    """Headers, bodies and bombs without end are refused, with memory of a few times ``max_bytes`` (here 1 MiB)."""
    answer = make()
    tracemalloc.start()
    try:
        assert reason in refused(fetcher, server, answer)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12 * MEGABYTE


def test_announced_size_is_believed(fetcher: Fetcher, server: FeedServer) -> None:
    """A body whose Content-Length is too large is refused before it is read."""
    start = time.monotonic()
    big = response(b"", ("Content-Length", str(MEGABYTE + 1)), length=False)
    assert "fetch.max_bytes" in refused(fetcher, server, lambda: [big, 60.0])
    assert time.monotonic() - start < 3


def test_body_of_exactly_max_bytes_is_read(fetcher: Fetcher, server: FeedServer) -> None:
    """The bound itself is within bounds, packed or not."""
    body = b"x" * MEGABYTE
    assert fetcher.fetch(feed(server.on("/a", ok(body)))).body == body
    packed = ok(gzip.compress(body), ("Content-Encoding", "gzip"))
    fetched = fetcher.fetch(feed(server.on("/b", packed)))
    assert fetched.body == body
    assert fetched.received_bytes < 10_000


def test_error_pages_are_not_read(fetcher: Fetcher, server: FeedServer) -> None:
    """The body of an error is left where it is, however long."""
    endless_error = CHUNKED.replace(b"200 OK", b"500 Oh")
    assert "500" in refused(fetcher, server, lambda: (x for x in (endless_error, *[chunk(b"x" * 60_000)] * 999)))
    assert server.sent < 30 * MEGABYTE


# --- connections


def test_connections_do_not_outlive_a_fetch() -> None:
    """After a fetch no connection is left, even to a server that would keep it."""
    with FeedServer(keep_alive=True) as server:
        fetcher = fetcher_with()
        server.on("/feed", response(b"", ("Location", "/new"), status="302 Found"))
        server.on("/new", ok(BODY))
        for _ in range(3):
            assert fetcher.fetch(feed(server.url("/feed"))).body == BODY
        deadline = time.monotonic() + 5
        while server.open_connections() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert server.open_connections() == 0
        fetcher.close()


def test_bytes_after_an_answer_are_not_the_next_answer() -> None:
    """What a server sends after the end of an answer is not taken for the answer to a later request."""
    with FeedServer(keep_alive=True) as server:
        fetcher = fetcher_with()
        server.on("/one", ok(BODY) + ok(b"smuggled"))
        server.on("/two", ok(BODY))
        assert fetcher.fetch(feed(server.url("/one"))).body == BODY
        assert fetcher.fetch(feed(server.url("/two"))).body == BODY
        fetcher.close()


def test_https_is_fetched(fetcher: Fetcher) -> None:
    """A feed over TLS, and an error where the certificate does not fit the server's name."""
    with FeedServer(tls=True) as server:
        server.on("/feed", ok(BODY))
        assert fetcher.fetch(feed(server.url("/feed"))).body == BODY
        stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody
        fetched = Fetcher(FetchSettings(allow_private_addresses=True), lambda: NOW, stranger).fetch(
            feed(server.url("/feed"))
        )
        assert fetched.outcome == "error"
        assert "certificate" in (fetched.error or "")


def h2_server(connection: socket.socket, answer: Callable[[Any, int, bytes], None]) -> None:
    """Speaks HTTP/2: ``answer`` is given the state, the stream and the path of each request."""
    state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding=None))
    state.initiate_connection()
    connection.sendall(state.data_to_send())
    while data := connection.recv(65536):
        for event in state.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                answer(state, event.stream_id, dict(event.headers or [])[b":path"])
        connection.sendall(state.data_to_send())


def test_http2_is_spoken_and_survives_broken_frames(fetcher: Fetcher) -> None:
    """HTTP/2 where the server offers it; a reset stream, a broken frame or a cap leave the fetcher working."""

    def answer(state: Any, stream: int, path: bytes) -> None:
        if path == b"/reset":
            state.reset_stream(stream)
            return
        headers = [(b":status", b"abc" if path == b"/status" else b"200"), (b"etag", b'"caf\xe9"')]
        state.send_headers(stream, headers)
        if path == b"/junk":
            state.send_data(stream, BODY)
            state._data_to_send += b"\x00\x00\x08\x06\x00\x00\x00\x00\x07" + b"x" * 8  # a PING on a stream
            return
        for _ in range(80 if path == b"/big" else 1):
            state.send_data(stream, b"x" * 15_000 if path == b"/big" else BODY, pad_length=None)
        state.end_stream(stream)

    with FeedServer(tls=True, alpn=["h2"], talk=lambda connection: h2_server(connection, answer)) as server:
        for path in ("/reset", "/status", "/junk", "/big"):
            bad = fetcher.fetch(feed(server.url(path)))
            assert (bad.outcome, bad.body) == ("error", b""), path
            good = fetcher.fetch(feed(server.url("/good")))
            assert (good.outcome, good.body, good.etag) == ("ok", BODY, '"caf\xe9"')


# --- file: addresses


def test_file_is_read_and_then_unchanged(fetcher: Fetcher, tmp_path: Path) -> None:
    """A local file is a feed like any other; unchanged, it is not read again; changed, it is."""
    path = tmp_path / "뉴스 feed#1?.xml"
    path.write_bytes(BODY)
    one = feed(path.as_uri())
    fetched = fetcher.fetch(one)
    assert (fetched.outcome, fetched.body, fetched.received_bytes) == ("ok", BODY, len(BODY))
    two = known(one, fetched)
    assert fetcher.fetch(two).outcome == "not_modified"
    path.write_bytes(BODY.replace(b"news", b"NEWS"))
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert fetcher.fetch(two).outcome == "ok"


def test_file_replaced_under_the_same_date_is_read(fetcher: Fetcher, tmp_path: Path) -> None:
    """A copy that keeps size and date of the old file is still seen to be another."""
    path, other = tmp_path / "feed.xml", tmp_path / "other.xml"
    path.write_bytes(BODY)
    two = known(feed(path.as_uri()), fetcher.fetch(feed(path.as_uri())))
    other.write_bytes(BODY.replace(b"news", b"NEWS"))
    time.sleep(0.02)  # the file system's clock ticks every few milliseconds
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    assert fetcher.fetch(two).outcome == "ok"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "is not a file"),
        (os.mkfifo, "is not a file"),
        (lambda path: path.write_bytes(bytes(MEGABYTE + 1)), "larger than fetch.max_bytes"),
    ],
    ids=["missing", "folder", "pipe", "too large"],
)
def test_file_that_cannot_be_read_is_an_error(
    fetcher: Fetcher, tmp_path: Path, make: Callable[[Path], object], reason: str
) -> None:
    """A missing file, a folder, a pipe and a file too large are errors that name the file."""
    path = tmp_path / "feed.xml"
    make(path)
    fetched = fetcher.fetch(feed(path.as_uri()))
    assert fetched.outcome == "error"
    assert reason in (fetched.error or "")
    assert str(path) in (fetched.error or "")


def test_file_name_with_nul_is_an_error(fetcher: Fetcher) -> None:
    """A name that no file can have is an error, not an exception."""
    assert "names no file" in (fetcher.fetch(feed("file:/tmp/a%00b")).error or "")


def test_file_name_of_any_bytes_is_read(fetcher: Fetcher, tmp_path: Path) -> None:
    """A percent-encoded name need not be UTF-8."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.xml"))
    path.write_bytes(BODY)
    assert fetcher.fetch(feed(path.as_uri())).body == BODY


# --- anything


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[tuple[Fetcher, FeedServer]]:
    """One fetcher and server for all examples of a test."""
    with FeedServer() as running:
        one = fetcher_with(timeout=2)
        yield one, running
        one.close()


@given(junk=st.binary(max_size=400), cut=st.integers(0, 200), where=st.integers(0, 200))
@settings(deadline=None)
def test_no_answer_raises(fuzzed: tuple[Fetcher, FeedServer], junk: bytes, cut: int, where: int) -> None:
    """Whatever bytes a server sends, ``fetch`` returns a value with a known outcome."""
    one, server = fuzzed
    whole = ok(gzip.compress(BODY), ("Content-Encoding", "gzip"), ("ETag", '"1"'))
    fetched = one.fetch(feed(server.on("/", whole[:where] + junk + whole[where + cut :])))
    assert fetched.outcome in ("ok", "error", "gone")


@given(location=st.binary(min_size=1, max_size=60) | st.text(max_size=30).map(lambda text: b"http://" + text.encode()))
@settings(deadline=None)
def test_no_location_raises(fuzzed: tuple[Fetcher, FeedServer], location: bytes) -> None:
    """Whatever a redirect names, ``fetch`` returns a value."""
    one, server = fuzzed
    server.on("/", redirect(301, location.replace(b"\r", b"").replace(b"\n", b"")))
    real = socket.getaddrinfo

    def resolve(host: Any, *args: Any, **options: Any) -> Any:  # so that no test asks anyone outside
        if host != "127.0.0.1":
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return real(host, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", resolve)
        assert one.fetch(feed(server.url("/"))).outcome == "error"
