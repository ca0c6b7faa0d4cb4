"""Sitemaps as feeds: each listed page an item, an index refused with what to use instead."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import ParseError
from pipeline.models import ParsedFeed
from pipeline.parse import parse

URL = "http://feeds.test/dir/news.xml"
PAGE = (
    "<url><loc>http://paper.test/{0}?utm_source=map</loc><lastmod>2021-09-07</lastmod>"
    "<image:image><image:loc>http://paper.test/{0}.png</image:loc><image:title>A picture</image:title></image:image>"
    "<news:news><news:publication><news:name>The Paper</news:name><news:language>en</news:language></news:publication>"
    "<news:publication_date>2021-09-06T14:30:00+09:00</news:publication_date>"
    "<news:title>Lab 110 &amp; {0}</news:title><news:keywords>bank, theft</news:keywords></news:news></url>"
)
HEAD = (
    "<?xml version='1.0' encoding='UTF-8'?><urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9' "
    "xmlns:news='http://www.google.com/schemas/sitemap-news/0.9' "
    "xmlns:image='http://www.google.com/schemas/sitemap-image/1.1'>"
)


def read(pages: str, head: str = HEAD, tail: str = "</urlset>") -> ParsedFeed:
    return parse((head + pages + tail).encode(), URL, "application/xml")


def test_a_news_sitemap() -> None:
    """Address, title, date, language and keywords of a page are the item's; its pictures' are not."""
    feed = read(PAGE.format("one") + PAGE.format("two"))
    one, two = feed.items
    assert (feed.title, feed.entries, dict(feed.skipped)) == ("The Paper", 2, {})
    assert (one.guid, one.url) == ("https://paper.test/one", "http://paper.test/one?utm_source=map")
    assert (one.title, one.summary, one.content, one.author) == ("Lab 110 & one", "bank, theft", "", None)
    assert (one.language, one.published_at) == ("en", datetime(2021, 9, 6, 5, 30, tzinfo=UTC))
    assert two.title == "Lab 110 & two"


def test_a_plain_sitemap() -> None:
    """Without news a page is its address and the date of its last change; a relative address is the site's."""
    (item,) = read("<url><loc> /a </loc><lastmod>2021-09-07</lastmod></url>", "<urlset>").items
    assert (item.url, item.title, item.published_at) == ("http://feeds.test/a", "", datetime(2021, 9, 7, tzinfo=UTC))


def test_names_of_namespaces_do_not_matter() -> None:
    """Any prefix will do, and none need be declared."""
    body = "<s:urlset xmlns:s='x'><s:url><s:loc>http://a.test/</s:loc><q:title>T</q:title></s:url></s:urlset>"
    (item,) = parse(body.encode(), URL).items
    assert (item.url, item.title) == ("http://a.test/", "T")


def test_a_title_holds_no_markup() -> None:
    """Tags and scripts in a title are no text, escaped or in CDATA; what looks like an entity is not expanded."""
    title = "&lt;i&gt;A&lt;/i&gt; <![CDATA[<script>alert(1)</script>B]]> &e;"
    head = "<!DOCTYPE urlset [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><urlset>"
    (item,) = read(f"<url><loc>http://a.test/</loc><title>{title}</title></url>", head).items
    assert item.title == "A B &e;"


def test_what_cannot_be_read_is_counted() -> None:
    """A page without an address is unreadable; one that is broken costs neither those before nor those after it."""
    pages = [PAGE.format("one"), "<url><loc>javascript:x</loc></url>", "<url><loc>x</lco></url>", PAGE.format("two")]
    feed = read("".join(pages))
    assert [item.title for item in feed.items] == ["Lab 110 & one", "Lab 110 & two"]
    assert (feed.entries, dict(feed.skipped)) == (4, {"unreadable": 2})
    assert [item.title for item in read(PAGE.format("one") + "<url><loc>http://b", tail="").items] == ["Lab 110 & one"]


def test_an_empty_sitemap_is_no_error() -> None:
    """A list without pages gives no items."""
    assert read("") == ParsedFeed(title="", items=(), entries=0)


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        (
            "".join(
                f"<sitemap><loc>http://a.test/{day}.xml.gz</loc><lastmod>2021-09-0{day}</lastmod></sitemap>"
                for day in (2, 4, 1, 3)
            ),
            "an index of 4 sitemaps.*newest first: http://a.test/4.xml.gz, http://a.test/3.xml.gz, http://a.test/2.xml.gz$",
        ),
        ("<sitemap><loc>b.xml</loc></sitemap>", "http://feeds.test/dir/b.xml$"),
        ("", "lists none"),
    ],
)
def test_an_index_names_what_to_use(listed: str, message: str) -> None:
    """An index of sitemaps is refused with the newest of what it lists."""
    with pytest.raises(ParseError, match=message):
        parse(f"<sitemapindex>{listed}</sitemapindex>".encode(), URL)


@pytest.mark.parametrize(
    "pages", ["<x>" * 500_000, "<url>" * 500_000, "<url><loc>x</lco></url>" * 100_000, "<image:image>" * 300_000]
)
def test_hostile_sitemaps_give_nothing(pages: str) -> None:
    """Megabytes of nesting and of broken pages end in a moment, without items."""
    assert not read(pages).items


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 30), st.sampled_from(["<", ">", "&", "]]>", "<!--", "<url>", ""]))
    )
)
def test_broken_sitemaps_raise_parse_error_or_nothing(edits: list[tuple[float, int, str]]) -> None:
    """Whatever is cut out of a sitemap or put into it, parse gives items or ParseError."""
    body = HEAD + PAGE.format("one") + PAGE.format("two") + "</urlset>"
    for place, cut, piece in edits:
        at = int(place * len(body))
        body = body[:at] + piece + body[at + cut :]
    try:
        parse(body.encode(), URL)
    except ParseError as error:
        assert "\n" not in str(error)  # noqa: PT017
