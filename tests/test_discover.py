"""discover.py and ``feeds add``: the feeds of a web page, found and added."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import config, watchlist
from pipeline.discover import candidates, guesses, looks_like_a_feed
from tests.conftest import call, rss, write_config
from tests.feedserver import FeedServer, ok, redirect, response

PAGE = "https://news.test/world/"
HTML = ("Content-Type", "text/html; charset=utf-8")
ONE = rss([("1", "First", "text")], title="The one")
TWO = rss([("1", "First", "text"), ("2", "Second", "text")], title="The other")


@pytest.fixture(autouse=True)
def _no_pack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the pack takes a third of a second; here nobody watches anything."""
    monkeypatch.setattr(watchlist, "load_pack", lambda *_: watchlist.build([]))


def found(markup: str, url: str = PAGE) -> list[str]:
    return [candidate.url for candidate in candidates(markup.encode(), url, "text/html")]


@pytest.mark.parametrize(
    "markup",
    [
        '<link rel="alternate" type="application/rss+xml" href="/rss">',
        "<LINK HREF='/rss' TYPE='Application/RSS+XML' REL='Alternate'>",
        "<link href=/rss rel=alternate type=application/rss+xml>",
        '<link type="application/atom+xml; charset=utf-8" rel="ALTERNATE home" href=" /rss ">',
        '<link rel="feed" href="/rss">',
        '<link rel="alternate" type="application/feed+json" href="https://news.test/rss"/>',
        '<link rel="alternate" type="text/xml" href="//news.test/rss">',
        '<link rel=alternate type=application/rss+xml href="&#47;r&#115;s">',
        '<base href="https://news.test/a/b"><link rel=alternate type=application/rss+xml href="../rss">',
        '<body><div><p>text<link rel="alternate" type="application/rss+xml" href="/rss#top"></body>',
        '<link rel=alternate type=application/rss+xml href="feed:https://news.test/rss">',
        '<a href="/rss">News</a>',
        "<a href=/rss>",
    ],
)
def test_feeds_are_found_however_they_are_written(markup: str) -> None:
    """Order, case, quotes, entities, base, place: none of them matters."""
    assert found(f"<!doctype html><html><head><title>x</title>{markup}") == ["https://news.test/rss"]


@pytest.mark.parametrize(
    "markup",
    [
        '<link rel="stylesheet alternate" type="text/css" href="/feed">',
        '<link rel="alternate" hreflang="ko" href="/ko/">',
        '<link rel="alternate" type="application/json" href="/wp-json/wp/v2/posts/1">',
        '<link rel="alternate" type="application/json+oembed" href="/oembed?format=rss">',
        '<link rel="alternate" type="application/rss+xml">',
        '<link rel="alternate" type="application/rss+xml" href="javascript:alert(1)">',
        '<link rel="alternate" type="application/rss+xml" href="file:///etc/passwd">',
        '<link rel="alternate" type="application/rss+xml" href="http://[bad/">',
        '<!-- <link rel="alternate" type="application/rss+xml" href="/rss"> -->',
        '<script>\'<link rel="alternate" type="application/rss+xml" href="/rss">\'</script>',
        '<a href="/feedback">Write to us</a><a href="/our-feed-mill.html">x</a><a href="/rssi">y</a>',
    ],
)
def test_what_is_no_feed_is_not_named(markup: str) -> None:
    """Other alternates, other schemes, comments, scripts and words that only begin like feed."""
    assert found(f"<html><head>{markup}") == []


@pytest.mark.parametrize(
    "address",
    [
        "/feed", "/feed/", "/blog/feed/atom/", "/rss.xml", "/news/rss2.xml", "/atom.xml", "/index.xml", "/feed.json",
        "/feeds/all.rss", "/rss/world.xml", "/?feed=rss2", "/list?format=rss", "/index.rdf",
        "/feeds/posts/default?alt=rss",
        "https://feeds.news.test/world", "feed://news.test/x", "/RSS/nk.xml", "/news.rss", "/en_feed.xml",
    ],
)  # fmt: skip
def test_addresses_of_feeds_are_known(address: str) -> None:
    """The ways in which publishers write them."""
    assert looks_like_a_feed(address)


def test_the_best_come_first() -> None:
    """Those that are declared, then links on the site, then links to others; feeds of comments last, each once."""
    markup = """<link rel=alternate type=application/rss+xml title="Comments" href=/comments/feed/>
      <a href="https://other.test/rss.xml">A friend</a> <a href=/world.rss><b>World</b> news</a>
      <link rel=alternate type=application/atom+xml title="All &amp; more" href=/atom.xml> <a href=/atom.xml>Atom</a>"""
    assert [(c.url.removeprefix("https://"), c.title, c.kind, c.found) for c in candidates(markup.encode(), PAGE)] == [
        ("news.test/atom.xml", "All & more", "Atom", "link"),
        ("news.test/world.rss", "World news", "feed", "anchor"),
        ("other.test/rss.xml", "A friend", "feed", "anchor"),
        ("news.test/comments/feed/", "Comments", "RSS", "link"),
    ]


