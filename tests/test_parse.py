"""parse.py: every format and every wrong body, from bytes to items."""

from __future__ import annotations

import json
import random
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import ParseError
from pipeline.models import Item, ParsedFeed
from pipeline.parse import parse

FEEDS = Path(__file__).parent / "fixtures" / "feeds"
REAL = Path(__file__).parents[2] / "shared" / "feeds"
URL = "http://feeds.test/dir/feed.xml"
HEAD = "<rss version='2.0'><channel><title>T</title>"
TAIL = "</channel></rss>"


def read(name: str, content_type: str = "application/xml") -> ParsedFeed:
    return parse((FEEDS / name).read_bytes(), URL, content_type)


def rss(items: str) -> bytes:
    return f"{HEAD}{items}{TAIL}".encode()


def only(body: bytes | str, content_type: str = "") -> Item:
    (item,) = parse(body.encode() if isinstance(body, str) else body, URL, content_type).items
    return item


def titles(feed: ParsedFeed) -> list[str]:
    return [item.title for item in feed.items]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_rss20() -> None:
    """RSS 2.0: identity, plain text with paragraphs, author, dates in UTC."""
    feed = read("rss20.xml")
    one, two, three, four, five = feed.items
    assert feed.title == "Desk & Wire"
    assert (one.guid, one.url) == ("desk-1", "http://desk.test/1?utm_source=rss&id=1")
    assert one.canonical_url == "https://desk.test/1?id=1"
    assert one.title == "Lazarus “cashes out” & moves funds"
    assert one.summary == "First paragraph.\nSecond & last."
    assert one.content == "Whole text.\none\ntwo"
    assert (one.author, one.language, one.published_at) == ("Ann Writer", "en-gb", at("2021-09-06 19:30"))
    assert (two.guid, two.url, two.title) == ("http://desk.test/2", "http://desk.test/2", "Unit 180 named")
    assert (two.summary, two.published_at) == ("Plain text\nin two paragraphs, 3 < 4", at("2021-09-06 05:30"))
    assert (three.title, three.url, three.published_at) == ("AT&T, on two lines", None, None)
    assert (four.guid, four.url, four.published_at) == (
        "https://feeds.test/4",
        "http://feeds.test/4?fbclid=abc",
        None,
    )
    assert (five.title, five.summary, five.url) == ("", "No title, no date, no link.", None)
    assert five.guid.startswith("sha256:")


def test_rss091() -> None:
    """RSS 0.91: canonical links are identities, HTML's named characters are read."""
    feed = read("rss091.xml")
    assert titles(feed) == ["Café … one", "Two"]
    assert [item.guid for item in feed.items] == ["https://old.test/1", "https://old.test/2"]


def test_rdf() -> None:
    """RSS 1.0: items outside the channel; it is no Atom, whatever namespaces it declares."""
    feed = read("rss10.rdf")
    assert titles(feed) == ["One & bold", "Two"]
    assert feed.items[0].published_at == at("2021-09-06 14:30")
    assert [item.guid for item in feed.items] == ["http://rdf.test/1", "http://rdf.test/2"]


def test_atom10() -> None:
    """Atom 1.0: text is literal, html and xhtml are not; xml:base and the entry's own language count."""
    feed = read("atom10.xml")
    one, two, three, four = feed.items
    assert feed.title == "Atom & feed"
    assert (one.title, one.summary) == ("Tag <b> in text", "A <i>literal</i> summary")
    assert (one.url, one.author, one.language) == ("http://base.test/sub/one", "Kim, Lee", "ko-kr")
    assert one.published_at == at("2021-09-06 14:30")
    assert (two.title, two.summary, two.content) == ("HTML title", "", "Only content")
    assert two.published_at == at("2021-12-31 15:00")
    assert (three.title, three.content, three.language) == ("XHTML title", "One < two\nThree", "en")
    assert (four.url, four.guid) == (None, "urn:4")


def test_atom03() -> None:
    """Atom 0.3: issued is the date."""
    (item,) = read("atom03.xml").items
    assert (item.title, item.content, item.published_at) == ("Lab 110", "Body", at("2004-03-01 01:00"))


