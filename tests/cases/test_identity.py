"""Which item is which, and when it was published."""

from __future__ import annotations

import pytest

from tests.cases.desk import NEWS, OTHER, XML, Desk, atom, entry, feed, rss
from tests.feedserver import ok


def test_id_notitle(desk: Desk) -> None:
    """An item without title and date is stored; what it says is found in its summary. [JF LR281]"""
    desk.serves(feed(f"<item><description>{NEWS}</description></item>"))
    desk.poll(2)
    item = desk.item()
    assert (item["title"], item["summary"], item["published_at"]) == ("", NEWS, None)
    [mention] = desk.store.db.table("mentions").rows_where("entity_id = 'lab-110'")
    assert mention["field"] == "summary"


def test_id_shared_b(desk: Desk) -> None:
    """The same guid with other contents in two feeds: two items, each in its feed. [LR1535]"""
    desk.serves(feed(entry(NEWS)))
    desk.serves(feed(entry(OTHER)), path="/b", name="b")
    desk.recovers(NEWS, OTHER)
    assert [(item["feed_id"], item["title"]) for item in sorted(desk.items(), key=lambda item: item["feed_id"])] == [
        ("a", NEWS), ("b", OTHER),
    ]  # fmt: skip


LINKS = {
    "token": "http://n.test/story?token={}", "path": "http://n.test/s/{}/story", "unknown name": "http://n.test/r?k={}",
    "session": "http://n.test/story;jsessionid={}?x=1", "only a query": "http://n.test/story?{}",
    "fragment": "http://n.test/story#{}",
}  # fmt: skip


def dated(link: str, token: str, text: str = "") -> bytes:
    said = f"<description>{text}</description>" if text else ""
    more = f"{said}<link>{link.format(token)}</link><pubDate>Mon, 23 Nov 2026 10:00:00 GMT</pubDate>"
    return feed(entry(NEWS, more, guid=None))


def test_id_volatile(desk: Desk) -> None:
    """Without a guid, a token in the link that changes at each request is no new item. [PP103]"""
    desk.serves(*[dated(LINKS["token"], token) for token in ("a81bc81b", "7dead4e0", "90c0ffee")])
    desk.poll(3)
    desk.holds()


UTM = "http://n.test/story?id=5&amp;utm_source={0}&amp;utm_campaign=c{0}&amp;fbclid={0}x"


def test_id_tracking(desk: Desk) -> None:
    """Without a guid, utm_ parameters and fbclid that change are no new item. [FH107 TC215]"""
    desk.serves(*[feed(entry(NEWS, f"<link>{UTM.format(number)}</link>", guid=None)) for number in range(3)])
    desk.poll(3)
    desk.holds()
    assert desk.item()["canonical_url"] == "https://n.test/story?id=5"


def test_id_relative(desk: Desk) -> None:
    """A relative link is stored absolute, against the feed's address. [LR125 RSSP]"""
    desk.serves(feed(entry(NEWS, "<link>/r/1</link>")), path="/news/feed.xml")
    desk.poll()
    assert desk.item()["url"] == desk.server.url("/r/1")


def test_id_idn(desk: Desk) -> None:
    """A link with a host and a path beyond ASCII is stored so that a browser opens it. [3987]"""
    desk.serves(feed(entry(NEWS, "<link>http://뉴스.test/기사/1</link>")))
    desk.poll()
    assert desk.item()["url"] in (
        "http://뉴스.test/기사/1",
        "http://xn--v69ay90a.test/%EA%B8%B0%EC%82%AC/1",
        "http://뉴스.test/%EA%B8%B0%EC%82%AC/1",
    )


def when(desk: Desk, date: str, name: str = "pubDate") -> str | None:
    """When the item counts as published that says ``date``; the same at the next poll."""
    desk.serves(ok(rss(entry(NEWS, f"<{name}>{date}</{name}>")).encode(), XML))
    desk.recovers(NEWS)
    desk.serves(ok(rss(entry(NEWS, f"<{name}>{date}</{name}>"), head="<ttl>1</ttl>").encode(), XML))
    assert desk.poll().items_updated == 0
    desk.holds()
    published: str | None = desk.item()["published_at"]
    return published


