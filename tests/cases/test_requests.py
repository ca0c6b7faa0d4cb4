"""Conditional requests and politeness: what is sent, and when the next request may come."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.cases.desk import HOUR, LATER, MINUTE, NEWS, OTHER, Desk, entry, feed, rss
from tests.feedserver import Asked, Request, conditional, not_modified, ok, response

BODY = rss().encode()
DATE = "Mon, 23 Nov 2026 10:00:00 GMT"
FRESH = feed(entry(OTHER, guid="2"), entry())


def test_cond_etag(desk: Desk) -> None:
    """An ETag comes back byte for byte, quotes included, at every later poll. [RB 9110§13]"""
    desk.serves(conditional(BODY, ("ETag", b'"caf\xe9-1"')))
    desk.poll(3)
    assert desk.sent("If-None-Match") == [[], [b'"caf\xe9-1"'], [b'"caf\xe9-1"']]
    assert not any(desk.sent("If-Modified-Since"))
    assert desk.outcomes() == ["ok", "not_modified", "not_modified"]
    desk.holds()


def test_cond_lm(desk: Desk) -> None:
    """A Last-Modified comes back as If-Modified-Since, as it was. [RB 9110§13]"""
    desk.serves(conditional(BODY, ("Last-Modified", DATE)))
    desk.poll(2)
    assert desk.sent("If-Modified-Since") == [[], [DATE.encode()]]
    assert not any(desk.sent("If-None-Match"))
    assert desk.outcomes()[1] == "not_modified"
    desk.holds()


def test_cond_both(desk: Desk) -> None:
    """Of a server that gives both, both come back. [RB 9110§13]"""
    desk.serves(conditional(BODY, ("ETag", '"1"'), ("Last-Modified", DATE)))
    desk.poll(2)
    assert desk.sent("If-None-Match")[1] == [b'"1"']
    assert desk.sent("If-Modified-Since")[1] in ([], [DATE.encode()])
    assert desk.outcomes()[1] == "not_modified"
    desk.holds()


def test_cond_weak(desk: Desk) -> None:
    """A weak ETag keeps its W/ and its odd characters. [9110§8.8]"""
    desk.serves(conditional(BODY, ("ETag", 'W/"a,b/c"')))
    desk.poll(2)
    assert desk.sent("If-None-Match")[1] == [b'W/"a,b/c"']
    assert desk.outcomes()[1] == "not_modified"


def test_cond_lm_odd(desk: Desk) -> None:
    """A Last-Modified that is no HTTP date is a token like any other. [RB CKS]"""
    desk.serves(conditional(BODY, ("Last-Modified", "2026-11-23 10:00 KST")))
    desk.poll(2)
    assert desk.sent("If-Modified-Since")[1] == [b"2026-11-23 10:00 KST"]
    assert desk.outcomes()[1] == "not_modified"


def test_cond_5xx_etag(desk: Desk) -> None:
    """After an error with an ETag of its own, the ETag of the last good answer is sent. [9110§8.8]"""
    good = conditional(BODY, ("ETag", '"good"'))
    desk.serves(good, response(b"oh", ("ETag", '"bad"'), status="500 Oh"), good)
    desk.poll()
    desk.fails("500")
    desk.recovers(NEWS)
    assert desk.sent("If-None-Match") == [[], [b'"good"'], [b'"good"']]


def test_cond_html_etag(desk: Desk) -> None:
    """The ETag of a page that is no feed is not kept, so that the fresh feed after it comes. [GF own]"""

    def third(request: Request) -> bytes:
        return not_modified() if request.header("If-None-Match") == [b'"html"'] else FRESH

    page = ok(b"<!doctype html><html><body>Sorry</body></html>", ("ETag", '"html"'))
    desk.serves(conditional(BODY, ("ETag", '"good"')), page, Asked(third))
    desk.poll()
    desk.fails("HTML")
    desk.recovers(NEWS, OTHER)


def test_pol_maxage(desk: Desk) -> None:
    """A feed that is fresh for a day is not asked before. [RB LR376 MF3293]"""
    desk.serves(feed(headers=[("Cache-Control", "public, max-age=86400")]))
    desk.poll()
    assert desk.look(23 * HOUR).feeds_polled == 0
    assert desk.look(2 * HOUR).feeds_polled == 1


def test_pol_ttl(desk: Desk) -> None:
    """The minutes of an RSS ttl are waited for. [RSS2 MF3293]"""
    desk.serves(feed(head="<ttl>1440</ttl>"))
    desk.poll()
    assert desk.look(23 * HOUR).feeds_polled == 0
    assert desk.look(2 * HOUR).feeds_polled == 1


def test_pol_headers(desk: Desk) -> None:
    """A request carries the configured User-Agent and asks for gzip; no cookie, no Referer. [RB]"""
    desk.settings["user_agent"] = "newsroom-test/1 (+https://news.example)"
    desk.serves(feed(headers=[("Set-Cookie", "id=1; Path=/")]))
    desk.poll(2)
    assert desk.sent("User-Agent") == [[b"newsroom-test/1 (+https://news.example)"]] * 2
    assert all(b"gzip" in values[0] for values in desk.sent("Accept-Encoding"))
    assert not any(desk.sent("Cookie") + desk.sent("Referer"))
    desk.holds()


ABSURD = {
    "max-age=1e30": feed(headers=[("Cache-Control", "max-age=1e30")]),
    "max-age of 400 digits": feed(headers=[("Cache-Control", "max-age=" + "9" * 400)]),
    "max-age of 5000 digits": feed(headers=[("Cache-Control", "max-age=" + "9" * 5000)]),
    "negative max-age": feed(headers=[("Cache-Control", "max-age=-1")]),
    "quoted, empty, twice": feed(headers=[("Cache-Control", 'max-age="5", max-age, max-age=,,=;')]),
    "Expires: 0": feed(headers=[("Expires", "0")]),
    "Expires -1, Date missing": feed(headers=[("Expires", "-1")]),
    "Expires in the year 99999": feed(headers=[("Expires", "Mon, 01 Jan 99999 00:00:00 GMT")]),
    "ttl -5": feed(head="<ttl>-5</ttl>"),
    "ttl 0": feed(head="<ttl>0</ttl>"),
    "ttl of 400 digits": feed(head=f"<ttl>{'9' * 400}</ttl>"),
    "ttl of 5000 digits": feed(head=f"<ttl>{'9' * 5000}</ttl>"),
    "ttl 1e9": feed(head="<ttl>1e9</ttl>"),
    "ttl in words": feed(head="<ttl>one hour</ttl>"),
    "all hours": feed(head="<skipHours>" + "".join(f"<hour>{n}</hour>" for n in range(25)) + "</skipHours>"),
    "all days": feed(
        head="<skipDays>" + "".join(f"<day>{d}</day>" for d in "Mon Monday Tuesday Wednesday Thursday Friday Saturday "
        "Sunday Yesterday".split()) + "</skipDays>"
    ),
    "period by nothing": feed(
        head='<p:updatePeriod xmlns:p="http://purl.org/rss/1.0/modules/syndication/">daily</p:updatePeriod>'
        '<p:updateFrequency xmlns:p="http://purl.org/rss/1.0/modules/syndication/">0</p:updateFrequency>'
    ),
    "period of ever": feed(
        head='<p:updatePeriod xmlns:p="http://purl.org/rss/1.0/modules/syndication/">aeonly</p:updatePeriod>'
        '<p:updateFrequency xmlns:p="http://purl.org/rss/1.0/modules/syndication/">1e999</p:updateFrequency>'
    ),
}  # fmt: skip


def test_pol_absurd(desk: Desk) -> None:
    """Nonsense in what tells the schedule neither crashes nor hammers nor stops the polls. [MF3293 own]"""
    for name, answer in ABSURD.items():
        desk.serves(answer, path=f"/{name.replace(' ', '-')}", name=name.translate(str.maketrans(" =:,", "----")))
    desk.poll()
    assert {row["last_error"] for row in desk.store.db.table("feeds").rows} == {None}
    assert len(desk.tagged()) == len(desk.items()) == len(ABSURD)
    assert desk.look(14 * MINUTE).feeds_polled == 0  # schedule.min_interval is 15 minutes
    desk.poll(after=LATER - 14 * MINUTE)  # schedule.max_interval is 24 hours


# --- more of the group

PERIOD = '<sy:{0} xmlns:sy="http://purl.org/rss/1.0/modules/syndication/">{1}</sy:{0}>'
DAILY = PERIOD.format("updatePeriod", "daily") + PERIOD.format("updateFrequency", "2")


@pytest.mark.parametrize(
    ("answer", "hours"),
    [
        pytest.param(feed(headers=[("Expires", "Mon, 23 Nov 2026 18:00:00 GMT")]), 6, id="Expires"),
        pytest.param(
            feed(headers=[("Date", "Mon, 23 Nov 2020 12:00:00 GMT"), ("Expires", "Mon, 23 Nov 2020 18:00:00 GMT")]), 6,
            id="Expires of a wrong clock",
        ),
        pytest.param(feed(headers=[("Cache-Control", "MAX-AGE=21600")]), 6, id="capitals"),
        pytest.param(
            feed(headers=[("Cache-Control", "private"), ("Cache-Control", "max-age=21600")]), 6, id="two lines"
        ),
        pytest.param(
            feed(headers=[("Cache-Control", "max-age=21600"), ("Expires", "Mon, 23 Nov 2026 12:01:00 GMT")]), 6,
            id="max-age before Expires",
        ),
        pytest.param(feed(head=PERIOD.format("updatePeriod", "daily")), 24, id="updatePeriod"),
        pytest.param(feed(head=DAILY), 12, id="updateFrequency"),
        pytest.param(
            feed(head="<skipHours>" + "".join(f"<hour>{hour}</hour>" for hour in range(12, 18)) + "</skipHours>"), 6,
            id="skipHours",
        ),
        pytest.param(feed(head="<skipDays><day>Monday</day></skipDays>"), 12, id="skipDays"),
        pytest.param(feed(head="<ttl>360</ttl>", headers=[("Cache-Control", "max-age=60")]), 6, id="the longer one"),
        pytest.param(feed(headers=[("Cache-Control", "max-age=99999999")]), 24, id="no longer than max_interval"),
    ],
)  # fmt: skip
def test_feed_is_not_asked_before_the_time_that_it_names(desk: Desk, answer: bytes, hours: int) -> None:
    """Expires, ttl, skipHours, skipDays and sy:updatePeriod put the next poll off, up to ``max_interval``."""
    desk.serves(answer)
    desk.poll()
    assert desk.look(hours * HOUR - 5 * MINUTE).feeds_polled == 0
    assert desk.look(2 * HOUR).feeds_polled == 1


@pytest.mark.parametrize(
    "header",
    [
        ("Cache-Control", "no-cache"), ("Cache-Control", "no-store, must-revalidate"), ("Cache-Control", "max-age=1"),
        ("Cache-Control", "max-age=0"), ("Expires", "Mon, 23 Nov 2020 18:00:00 GMT"), ("Pragma", "no-cache"),
    ],
)  # fmt: skip
def test_feed_that_is_never_fresh_is_not_hammered(desk: Desk, header: tuple[str, str]) -> None:
    """What forbids caches to keep a feed does not make it asked more often than ``min_interval``."""
    desk.serves(feed(headers=[header]))
    desk.poll()
    assert desk.look(14 * MINUTE).feeds_polled == 0


def test_not_modified_tells_the_schedule_too(desk: Desk) -> None:
    """A 304 with max-age puts the next poll off as a 200 does. [9111§4.3.4]"""
    later = response(b"", ("Cache-Control", "max-age=43200"), status="304 Not Modified", length=False)
    desk.serves(feed(headers=[("ETag", '"1"')]), later)
    desk.poll(2)
    assert desk.look(11 * HOUR).feeds_polled == 0


def test_age_counts_against_max_age(desk: Desk) -> None:
    """What lay in a cache for most of its time is soon stale. [9111§4.2]"""
    desk.serves(feed(headers=[("Cache-Control", "max-age=43200"), ("Age", "36000")]))
    desk.poll()
    assert desk.look(HOUR).feeds_polled == 0  # the time that is left
    assert desk.look(2 * HOUR).feeds_polled == 1


def test_no_poll_before_its_time_across_runs(desk: Desk) -> None:
    """A second run at once asks nobody; ``--force`` does, with the validators."""
    desk.serves(conditional(BODY, ("ETag", '"1"')))
    desk.poll()
    assert desk.look(MINUTE).feeds_polled == 0
    assert desk.look(force=True).feeds_polled == 1
    assert desk.sent("If-None-Match") == [[], [b'"1"']]


def test_nothing_is_invented(desk: Desk) -> None:
    """A server without validators gets none, and neither does one that stopped giving them."""
    desk.serves(feed(), feed(), feed(headers=[("ETag", '"1"')]), FRESH)
    desk.poll(5)
    assert desk.sent("If-None-Match") == [[], [], [], [b'"1"'], []]
    assert not any(desk.sent("If-Modified-Since"))
    desk.holds(NEWS, OTHER)


@pytest.mark.parametrize(
    "etag",
    [b"no-quotes", b'""', b'"' + b"x" * 1000 + b'"', '"뉴스"'.encode(), b"W/weak", b'"a" , "b"', b"*", b'"x-gzip"'],
)
def test_any_etag_comes_back(desk: Desk, etag: bytes) -> None:
    """However odd an ETag is, the server gets its bytes back and may say 304."""
    desk.serves(conditional(BODY, ("ETag", etag)))
    desk.poll(2)
    assert desk.sent("If-None-Match")[1] == [etag]
    assert desk.outcomes()[1] == "not_modified"


@pytest.mark.parametrize(
    "headers",
    [
        [("ETag", "")], [("ETag", '"' + "x" * 8192 + '"')], [("ETag", '"1"'), ("ETag", '"2"')],
        [("Last-Modified", "Mon, 23 Nov 2099 10:00:00 GMT")], [("Last-Modified", "")],
        [("ETag", '"1"'), ("Vary", "*")],
    ],
)  # fmt: skip
def test_validators_of_any_kind_lose_nothing(desk: Desk, headers: list[tuple[str, str]]) -> None:
    """Empty, huge, double and future validators: the next item arrives all the same."""
    desk.serves(feed(headers=headers), FRESH)
    desk.poll(2)
    desk.holds(NEWS, OTHER)


def test_etag_that_changes_each_time(desk: Desk) -> None:
    """The same body under ever new ETags is no news."""
    desk.serves(*[feed(headers=[("ETag", f'"{number}"')]) for number in range(3)])
    desk.poll(3)
    assert desk.sent("If-None-Match") == [[], [b'"0"'], [b'"1"']]
    desk.holds()
    assert desk.store.db.table("item_versions").count == 0


def test_304_without_etag_keeps_the_one_known(desk: Desk) -> None:
    """A bare 304 does not cost the validators."""
    desk.serves(feed(headers=[("ETag", '"1"')]), not_modified())
    desk.poll(3)
    assert desk.sent("If-None-Match")[1:] == [[b'"1"'], [b'"1"']]


def test_304_with_a_body_is_not_modified(desk: Desk) -> None:
    """A 304 that wrongly has a length and a body is a 304."""
    desk.serves(feed(headers=[("ETag", '"1"')]), response(b"<html>", status="304 Not Modified"), FRESH)
    desk.poll(2)
    assert desk.outcomes()[1] == "not_modified"
    desk.recovers(NEWS, OTHER)


def test_all_feeds_of_a_host_are_not_asked_at_once(desk: Desk) -> None:
    """Of one host at most ``fetch.per_host`` feeds are asked at the same time."""
    asked = most = 0
    lock = threading.Lock()

    def slow() -> Iterator[bytes | float]:
        nonlocal asked, most
        with lock:
            asked += 1
            most = max(most, asked)
        yield 0.05
        with lock:
            asked -= 1
        yield feed()

    for number in range(8):
        desk.serves(slow, path=f"/{number}", name=f"f{number}")
    desk.poll()
    assert len(desk.items()) == 8
    assert most == 2


def test_a_changed_address_starts_afresh(desk: Desk) -> None:
    """When the configured address changes, no validator of the old one is sent to the new one."""
    desk.serves(conditional(BODY, ("ETag", '"1"')))
    desk.poll()
    desk.serves(conditional(BODY, ("ETag", '"1"')), path="/other")
    desk.poll(after=timedelta(0))
    assert desk.sent("If-None-Match", "/other") == [[]]
    desk.holds()