def test_podcast() -> None:
    """Titles of other namespaces and of images never replace the item's; an enclosure is no link."""
    feed = read("podcast.xml")
    assert titles(feed) == ["Episode one", "Episode two"]
    assert [item.url for item in feed.items] == [None, None]
    assert feed.items[0].summary == "Heard on air."


def test_the_type_of_another_title_does_not_count() -> None:
    """An HTML title in Atom stays HTML when an image in the entry has a title, too."""
    entry = "<title type='html'>&lt;b&gt;Bold&lt;/b&gt;</title><image><title>x</title></image>"
    assert only(f"<feed xmlns='http://www.w3.org/2005/Atom'><entry>{entry}</entry></feed>").title == "Bold"


def test_json_feed() -> None:
    """JSON Feed 1.1: ids become text, broken fields cost only themselves."""
    feed = read("feed11.json", "application/feed+json")
    one, two, three, four, five = feed.items
    assert feed.title == "JSON &amp; feed"
    assert (one.guid, one.url, one.title) == ("7", "http://feeds.test/seven", "Seven <b>")
    assert (one.content, one.author, one.language) == ("A\nB & C", "Ann, Bob", "en")
    assert one.published_at == at("2021-09-06 05:30")
    assert (two.guid, two.url, two.content) == ("7.5", "http://else.test/", "One\nTwo < three")
    assert two.published_at == at("2021-09-06 14:30")
    assert (three.summary, three.content, three.author, three.language) == ("Short", "Long", "Old", "ko")
    assert (four.url, four.guid[:7]) == (None, "sha256:")
    assert five.guid == "bad"


def test_json_feed_10() -> None:
    """JSON Feed 1.0: one author."""
    (item,) = read("feed10.json").items
    assert (item.guid, item.content, item.author) == ("a", "Text", "Kim")


def test_shared_identities() -> None:
    """Entries that share a guid but differ are all kept, exact duplicates collapse, a link of many identifies none."""
    feed = read("shared-guids.xml")
    assert feed.entries == 8
    assert titles(feed) == ["New story", "Old story", "Old story", "Dated twice", "One", "Two"]
    guids = [item.guid for item in feed.items]
    assert len(set(guids)) == 6
    assert (guids[1], guids[3]) == ("g", "h")
    assert feed.items[3].published_at == at("2021-09-06 10:00")
    assert all(re.fullmatch(r"g#[0-9a-f]{16}", guids[at]) for at in (0, 2))
    assert all(re.fullmatch(r"https://home\.test/#[0-9a-f]{16}", guid) for guid in guids[4:])


@pytest.mark.parametrize("name", ["shared-guids.xml", "rss20.xml", "feed11.json"])
def test_order_does_not_matter(name: str) -> None:
    """The same entries in any order give the same items."""
    text = (FEEDS / name).read_text(encoding="utf-8")
    expected = set(parse(text.encode(), URL).items)
    shuffle = random.Random(1)
    for _ in range(5):
        if name.endswith("json"):
            data = json.loads(text)
            shuffle.shuffle(data["items"])
            body = json.dumps(data)
        else:
            first, *entries = re.split(r"(?=<item>)", text.replace(TAIL, ""))
            shuffle.shuffle(entries)
            body = first + "".join(entries) + TAIL
        assert set(parse(body.encode(), URL).items) == expected


@pytest.mark.parametrize("name", sorted(path.name for path in FEEDS.iterdir()))
def test_the_same_bytes_give_the_same_feed(name: str) -> None:
    """Reading twice gives equal values, and no text holds control characters or a title a line end."""
    feed = read(name)
    assert feed == read(name)
    for item in feed.items:
        for text in (item.guid, item.title, item.summary, item.content, item.author or "", item.url or ""):
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]", text)
        assert "\n" not in item.title + item.guid
        assert item.url is None or item.url.startswith(("http://", "https://"))