def sane(moment: str | None) -> bool:
    return moment is None or "1970" <= moment[:4] <= "2027"


def test_date_0001(desk: Desk) -> None:
    """The year 1 is no date; the item is stored. [NC1092]"""
    assert sane(when(desk, "Mon, 01 Jan 0001 00:00:00 +0000"))


def test_date_9999(desk: Desk) -> None:
    """The last minute of the year 9999, west of Greenwich, overflows nothing. [NC1092]"""
    assert sane(when(desk, "Fri, 31 Dec 9999 23:59:59 -1200"))


def test_date_garbage(desk: Desk) -> None:
    """A date that is none: no date, and not new at each poll. [RS75]"""
    assert when(desk, "'026, 26 Foo 20xx 25:61") in (None, "2026-11-23T12:00:00Z")


def test_date_tz(desk: Desk) -> None:
    """EST and KST are told apart. [FP-D 5322]"""
    dates = ("Mon, 23 Nov 2026 09:30:00 EST", "Mon, 23 Nov 2026 09:30:00 KST")
    desk.serves(feed(*[entry(NEWS, f"<pubDate>{date}</pubDate>", guid=date[-3:]) for date in dates]))
    desk.recovers(NEWS, NEWS)
    assert {item["guid"]: item["published_at"] for item in desk.items()} == {
        "EST": "2026-11-23T14:30:00Z", "KST": "2026-11-23T00:30:00Z",
    }  # fmt: skip


# --- more of the group


@pytest.mark.parametrize(
    "link",
    [
        LINKS["session"], LINKS["fragment"], LINKS["path"], LINKS["unknown name"], LINKS["only a query"],
    ],
    ids=["session", "fragment", "path", "unknown name", "only a query"],
)  # fmt: skip
def test_volatile_link_of_any_shape_is_one_item(desk: Desk, link: str) -> None:
    """Without a guid, the same title and date under ever new links are one item. [PP103]"""
    desk.serves(*[dated(link, token) for token in ("a81bc81b", "7dead4e0", "90c0ffee")])
    desk.poll(3)
    desk.holds()


def test_same_title_under_different_links_is_two_items(desk: Desk) -> None:
    """Without a guid, two stories of one headline in one feed are two items, and stay two."""
    two = [entry(NEWS, f"<link>http://n.test/{n}</link>", guid=None) for n in (1, 2)]
    desk.serves(feed(*two), feed(*reversed(two)))
    desk.poll(2)
    desk.holds(NEWS, NEWS)


def test_same_title_and_day_under_different_guids_is_two_items(desk: Desk) -> None:
    """Guids tell apart what looks alike."""
    desk.serves(feed(entry(guid="1"), entry(guid="2")))
    desk.recovers(NEWS, NEWS)


def test_guid_twice_in_one_feed_with_other_text_loses_nothing(desk: Desk) -> None:
    """Two stories under one guid in one body are both stored, once. [LR1535]"""
    desk.serves(feed(entry(NEWS), entry(OTHER)), feed(entry(OTHER), entry(NEWS)))
    desk.poll(2)
    desk.holds(NEWS, OTHER)


def test_entry_twice_in_one_feed_is_one_item(desk: Desk) -> None:
    """The same entry listed twice is one item."""
    desk.serves(feed(entry(), entry()))
    desk.recovers(NEWS)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("1", "\n  1\t"), ("http://n.test/a b", "http://n.test/a b "), ("é", "&#233;"), ("a", "<![CDATA[a]]>"),
    ],
)  # fmt: skip
def test_guid_written_otherwise_is_the_same(desk: Desk, one: str, two: str) -> None:
    """White space around a guid and the way its characters are written do not count."""
    desk.serves(feed(entry(guid=one)), feed(entry(guid=two)))
    desk.poll(2)
    desk.holds()


@pytest.mark.parametrize(("one", "two"), [("aB", "ab"), ("1", "01"), ("http://n.test/1", "http://n.test/1?a=b")])
def test_guid_that_differs_is_another_item(desk: Desk, one: str, two: str) -> None:
    """A guid is compared letter by letter, and no part of an address in it is dropped. [RSS2]"""
    desk.serves(feed(entry(guid=one), entry(OTHER, guid=two)))
    desk.recovers(NEWS, OTHER)