def test_titles_are_read_in_the_pages_encoding() -> None:
    """By its meta element, the header, a byte order mark; names of no encoding are passed over."""
    markup = '<meta charset="euc-kr"><link rel=feed title="북한" href=/rss>'
    assert candidates(markup.encode("euc-kr"), PAGE)[0].title == "북한"
    assert candidates(markup.encode("utf-8"), PAGE, "text/html; charset=utf-8")[0].title == "북한"
    assert candidates(markup.encode("utf-16"), PAGE)[0].title == "북한"
    assert candidates(markup.replace("euc-kr", "hex").encode(), PAGE)[0].title == "북한"


def test_usual_places_are_on_the_same_host() -> None:
    """Below the page's folder first, then at the top; ten or so in all."""
    places = [candidate.url for candidate in guesses(PAGE)]
    assert places[0] == "https://news.test/world/feed"
    assert {"https://news.test/feed", "https://news.test/atom.xml", "https://news.test/sitemap-news.xml"} <= set(places)
    assert all(place.startswith("https://news.test/") for place in places)
    assert guesses("https://news.test/index.html")[0].url == "https://news.test/feed"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\0", b"\xff\xfe", b"{}", b"<", b"&#99999999999;" * 9, b"<html" + b"\0<link rel=feed href=/rss>" * 3,
        b"<div>" * 200_000 + b"</p>" * 200_000, b"<a href=/feed>x" * 100_000, b"<!--" * 200_000, b"<a href='" * 200_000,
        b"<link rel=feed href=/" + b"feed-" * 300_000 + b">",
    ],
    ids=range(12),
)  # fmt: skip
def test_hostile_pages_end(body: bytes) -> None:
    """Whatever a page holds, reading it ends soon (the suite's time limit would tell) and raises nothing."""
    assert len(candidates(body, PAGE)) <= 1


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode), st.text(max_size=40))
def test_no_page_raises(body: bytes, content_type: str) -> None:
    """Random bytes as a page give addresses that can be fetched, or none."""
    for candidate in candidates(b"<link rel=feed href=/rss><a href='/feed" + body, PAGE, content_type):
        assert candidate.url.startswith(("http://", "https://"))


def feeds_of(folder: Path) -> dict[str, str]:
    return {feed.id: feed.url for feed in config.load(folder / "config.yaml").feeds}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_config(tmp_path, {})
    return tmp_path


def test_a_feed_is_added_where_it_is_for_good(folder: Path) -> None:
    """A feed is looked at once; a permanent redirect gives its address, a temporary one does not."""
    with FeedServer() as server:
        server.on("/feed", ok(ONE))
        server.on("/moved", redirect(301, "/feed"))
        server.on("/away", redirect(302, "/other"))
        server.on("/other", ok(TWO))
        assert call("feeds", "add", server.url("/moved"), "--id", "a", cwd=folder).returncode == 0
        assert call("feeds", "add", server.url("/away"), "--id", "b", cwd=folder).returncode == 0
        assert feeds_of(folder) == {"a": server.url("/feed"), "b": server.url("/away")}
        assert [request.path for request in server.requests] == ["/moved", "/feed", "/away", "/other"]
        again = call("feeds", "add", server.url("/feed"), cwd=folder)
        assert "stands in config.yaml already" in again.stdout
        assert len(server.requests) == 4
    assert not (folder / "w.db").exists()


def test_the_only_feed_of_a_page_is_added(folder: Path) -> None:
    """The page's feed is named and added; what does not parse, and the feed of comments, do not count."""
    with FeedServer() as server:
        page = (
            b"<link rel=alternate type=application/rss+xml href=/comments/feed>"
            b"<link rel=alternate type=application/rss+xml href=/gone><a href=/feed>x</a><a href=/feed/>y</a>"
        )
        server.on("/", ok(page, HTML))
        server.on("/feed", ok(ONE))
        server.on("/feed/", redirect(301, "/feed"))
        server.on("/comments/feed", ok(TWO))
        result = call("feeds", "add", server.url("/"), "--id", "a", cwd=folder)
        assert (result.returncode, feeds_of(folder)) == (0, {"a": server.url("/feed")})
        assert f"is a web page; its feed is {server.url('/feed')}" in result.stderr
        assert "/comments/feed" not in [request.path for request in server.requests]


def test_several_feeds_are_listed(folder: Path) -> None:
    """They are shown with title, items and newest date; nothing is added, and what to type next is said."""
    dated = ONE.replace(b"</item>", b"<pubDate>Mon, 23 Nov 2026 10:00:00 +0000</pubDate></item>")
    with FeedServer() as server:
        server.on("/", ok(b"<a href=/one.rss>1</a><a href=/two.rss>2</a><a href=/comments.rss>c</a>", HTML))
        server.on("/one.rss", ok(dated))
        server.on("/two.rss", ok(TWO))
        server.on("/comments.rss", ok(ONE))
        result = call("feeds", "add", server.url("/"), "--id", "a", cwd=folder)
        assert result.returncode == 0
        assert result.stdout.splitlines()[:3] == [
            "address\ttitle\titems\tnewest",
            f"{server.url('/one.rss')}\tThe one\t1\t2026-11-23",
            f"{server.url('/two.rss')}\tThe other\t2\t",
        ]
        assert "has 3 feeds; nothing is added yet, choose: watchfloor feeds add ADDRESS --id a" in result.stderr
    assert feeds_of(folder) == {}