def test_identity_stays_when_the_feed_moves() -> None:
    """A guid that is no address is the same whatever address the feed has, and is no link."""
    body = rss("<item><guid>abc-1</guid><title>x</title></item>")
    here, there = (parse(body, url).items[0] for url in ("http://a.test/f", "https://b.test/g"))
    assert here == there
    assert (here.guid, here.url) == ("abc-1", None)


def test_an_enclosure_alone_identifies_its_entry() -> None:
    """Entries that hold nothing but a file are told apart by its address, in RSS and in JSON."""
    files = ("https://a.test/1.mp3", "https://a.test/2.mp3")
    as_rss = rss("".join(f"<item><enclosure url='{file}' type='audio/mpeg'/></item>" for file in files))
    version = "https://jsonfeed.org/version/1.1"
    as_json = json.dumps({"version": version, "items": [{"attachments": [{"url": file}]} for file in files]}).encode()
    for body in (as_rss, as_json):
        assert [(item.guid, item.url) for item in parse(body, URL).items] == [(file, file) for file in files]
    assert only(rss(f"<item><enclosure url='{files[0]}'/><title>Named</title></item>")).url is None


@pytest.mark.parametrize(
    "feed",
    [
        "<RSS VERSION='2.0'><CHANNEL><TITLE>T</TITLE><ITEM><TITLE>Marker</TITLE><LINK>https://x.test/1</LINK></ITEM>",
        "<rss version=2.0><channel><item><title>Marker</title><link>https://x.test/1</link></item></channel></rss>",
        "<!DOCTYPE html><html><body><rss><channel><item><title>Marker</title><link>https://x.test/1</link></item>",
        "<rss><item foo='1' foo='2'><title>Marker</title><link>https://x.test/1</link></item></rss>",
        "<?xml version='1.1'?><?x y?><!-- <rss> --><rss><channel/><item><title>Mar\x08ker</title>"
        "<guid>https://x.test/1</guid></item></rss>",
        "<a:feed xmlns:a='http://www.w3.org/2005/Atom'><a:entry><a:title>Marker</a:title><a:link href='https://x.test/1'/>"
        "</a:entry></a:feed>",
        "<rss><channel><item><guid> </guid><title><![CDATA[Mar]]><![CDATA[ker]]></title><link>https://x.test/1</link>",
    ],
)
@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "application/octet-stream"])
def test_odd_feeds_are_read(feed: str, content_type: str) -> None:
    """Capitals, missing quotes, feeds within pages, prefixes, items outside the channel, any type: the item is read."""
    item = only(feed, content_type)
    assert (item.title, item.guid, item.url) == ("Marker", "https://x.test/1", "https://x.test/1")


def test_a_relative_base_counts() -> None:
    """xml:base that is itself relative is resolved against the polled address."""
    entry = "<entry><id>x</id><link href='a'/></entry>"
    assert (
        only(f"<feed xmlns='http://www.w3.org/2005/Atom' xml:base='/sub/'>{entry}</feed>").url
        == "http://feeds.test/sub/a"
    )


def test_tracking_codes_are_no_new_version() -> None:
    """A link whose tracking or session code changes with each request is one item with one content hash."""
    one, two = (
        only(rss(f"<item><title>x</title><link>http://a.test/1?utm_id={n}&amp;token={n}&amp;p=1</link></item>"))
        for n in (1, 2)
    )
    assert (one.guid, one.content_hash) == (two.guid, two.content_hash)
    assert one.guid == "https://a.test/1?p=1"


def test_format_does_not_change_identity() -> None:
    """RSS that becomes Atom with the same ids has the same identities."""
    as_rss = only(rss("<item><guid>abc-1</guid><title>x</title></item>"))
    as_atom = only("<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>abc-1</id><title>x</title></entry></feed>")
    assert as_rss.guid == as_atom.guid == "abc-1"


KOREAN, RUSSIAN, JAPANESE = "라자루스 그룹 정찰총국", "Группа Лазарь", "①日本の暗号資産"