def test_empty_guids_are_no_guids(desk: Desk) -> None:
    """Items whose guid is empty are told apart by their links."""
    desk.serves(feed(*[entry(NEWS, f"<link>http://n.test/{n}</link>", guid="  ") for n in range(3)]))
    desk.poll(2)
    desk.holds(NEWS, NEWS, NEWS)


def test_items_without_guid_and_link(desk: Desk) -> None:
    """Items that only say something are told apart by that, and are the same when said again."""
    items = [f"<item><description>{text}</description></item>" for text in (NEWS, OTHER)]
    desk.serves(feed(*items), feed(*reversed(items)))
    desk.poll(2)
    assert {item["summary"] for item in desk.items()} == {NEWS, OTHER}
    assert len(desk.items()) == len(desk.tagged()) == 2


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("http://n.test/s", "HTTP://N.TEST/s"), ("http://n.test/s", "http://n.test:80/s"),
        ("http://n.test", "http://n.test/"), ("http://n.test/s", "http://n.test/s#top"),
        ("http://n.test/s?b=1", "http://n.test/s?b=1&amp;utm_medium=rss"), ("/s", "./s"),
    ],
)  # fmt: skip
def test_link_written_otherwise_is_the_same(desk: Desk, one: str, two: str) -> None:
    """Without a guid, case of the host, default port, fragment and tracking do not count. [3986§6.2]"""
    desk.serves(
        feed(entry(NEWS, f"<link>{one}</link>", guid=None)), feed(entry(NEWS, f"<link>{two}</link>", guid=None))
    )
    desk.poll(2)
    desk.holds()


def test_feed_that_moves_keeps_its_items(desk: Desk) -> None:
    """Relative guids and links under a new address are no new items where a guid identifies them."""
    desk.serves(feed(entry(NEWS, "<link>/1</link>", guid="/1")))
    desk.poll()
    desk.server.on("/sub/feed", feed(entry(NEWS, "<link>/1</link>", guid="/1")))
    desk.serves(b"HTTP/1.1 301 Moved\r\nLocation: /sub/feed\r\nContent-Length: 0\r\n\r\n")
    desk.recovers(NEWS)


@pytest.mark.parametrize(
    ("link", "stored"),
    [
        ("//n.test/1", "http://n.test/1"), ("?p=1", "/dir/feed?p=1"), ("1.html", "/dir/1.html"), ("../1", "/1"),
        (" http://n.test/1 \n", "http://n.test/1"), ("http://n.test/a b", "http://n.test/a%20b"),
        ("http://n.test/a|b", "http://n.test/a|b"),
    ],
)  # fmt: skip
def test_link_is_stored_whole(desk: Desk, link: str, stored: str) -> None:
    """A link in any form is stored so that it can be opened."""
    desk.serves(feed(entry(NEWS, f"<link>{link}</link>")), path="/dir/feed")
    desk.recovers(NEWS)
    assert desk.item()["url"] == (desk.server.url(stored) if stored.startswith("/") else stored)


def test_atom_link_of_the_right_kind_is_taken(desk: Desk) -> None:
    """Of several links of an entry the alternate one is the item's."""
    links = "".join(
        f'<link rel="{rel}" href="http://n.test/{rel}"/>'
        for rel in ("self", "enclosure", "replies", "alternate", "edit")
    )
    desk.serves(ok(atom(f"<entry><id>1</id><title>{NEWS}</title>{links}</entry>").encode()))
    desk.recovers(NEWS)
    assert desk.item()["url"] == "http://n.test/alternate"


