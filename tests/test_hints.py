"""What a feed says of its own polls and of other addresses: parse gives it, checked."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.models import FeedLinks, Hints
from pipeline.parse import parse

URL = "http://feeds.test/dir/feed.xml"
NAMESPACES = (
    "xmlns:sy='http://purl.org/rss/1.0/modules/syndication/' xmlns:atom='http://www.w3.org/2005/Atom' "
    "xmlns:fh='http://purl.org/syndication/history/1.0'"
)
ITEM = "<item><guid>1</guid><title>One</title></item>"


def rss(channel: str, items: str = ITEM) -> str:
    return f"<rss version='2.0' {NAMESPACES}><channel><title>T</title>{channel}{items}</channel></rss>"


def atom(elements: str, more: str = "") -> str:
    return (
        f"<feed xmlns='http://www.w3.org/2005/Atom' {more}><title>T</title>{elements}<entry><id>1</id></entry></feed>"
    )


def hints(body: str) -> Hints:
    return parse(body.encode(), URL).hints


def links(body: str) -> FeedLinks:
    return parse(body.encode(), URL).links


@pytest.mark.parametrize(
    ("channel", "wait"),
    [
        ("", None),
        ("<ttl> 90 </ttl>", timedelta(minutes=90)),
        ("<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>2</sy:updateFrequency>", timedelta(minutes=30)),
        ("<sy:updatePeriod>\n Weekly </sy:updatePeriod>", timedelta(weeks=1)),
        ("<sy:updateFrequency>4</sy:updateFrequency>", timedelta(hours=6)),
        ("<ttl>60</ttl><sy:updatePeriod>daily</sy:updatePeriod>", timedelta(days=1)),
        ("<ttl>2880</ttl><sy:updatePeriod>daily</sy:updatePeriod>", timedelta(days=2)),
        ("<ttl>60</ttl><sy:updatePeriod>now and then</sy:updatePeriod>", timedelta(hours=1)),
        ("<sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>0</sy:updateFrequency>", None),
        ("<sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>-1</sy:updateFrequency>", None),
        ("<sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>often</sy:updateFrequency>", None),
        *(
            (f"<ttl>{value}</ttl>", None)
            for value in ("0", "-5", "1e30", "9" * 5000, "soon", "", "９", "1.5", "9999999")
        ),
        ("<ttl unit='x'>5</ttl><ttl/>", None),
    ],
)
def test_the_longest_wait_counts(channel: str, wait: timedelta | None) -> None:
    """ttl is minutes, updatePeriod is divided by updateFrequency, nonsense is ignored, the longest of them counts."""
    assert hints(rss(channel)).wait == wait


def test_the_hours_and_days_to_skip() -> None:
    """Hours are those of the day in UTC, 24 is 0; days begin with Monday; what is neither is ignored."""
    channel = (
        "<skipHours><hour>0</hour><hour> 7 </hour><hour>24</hour><hour>25</hour><hour>-1</hour><hour>x</hour>"
        "</skipHours>"
        "<skipDays><day>Monday</day><day>SUNDAY</day><day>Holiday</day><day/></skipDays>"
    )
    assert hints(rss(channel)) == Hints(skip_hours=frozenset({0, 7}), skip_days=frozenset({0, 6}))


@pytest.mark.parametrize(
    "channel",
    [
        "<skipHours>" + "".join(f"<hour>{hour}</hour>" for hour in range(24)) + "</skipHours>",
        "<skipDays>"
        + "".join(f"<day>{day}day</day>" for day in "Mon Tues Wednes Thurs Fri Satur Sun".split())
        + "</skipDays>",
        "<skipHours>" + "<hour>1</hour>" * 1000 + "</skipHours>",
        "<skipHours><hour>1</hour>",
        "<!-- <skipHours><hour>1</hour></skipHours> -->",
        "<description><![CDATA[<skipHours><hour>1</hour></skipHours>]]></description>",
    ],
)
def test_lists_that_do_not_count(channel: str) -> None:
    """A list that skips everything, is endless, is not closed or is only talked about skips nothing."""
    found = hints(rss(channel))
    assert (found.skip_hours, found.skip_days) == (frozenset(), frozenset())


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from("ttl skipHours hour skipDays day sy:updatePeriod sy:updateFrequency".split())), st.text()
)
def test_hints_are_within_bounds(names: list[str], value: str) -> None:
    """Whatever stands in a hint, the wait is positive and at most a year, hours and days are such."""
    text = value.replace("&", "").replace("<", "")
    found = hints(rss("".join(f"<{name}>{text}" for name in names) + "".join(f"</{name}>" for name in reversed(names))))
    assert found.wait is None or timedelta(0) < found.wait <= timedelta(days=366)
    assert found.skip_hours < set(range(24))
    assert found.skip_days < set(range(7))


def test_links_of_an_rss_channel() -> None:
    """atom:link of the channel counts, relative to the polled address; that of an item does not."""
    channel = (
        "<atom:link rel='hub' href='https://hub.test/'/><atom:link rel='hub' href='/hub'/>"
        "<atom:link rel='hub' href='https://hub.test/'/><atom:link rel='hub' href='ftp://hub.test/'/>"
        "<atom:link rel='self' href='feed.xml?x=1'/><atom:link rel='next' href='?page=2'/><link>http://news.test/</link>"
    )
    item = (
        "<item><guid>1</guid><atom:link rel='hub' href='http://bad/'/><atom:link rel='prev-archive' href='x'/></item>"
    )
    assert links(rss(channel, item)) == FeedLinks(
        hubs=("https://hub.test/", "http://feeds.test/hub"),
        topic="http://feeds.test/dir/feed.xml?x=1",
        older="http://feeds.test/dir/feed.xml?page=2",
    )


def test_links_of_an_atom_feed() -> None:
    """xml:base counts, a relation may be a whole address or one of several, the archive goes before the next page."""
    found = links(
        atom(
            "<link rel='next' href='n'/><link rel='hub self' href='/h'/>"
            "<link rel='http://www.iana.org/assignments/relation/prev-archive' href='p'/>",
            "xml:base='http://base.test/a/'",
        )
    )
    assert found == FeedLinks(("http://base.test/h",), "http://base.test/h", "http://base.test/a/p")


def test_an_entry_s_links_are_not_the_feed_s() -> None:
    """Links within an entry or its source are no links of the feed."""
    entry = "<entry><id>2</id><link rel='hub' href='/h'/><source><link rel='self' href='/s'/></source></entry>"
    assert links(atom(entry)) == FeedLinks()


def test_a_feed_that_names_itself_as_older_has_no_older_one() -> None:
    """A next page that is the polled one leads nowhere."""
    assert links(atom(f"<link rel='next' href='{URL}'/>")).older is None


def test_links_of_a_json_feed() -> None:
    """hubs, feed_url and next_url count; other kinds of hub and other kinds of value do not."""
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "feed_url": "http://json.test/feed",
        "next_url": "?page=2",
        "hubs": [{"type": "WebSub", "url": "http://hub.test/"}, {"type": "rssCloud", "url": "http://c/"}, 5, {}],
        "items": [],
    }
    assert links(json.dumps(feed)) == FeedLinks(
        ("http://hub.test/",), "http://json.test/feed", "http://feeds.test/dir/feed.xml?page=2"
    )
    assert links(json.dumps({**feed, "hubs": 7, "feed_url": [], "next_url": "file:///etc/passwd"})) == FeedLinks()