@pytest.mark.parametrize(
    ("text", "encoding", "declared", "content_type"),
    [
        (KOREAN, "euc-kr", "euc-kr", "application/xml"),
        (KOREAN, "cp949", "ks_c_5601-1987", ""),
        (KOREAN, "euc-kr", "utf-8", "text/xml; charset=EUC-KR"),
        (KOREAN, "utf-8", "", "text/xml"),
        (KOREAN, "utf-8", "utf-8", "text/xml; charset=ISO-8859-1"),
        (KOREAN, "utf-8", "utf-16", "application/xml"),
        (KOREAN, "utf-8", "punycode", "application/xml; charset=unicode_escape"),
        (KOREAN, "utf-8-sig", "", "text/html"),
        (KOREAN, "utf-16", "utf-16", "application/xml"),
        (KOREAN, "utf-16-le", "utf-16", "application/xml"),
        (KOREAN, "utf-16-be", "", "text/xml; charset=utf-8"),
        (KOREAN, "utf-32", "utf-32", ""),
        (KOREAN, "utf-32-le", "utf-32", ""),
        (RUSSIAN, "windows-1251", "windows-1251", "text/xml"),
        (RUSSIAN, "koi8-r", "KOI8-R", "application/rss+xml"),
        (RUSSIAN, "koi8-r", "koi8-r", "text/xml; charset=utf-8"),
        (RUSSIAN, "windows-1251", "", 'text/xml; charset="windows-1251"; x=y'),
        (JAPANESE, "cp932", "Shift_JIS", "application/xml"),
        (JAPANESE, "cp932", "x-sjis", "application/xml"),
        ("café €", "cp1252", "iso-8859-1", "application/xml"),
        ("café", "latin-1", "utf-8", "application/xml"),
        ("“中国”镕", "gb18030", "gb2312", ""),
    ],
)
def test_encodings(text: str, encoding: str, declared: str, content_type: str) -> None:
    """The byte order mark, then the HTTP charset, then the XML declaration, then the bytes themselves tell."""
    declaration = f"<?xml version='1.0' encoding='{declared}'?>" if declared else ""
    body = f"{declaration}{HEAD}<item><title>{text}</title></item>{TAIL}".encode(encoding)
    assert only(body, content_type).title == text


def test_bad_bytes_cost_only_themselves() -> None:
    """One split character in UTF-8 leaves all items and all other text intact."""
    items = "".join(f"<item><title>{KOREAN} {number}</title></item>" for number in range(3))
    body = rss(items).replace(b"1", "깨".encode()[:2])
    for content_type in ("text/xml", "text/xml; charset=iso-8859-1", "text/xml; charset=utf-8"):
        found = titles(parse(body, URL, content_type))
        assert (found[0], found[2]) == (f"{KOREAN} 0", f"{KOREAN} 2")
        assert found[1].startswith(KOREAN)


def test_broken_xml() -> None:
    """Undeclared entities and prefixes, bare ampersands, forbidden characters, HTML at the end: all items are read."""
    feed = read("broken.xml")
    assert titles(feed) == ["R&D café &unknown; \ufffdx", "Second"]
    assert feed.items[0].url == "http://b.test/?a=1&b=2"
    assert only(rss("<item><title>a\x08\x1eb</title></item>")).title == "ab"


def test_truncated_xml() -> None:
    """Whole items are kept; one cut off before its guid is left for the next poll."""
    assert titles(read("truncated.xml")) == ["Whole"]
    body = f"{HEAD}<item><title>A</title><guid>a</guid></item><item><guid>b</guid><title>B</title><description>Te"
    assert [item.guid for item in parse(body.encode(), URL).items] == ["a", "b"]


def test_an_empty_feed_is_no_error() -> None:
    """A channel without items gives no items."""
    assert parse(rss(""), URL) == ParsedFeed(title="T", items=(), entries=0)