DATES = {
    "Mon, 23 Nov 2026 10:00:00 GMT": "2026-11-23T10:00:00Z", "Mon, 23 Nov 2026 10:00:00 +0900": "2026-11-23T01:00:00Z",
    "23 Nov 2026 10:00 +09:00": "2026-11-23T01:00:00Z", "Monday, 23-Nov-26 10:00:00 UTC": "2026-11-23T10:00:00Z",
    "23 Nov 26 10:00:00 Z": "2026-11-23T10:00:00Z", "Mon, 23 November 2026 10:00:00 PST": "2026-11-23T18:00:00Z",
    "Mon Nov 23 10:00:00 2026": "2026-11-23T10:00:00Z", "Nov 23, 2026 10:00 am": "2026-11-23T10:00:00Z",
    "Fri, 23 Nov 2026 10:00:00 GMT": "2026-11-23T10:00:00Z", "Mon,23 Nov 2026 10:00:00GMT": "2026-11-23T10:00:00Z",
    "2026-11-23T10:00:00Z": "2026-11-23T10:00:00Z", "2026-11-23 10:00:00": "2026-11-23T10:00:00Z",
    "2026-11-23T10:00:00.123456+09:00": "2026-11-23T01:00:00Z", "20261123T100000Z": "2026-11-23T10:00:00Z",
    "2026-11-23": "2026-11-23T00:00:00Z", "2026-11-23T10:00+0900": "2026-11-23T01:00:00Z",
    "2026년 11월 23일 오전 10:00": "2026-11-23T01:00:00Z", "2026-11-23 오후 3:00:00": "2026-11-23T06:00:00Z",
    "2026/11/23 10:00:00": "2026-11-23T10:00:00Z", "Mon, 23 Nov 2026 10:00:60 GMT": "2026-11-23T10:00:59Z",
    "Mon, 30 Feb 2026 10:00:00 GMT": None, "Thu, 01 Jan 1970 00:00:00 GMT": "1970-01-01T00:00:00Z",
    "0": None, "": None, "now": None, "0000-00-00T00:00:00Z": None, "10:00": None, "Mon, 23 Nov": None,
    "Mon, 23 Nov 2026 24:00:00 GMT": "2026-11-24T00:00:00Z", "1795428000": "2026-11-23T10:00:00Z",
    "2026-11-23T10:00:00+99:99": None, "-1": None, "9" * 30: None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "moment"),
    list(DATES.items()),
)  # fmt: skip
def test_date_is_read(desk: Desk, text: str, moment: str | None) -> None:
    """Dates as feeds write them, in UTC; one that is none costs neither item nor poll. [FP-D 5322]"""
    assert when(desk, text) == moment


@pytest.mark.parametrize("name", ["dc:date", "dcterms:created", "pubdate", "published"])
def test_date_of_another_name_is_read(desk: Desk, name: str) -> None:
    """Dates in elements of Dublin Core and of Atom count for RSS too."""
    more = f"<{name}>2026-11-23T10:00:00Z</{name}>"
    namespaces = "<rss xmlns:dc='http://purl.org/dc/elements/1.1/' xmlns:dcterms='http://purl.org/dc/terms/' "
    desk.serves(ok(rss(entry(NEWS, more)).replace("<rss ", namespaces).encode()))
    desk.recovers(NEWS)
    assert desk.item()["published_at"] == "2026-11-23T10:00:00Z"


def test_future_date_hides_nothing(desk: Desk) -> None:
    """An item dated ahead of time does not keep later ones from being stored."""
    future = entry(NEWS, "<pubDate>Fri, 23 Nov 2035 10:00:00 GMT</pubDate>")
    desk.serves(feed(future), feed(future, entry(OTHER, "<pubDate>Tue, 24 Nov 2026 10:00:00 GMT</pubDate>", guid="2")))
    desk.poll(2)
    desk.holds(NEWS, OTHER)


def test_an_item_under_a_new_link_is_no_new_version(desk: Desk) -> None:
    """The address is brought up to date; nothing was edited, so nothing is kept of before."""
    desk.serves(*[dated(LINKS["path"], token) for token in ("a81bc81b", "7dead4e0")])
    desk.poll(2)
    assert desk.item()["url"] == LINKS["path"].format("7dead4e0")
    assert desk.store.db.table("item_versions").count == 0


def test_an_item_under_a_new_link_may_be_edited_too(desk: Desk) -> None:
    """New words under a new link, with the same title and date, are a new version of the item."""
    desk.serves(*[dated(LINKS["path"], token, text) for token, text in (("a1", "One."), ("b2", "Two."))])
    desk.poll(2)
    assert desk.item()["summary"] == "Two."
    assert [row["summary"] for row in desk.store.db.table("item_versions").rows] == ["One."]
