"""Status codes and when to ask again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.cases.desk import HOUR, LATER, MINUTE, NEWS, OTHER, Desk, entry, feed, rss
from tests.feedserver import FOREVER, ok, response

SECOND = timedelta(seconds=1)
PAGE = b"<!doctype html><html><head><title>Oops</title></head><body><p>Something went wrong</p></body></html>"


def refusal(status: str, retry_after: str | None = None) -> bytes:
    headers = [] if retry_after is None else [("Retry-After", retry_after.encode())]
    return response(b"not now", *headers, status=status)


def waits(desk: Desk, answer: bytes) -> None:
    """``answer`` names a time one hour from now: before it nothing is asked, not even by force; then all is well."""
    desk.serves(answer, feed())
    desk.fails()
    assert desk.feed()["state"] == "backoff"
    assert desk.look(HOUR - SECOND).feeds_polled == 0
    assert desk.look(force=True).feeds_polled == 0
    assert len(desk.server.requests) == 1
    assert desk.look(SECOND).feeds_polled == 1
    assert desk.feed()["state"] == "ok"
    desk.holds()


def test_st_500(desk: Desk) -> None:
    """500 twice is an error each time; then the feed is back as if nothing had been. [MF3809]"""
    desk.serves(refusal("500 Oh"), refusal("500 Oh"), feed())
    desk.fails("500")
    desk.fails("500")
    assert (desk.feed()["failures"], len(desk.server.requests)) == (2, 2)
    desk.recovers(NEWS)


def test_st_ra_garbage(desk: Desk) -> None:
    """A Retry-After of words or of thirty digits says nothing: we back off by ourselves, and recover. [9110§10.2.3]"""
    desk.serves(refusal("429 Slow", "when the moon is full"), refusal("429 Slow", "9" * 30), feed())
    desk.fails("429")
    desk.fails("429")
    desk.recovers(NEWS)


def test_st_429_delta(desk: Desk) -> None:
    """429 with seconds: nothing before that time, and the feed stays enabled. [RB 6585]"""
    waits(desk, refusal("429 Too Many Requests", "3600"))


def test_st_429_date(desk: Desk) -> None:
    """429 with a date: nothing before that time, and the feed stays enabled. [9110§10.2.3]"""
    waits(desk, refusal("429 Too Many Requests", "Mon, 23 Nov 2026 13:00:00 GMT"))


def test_st_503_delta(desk: Desk) -> None:
    """503 with seconds: nothing before that time, and the feed stays enabled. [9110§15.6.4]"""
    waits(desk, refusal("503 Service Unavailable", "3600"))


def test_st_503_date(desk: Desk) -> None:
    """503 with a date: nothing before that time, and the feed stays enabled. [9110§10.2.3]"""
    waits(desk, refusal("503 Service Unavailable", "Mon, 23 Nov 2026 13:00:00 GMT"))


def test_st_200_empty(desk: Desk) -> None:
    """200 with an empty body is an error; the items stay. [GF294]"""
    desk.serves(feed(), ok(b""))
    desk.poll()
    desk.fails("empty")
    desk.fails("empty")
    desk.holds()


def test_st_200_html(desk: Desk) -> None:
    """200 with an error page is an error; the items stay. [GF294 EF187]"""
    desk.serves(feed(), ok(PAGE, ("Content-Type", "text/html")))
    desk.poll()
    desk.fails("HTML")
    desk.fails("HTML")
    desk.holds()


def test_st_304_unasked(desk: Desk) -> None:
    """304 to an unconditional request is no success; the feed recovers with the first body. [9110§15.4.5]"""
    bare = response(b"", ("ETag", '"x"'), status="304 Not Modified", length=False)
    desk.serves(bare, bare, feed())
    desk.fails("304")
    desk.fails("304")
    assert desk.feed()["last_success_at"] is None
    desk.recovers(NEWS)
    assert not any(desk.sent("If-None-Match"))


def test_st_103(desk: Desk) -> None:
    """Early hints before the answer are no answer. [8297 9110§15.2]"""
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
    desk.serves(hints + feed())
    desk.poll()
    assert desk.feed()["last_status"] == 200
    desk.holds()


# --- more of the group

STATUSES = [
    "204 No Content", "205 Reset", "206 Partial", "304 Not Modified", "400 Bad", "401 No", "402 Pay", "403 No",
    "404 Not Found", "405 No", "406 No", "407 Proxy", "408 Slow", "409 Oh", "415 No", "418 Teapot", "421 Misdirected",
    "423 Locked", "425 Early", "426 Upgrade", "429 Slow down", "451 Law", "499 Oh", "500 Oh", "501 No", "502 Oh",
    "503 Later", "504 Slow", "507 Full", "508 Loop", "511 Log in", "520 Oh", "521 Down", "522 Slow", "525 TLS",
    "599 Oh",
]  # fmt: skip


@pytest.mark.parametrize("status", STATUSES, ids=lambda status: status[:3])
def test_any_error_is_noted_and_costs_nothing(desk: Desk, status: str) -> None:
    """The number of the error is said, one request is made, the items stay, and the next good body brings the news."""
    bodiless = status[:3] in ("204", "205", "304")
    desk.serves(
        feed(), response(b"" if bodiless else PAGE, status=status, length=not bodiless), feed(entry(OTHER, guid="2"))
    )
    desk.poll()
    desk.fails(status[:3])
    assert (desk.feed()["last_status"], len(desk.server.requests)) == (int(status[:3]), 2)
    desk.holds()
    desk.recovers(NEWS, OTHER)


@pytest.mark.parametrize(
    "status",
    [
        "203 Non-Authoritative",
        "299 Whatever",
    ],
)
def test_other_2xx_bring_the_feed(desk: Desk, status: str) -> None:
    """203 is a transformed 200, and an unknown 2xx counts as 200. [9110§15]"""
    desk.serves(response(rss().encode(), status=status))
    desk.recovers(NEWS)


def test_410_ends_polling(desk: Desk) -> None:
    """410 means gone for good: it is said, the items stay, and no later run asks again. [9110§15.5.11]"""
    desk.serves(feed(), response(b"gone", status="410 Gone"))
    desk.poll(2)
    row = desk.feed()
    assert (row["state"], row["next_poll_at"], row["last_status"]) == ("gone", None, 410)
    assert "410" in row["last_error"]
    for _ in range(3):
        assert desk.look(timedelta(days=30)).feeds_polled == 0
    assert len(desk.server.requests) == 2
    desk.holds()


NO_TIME = {
    "missing": None, "empty": "", "0": "0", "negative": "-5", "fraction": "1.5", "exponent": "1e9", "words": "soon",
    "past": "Mon, 23 Nov 2020 13:00:00 GMT", "half a date": "Mon, 23 Nov", "Korean": "잠시 후", "two": "5, 10",
    "day 99": "Mon, 99 Nov 2026 13:00:00 GMT", "year 99999": "Mon, 23 Nov 99999 13:00:00 GMT",
}  # fmt: skip


@pytest.mark.parametrize("value", NO_TIME.values(), ids=NO_TIME)
@pytest.mark.parametrize("status", ["429 Slow", "503 Later"])
def test_retry_after_that_names_no_time_leaves_our_own(desk: Desk, status: str, value: str | None) -> None:
    """We wait as after any failure: not less than ``min_interval``, not more than ``max_interval``. [9110§10.2.3]"""
    desk.serves(refusal(status, value), feed())
    desk.fails(status[:3])
    assert desk.look(14 * MINUTE).feeds_polled == 0
    desk.recovers(NEWS)


def test_short_retry_after_is_no_invitation(desk: Desk) -> None:
    """Retry-After: 1 does not bring the next request before ``min_interval``."""
    desk.serves(refusal("429 Slow", "1"), feed())
    desk.fails("429")
    assert desk.look(14 * MINUTE).feeds_polled == 0
    desk.recovers(NEWS)


def test_long_retry_after_is_obeyed(desk: Desk) -> None:
    """A week is a week, longer than ``max_interval``; of a year a month is believed."""
    desk.serves(refusal("429 Slow", "604800"), refusal("503 Later", "31536000"), feed())
    desk.fails("429")
    assert desk.look(timedelta(days=7) - SECOND).feeds_polled == 0
    assert desk.look(SECOND).feeds_polled == 1
    assert desk.look(timedelta(days=29)).feeds_polled == 0
    assert desk.look(timedelta(days=2)).feeds_polled == 1
    desk.holds()


def test_retry_after_holds_across_a_redirect(desk: Desk) -> None:
    """The time that the target of a redirect names holds for the feed that led there."""
    desk.serves(response(b"", ("Location", "/new"), status="302 Found"))
    desk.server.on("/new", refusal("503 Later", "7200"), feed())
    desk.fails("503")
    assert desk.look(2 * HOUR - SECOND, force=True).feeds_polled == 0
    assert desk.look(SECOND).feeds_polled == 1
    desk.holds()


def test_retry_after_of_one_feed_leaves_others_alone(desk: Desk) -> None:
    """The scope of Retry-After is the feed: another one of the same server is polled on time."""
    desk.serves(refusal("429 Slow", "86400"))
    desk.serves(feed(), feed(entry(OTHER, guid="2"), entry()), path="/b", name="b")
    desk.poll()
    assert desk.look(2 * HOUR).feeds_polled == 1
    desk.holds(NEWS, OTHER)


def test_failures_in_a_row_are_asked_less_and_less(desk: Desk) -> None:
    """A feed that fails on is asked a few times a day and never given up; one success ends that."""
    desk.serves(*[refusal("500 Oh")] * 12, feed())
    polls = [desk.look(15 * MINUTE if number else timedelta(0)).feeds_polled for number in range(96)]
    assert 4 <= sum(polls) <= 12
    assert sum(polls[:12]) > sum(polls[84:])
    while not desk.items():
        desk.look(LATER)
    assert (desk.feed()["state"], desk.feed()["failures"]) == ("ok", 0)


@pytest.mark.parametrize(
    "page",
    [
        PAGE, b"<html><body>Checking your browser</body></html>", b"Too many connections", b"\n\n  \n", b"null", b"{}",
        b'{"error": "rate limited"}', b"[]", b"<?xml version='1.0'?><error>down</error>", b"\xff\xfe", b"\x00" * 100,
        b"<?php echo 1; ?>", b"%PDF-1.7", b"\x89PNG\r\n\x1a\n", b"Fatal error: out of memory <br /> in <b>x.php</b>",
        b"<?xml version='1.0'?><opml version='2.0'><body/></opml>", b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ],
)  # fmt: skip
def test_200_that_is_no_feed_is_an_error(desk: Desk, page: bytes) -> None:
    """A captcha, a note of the database, another format: an error in one line, the items stay, the feed recovers."""
    desk.serves(feed(headers=[("ETag", '"1"')]), ok(page, ("ETag", '"2"')), feed(entry(OTHER, guid="2")))
    desk.poll()
    desk.fails()
    desk.holds()
    desk.recovers(NEWS, OTHER)
    assert desk.sent("If-None-Match")[2] == [b'"1"']


def test_error_page_without_end_is_left(desk: Desk) -> None:
    """The body of an error is not waited for."""
    desk.settings["timeout"] = 2
    desk.serves(lambda: [response(b"x", ("Content-Length", "99999"), status="500 Oh", length=False), FOREVER], feed())
    desk.fails("500")
    desk.recovers(NEWS)