def test_entities_are_never_expanded() -> None:
    """Billion laughs and files named by entities stay the letters that they are."""
    feed = read("laughs.xml")
    assert titles(feed) == ["x &d; &file;", "Marker"]
    long = f"<!DOCTYPE rss [<!ENTITY a '{'x' * 100_000}'>]>{HEAD}<item><title>{'&a;' * 10_000}</title></item>{TAIL}"
    assert len(only(long).title) == 30_000


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty"),
        (b" \n\xef\xbb\xbf", "the body is empty"),
        (b"\xef\xbb\xbf \r\n", "the body is empty"),
        (b"<!DOCTYPE html><html><head><title>Error</title></head><body>503</body></html>", "web page"),
        (b"<html><body><p>Login<form></body></html>", "web page"),
        (b"{", "broken JSON"),
        (b"[" * 100_000, "broken JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "broken JSON"),
        (b'{"items": []}', "not a JSON Feed"),
        (b'{"version": "https://jsonfeed.org/version/1.1", "items": {}}', "not a JSON Feed"),
        (b"[1, 2]", "not a JSON Feed"),
        (b"plain text", "not a feed"),
        (b"<sitemap><url>x</url></sitemap>", "not a feed"),
        (b"\x00\x01\x02\x03\xff" * 100, "not a feed"),
        (b"\x1f\x8b\x08" + bytes(range(256)), "not a feed"),
    ],
)
def test_what_is_no_feed_says_so(body: bytes, message: str) -> None:
    """A body that is no feed gives one line that says what it is instead."""
    with pytest.raises(ParseError, match=message) as caught:
        parse(body, URL, "text/html; charset=" + "x" * 100)
    assert "\n" not in str(caught.value)


def test_deep_nesting_does_not_crash() -> None:
    """100,000 nested elements, closed or not, lose no item."""
    item = "<item><title>Marker</title></item>"
    assert only(f"{HEAD}{item}{'<x>' * 100_000}{'</x>' * 100_000}{TAIL}").title == "Marker"
    assert only(f"{HEAD}{item}{'<x>' * 30_000}").title == "Marker"


def test_deep_html_does_not_crash() -> None:
    """100,000 nested blocks in a description are text in the end."""
    assert only(rss(f"<item><description><![CDATA[{'<div>' * 100_000}x]]></description></item>")).summary == "x"


def test_escape_sequences_are_removed() -> None:
    """A title can neither colour a terminal nor forge a line of a log."""
    item = only(rss("<item><title>a\x1b[31mred&#x9b;31m\nERROR forged&#x202e;</title></item>"))
    assert item.title == "a[31mred›31m ERROR forged"


PIECES = (
    b"<", b">", b"&", b"&#x110000;", b"&#99999999999999;", b"<![CDATA[", b"]]>", b"<!--", b"-->", b"<!DOCTYPE x [",
    b"</item>", b"<item>", b"<entry>", b"</channel>", b"<image>", b"<textinput>", b"<name>", b"<source>", b"<link/>",
    b"<content src='x'>", b"<media:credit>", b"<media:thumbnail/>", b"<media:rating>", b"<category>", b"</category>",
    b" xml:base='http://['", b"<author>", b"<guid>", b"\x00", b"\xff\xfe", b"'", b'"', b"<?", b"<svg>", b"<![", b"<!x",
    b"&#xd800;", b"</height>", b"<?xml encoding='punycode'?>", b"{", b"}", b"[", b"\\ud800", b"1e999", b",", b":",
)  # fmt: skip
BODIES = sorted(path.read_bytes() for path in FEEDS.iterdir())


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(BODIES),
    st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 40), st.one_of(st.sampled_from(PIECES), st.binary(max_size=3))),
        min_size=1,
        max_size=8,
    ),
)
def test_broken_bodies_raise_parse_error_or_nothing(body: bytes, edits: list[tuple[float, int, bytes]]) -> None:
    """Whatever is cut out of a feed or put into it, parse gives items or ParseError."""
    for place, cut, piece in edits:
        at = int(place * len(body))
        body = body[:at] + piece + body[at + cut :]
    try:
        parse(body, URL)
    except ParseError as error:
        assert "\n" not in str(error)  # noqa: PT017


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=300), st.text(max_size=60))
def test_any_bytes_and_any_header_raise_parse_error_or_nothing(body: bytes, content_type: str) -> None:
    """No bytes and no header make anything but items or ParseError."""
    for whole in (body, rss("") + body, rss("<item><title>").replace(TAIL.encode(), body)):
        try:
            parse(whole, URL, content_type)
        except ParseError:
            continue