def test_usual_places_are_tried_last(folder: Path) -> None:
    """A page that names nothing has its site's usual places asked, politely: one after the other, ten at most."""
    with FeedServer() as server:
        server.on("/", ok(b"<p>hello</p>", HTML))
        server.on("/atom.xml", ok(ONE))
        assert call("feeds", "add", server.url("/"), cwd=folder).returncode == 0
        assert list(feeds_of(folder).values()) == [server.url("/atom.xml")]
        assert len(server.requests) <= 11
        assert "/rss" in [request.path for request in server.requests]


@pytest.mark.parametrize(
    "answer",
    [ok(b"<p>hello</p>", HTML), ok(b"%PDF-1.7"), response(status="404 Not Found"), response(status="410 Gone")],
)
def test_what_has_no_feed_is_not_added(folder: Path, answer: bytes) -> None:
    """A page without feeds, another file, nothing at all: exit 1 with one line. --as-is adds it unseen."""
    with FeedServer() as server:
        server.on("/page", answer)
        result = call("feeds", "add", server.url("/page"), "--id", "a", cwd=folder)
        assert result.returncode == 1
        assert result.stderr.startswith("error: ")
        assert result.stderr.count("\n") == 1
        assert feeds_of(folder) == {}
        asked = len(server.requests)
        assert call("feeds", "add", server.url("/page"), "--id", "a", "--as-is", cwd=folder).returncode == 0
        assert feeds_of(folder) == {"a": server.url("/page")}
        assert len(server.requests) == asked


@pytest.mark.parametrize("status", ["403 Forbidden", "429 Too Many Requests", "503 Busy", None])
def test_what_cannot_be_seen_now_is_added_with_a_warning(folder: Path, status: str | None) -> None:
    """No connection, or a server that shows us nothing now: the address is added as it is given."""
    with FeedServer() as server:
        server.on("/feed", response(status=status or "200 OK"))
        url = server.url("/feed")
        if status is None:
            with socket.socket() as unused:
                unused.bind(("127.0.0.1", 0))
                url = f"http://127.0.0.1:{unused.getsockname()[1]}/feed"
        result = call("feeds", "add", url, "--id", "a", cwd=folder)
    assert result.returncode == 0
    assert result.stderr.startswith(f"warning: {url} cannot be looked at now (")
    assert feeds_of(folder) == {"a": url}


def test_private_addresses_are_not_asked(tmp_path: Path) -> None:
    """The fetcher's guard holds for adding too."""
    with FeedServer() as server:
        server.on("/feed", ok(ONE))
        (tmp_path / "config.yaml").write_text("feeds: []\n", encoding="utf-8")
        result = call("feeds", "add", server.url("/feed"), cwd=tmp_path)
        assert "is not a public address" in result.stderr
        assert not server.requests


def test_a_wrong_id_is_told_before_anything_is_asked(folder: Path) -> None:
    """An id that is invalid or taken costs no request."""
    with FeedServer() as server:
        server.on("/feed", ok(ONE))
        assert call("feeds", "add", server.url("/feed"), "--id", "a b", cwd=folder).returncode == 2
        assert not server.requests


def test_files_are_added_as_they_are_given(folder: Path) -> None:
    """A file: address is read, from the configuration's folder, and kept as written; a page in a file is refused."""
    (folder / "feed.xml").write_bytes(ONE)
    (folder / "page.html").write_bytes(b"<html><a href='http://127.0.0.1:9/feed'>x</a>")
    assert call("feeds", "add", "file:feed.xml", "--id", "a", cwd=folder).returncode == 0
    assert '"file:feed.xml"' in (folder / "config.yaml").read_text(encoding="utf-8")
    assert call("feeds", "add", "file:page.html", cwd=folder).returncode == 1


def test_import_names_what_it_leaves_out(folder: Path) -> None:
    """A bad address of a list is told with its line; the others are added, and no server is asked."""
    (folder / "list.opml").write_text(
        "<opml version='2.0'><head/><body>\n<outline text='Bad' xmlUrl='ftp://x.test/'/>\n"
        "<outline text='Good' xmlUrl='http://127.0.0.1:9/feed'/>\n</body></opml>",
        encoding="utf-8",
    )
    result = call("feeds", "import", "list.opml", cwd=folder)
    assert result.returncode == 0
    assert result.stderr.startswith("list.opml:2: Bad: 'ftp://x.test/' is not an address that can be polled")
    assert "added 1 of 2 feeds" in result.stdout
    assert feeds_of(folder) == {"Good": "http://127.0.0.1:9/feed"}
