"""Redirects: which are followed, which are remembered, and where none may lead."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.desk import HOUR, NEWS, OTHER, Desk, entry, feed, rss
from tests.feedserver import FeedServer, conditional, redirect, response

HTML = response(b"<!doctype html><html><body>Log in</body></html>", ("Content-Type", "text/html"))


def permanent(desk: Desk, status: int) -> None:
    desk.serves(redirect(status, desk.server.url("/new.xml")))
    desk.server.on("/new.xml", feed())
    desk.poll(3)
    assert desk.server.paths() == ["/feed", "/new.xml", "/new.xml", "/new.xml"]
    row = desk.feed()
    assert (row["url"], row["configured_url"]) == (desk.server.url("/new.xml"), desk.server.url("/feed"))
    assert row["state"] == "moved"
    desk.holds()


def test_redir_301(desk: Desk) -> None:
    """301: the new address is saved, the old one is not asked again. [9110§15.4 FP-R LR246]"""
    permanent(desk, 301)


def test_redir_308(desk: Desk) -> None:
    """308: the new address is saved, the old one is not asked again. [9110§15.4 FP-R LR246]"""
    permanent(desk, 308)


def test_redir_302(desk: Desk) -> None:
    """302 with a relative Location: followed, and the first address is asked again each time. [9110§15.4.3 DR]"""
    desk.serves(redirect(302, "elsewhere.xml"))
    desk.server.on("/elsewhere.xml", feed())
    desk.poll(2)
    assert desk.server.paths() == ["/feed", "/elsewhere.xml"] * 2
    assert (desk.feed()["url"], desk.feed()["state"]) == (desk.server.url("/feed"), "ok")
    desk.holds()


def test_redir_chain(desk: Desk) -> None:
    """301 to a hop that redirects for now: the hop may be saved, never where it leads. [9110§15.4]"""
    desk.serves(redirect(301, "/hop"))
    desk.server.on("/hop", redirect(302, "/final"))
    desk.server.on("/final", feed())
    desk.poll(2)
    assert desk.feed()["url"] == desk.server.url("/hop")
    assert desk.server.paths() == ["/feed", "/hop", "/final", "/hop", "/final"]
    desk.holds()


def test_redir_301_html(desk: Desk) -> None:
    """301 to a login page is not saved; the first address is asked again, and the feed is back. [VN1546]"""
    desk.serves(redirect(301, "/login"), redirect(301, "/login"), feed())
    desk.server.on("/login", HTML)
    desk.fails("HTML")
    desk.fails("HTML")
    assert desk.feed()["url"] == desk.server.url("/feed")
    desk.recovers(NEWS)


def test_redir_loop(desk: Desk) -> None:
    """A ring of redirects is left before twenty hops, as an error. [9110§15.4]"""
    desk.serves(redirect(302, "/b"))
    desk.server.on("/b", redirect(302, "/c"))
    desk.server.on("/c", redirect(302, "/feed"))
    desk.fails("redirect")
    assert len(desk.server.requests) <= 20


def test_redir_file(desk: Desk, tmp_path: Path) -> None:
    """A redirect to a file of this machine is refused, though it is a feed. [SR1548]"""
    (tmp_path / "feed.xml").write_text(rss())
    desk.serves(redirect(302, (tmp_path / "feed.xml").as_uri()))
    desk.fails("refused")
    assert desk.items() == []


def test_redir_port(desk: Desk, connected: list[str]) -> None:
    """Another port of this machine is reached where private addresses are allowed, else never. [FR8400 FL575]"""
    with FeedServer() as other:
        desk.serves(redirect(302, other.on("/feed", feed())))
        desk.settings["allow_private_addresses"] = False
        desk.fails("allow_private_addresses")
        assert (connected, other.connections, desk.server.connections) == ([], 0, 0)
        desk.settings["allow_private_addresses"] = True
        desk.recovers(NEWS)


def test_redir_meta(desk: Desk, connected: list[str]) -> None:
    """The metadata address of clouds is never connected to. [SR1548 OP37 MF4087]"""
    desk.serves(redirect(302, "http://169.254.169.254/latest/meta-data/"))
    desk.fails("169.254.169.254")
    assert connected == ["127.0.0.1"]


def test_redir_etag_scope(desk: Desk) -> None:
    """Validators belong to the address that gave them, and are not sent to the next target of a redirect. [CKS]"""
    desk.serves(redirect(302, "/one"), redirect(302, "/two"))
    desk.server.on("/one", conditional(rss().encode(), ("ETag", '"same"')))
    desk.server.on("/two", conditional(rss(entry(OTHER, guid="2")).encode(), ("ETag", '"same"')))
    desk.poll(2)
    assert desk.sent("If-None-Match", "/two") == [[]]
    desk.holds(NEWS, OTHER)


def test_redir_self(desk: Desk) -> None:
    """What a feed calls its own address is neither asked nor taken over. [FR3983]"""
    link = f'<a:link xmlns:a="http://www.w3.org/2005/Atom" rel="self" href="{desk.server.url("/self")}"/>'
    desk.serves(feed(head=link))
    desk.poll(2)
    assert desk.server.paths() == ["/feed", "/feed"]
    assert desk.feed()["url"] == desk.server.url("/feed")
    desk.holds()


# --- more of the group


@pytest.mark.parametrize("status", [302, 303, 307])
@pytest.mark.parametrize(
    ("location", "path"),
    [
        (b"new", "/new"), (b"./new", "/new"), (b"/x/../new", "/new"), (b"?page=1", "/feed?page=1"),
        (b"//127.0.0.1:PORT/new", "/new"), (b"http://127.0.0.1:PORT/new#part", "/new"),
        (b"HTTP://127.0.0.1:PORT/new", "/new"), (b"/a b", "/a%20b"), (b"/a%20b", "/a%20b"),
        ("/뉴스".encode(), "/%EB%89%B4%EC%8A%A4"), (b"http://127.0.0.1:PORT", "/"),
        (b"http://127.0.0.1:PORT?q", "/?q"), (b"  /new  ", "/new"),
    ],
)  # fmt: skip
def test_temporary_redirect_is_followed(desk: Desk, status: int, location: bytes, path: str) -> None:
    """Any form of a Location is followed and none of these is saved. [9110§10.2.2]"""
    desk.serves(redirect(status, location.replace(b"PORT", str(desk.server.port).encode())))
    desk.server.on(path, feed())
    desk.poll()
    assert desk.server.paths() == ["/feed", path]
    assert desk.feed()["url"] == desk.server.url("/feed")
    desk.holds()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", [None, b"", b"   "])
def test_redirect_to_nowhere_is_an_error(desk: Desk, status: int, location: bytes | None) -> None:
    """A redirect without a Location is an error, from which the feed recovers."""
    headers = [] if location is None else [("Location", location)]
    desk.serves(response(b"moved", *headers, status=f"{status} Moved"), feed())
    desk.fails(str(status))
    desk.recovers(NEWS)


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd", "FILE:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "javascript:alert(1)",
        "data:application/xml,<rss/>", "feed://127.0.0.1/", "mailto:a@example.org", "jar:http://127.0.0.1!/", "http://",
        "http:///feed", "http://[", "http://127.0.0.1:99999/", "http://127.0.0.1:http/", "unix:/x",
    ],
)  # fmt: skip
def test_redirect_that_cannot_be_followed_is_an_error(desk: Desk, connected: list[str], location: str) -> None:
    """Other schemes and broken addresses are refused without a connection, and nothing is remembered of them."""
    desk.serves(redirect(301, location), feed())
    desk.fails()
    assert connected == ["127.0.0.1"]
    assert desk.feed()["url"] == desk.server.url("/feed")
    desk.recovers(NEWS)


FORBIDDEN = [
    "169.254.169.254", "2852039166", "0xa9fea9fe", "0xA9.0xFE.0xA9.0xFE", "0251.0376.0251.0376", "169.16689662",
    "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]", "[fe80::1]",
    "100.100.100.200", "[fd00:ec2::254]", "169.254.0.1",
]  # fmt: skip


@pytest.mark.parametrize("host", FORBIDDEN)
def test_no_form_of_a_metadata_address_is_connected_to(desk: Desk, connected: list[str], host: str) -> None:
    """Decimal, octal, hexadecimal, mapped: such an address is refused even where private addresses are allowed."""
    desk.serves(redirect(302, f"http://{host}/latest/meta-data/"))
    desk.fails("redirected to an address that cannot be used" if host.startswith("0251") else "cannot connect")
    assert connected == ["127.0.0.1"]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "0.0.0.0", "0",
        "localhost", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1", "100.64.0.1", "198.18.0.1", "192.0.2.1", "224.0.0.1", "255.255.255.255", "[fc00::1]",
        "[fec0::1]", "[ff02::1]",
        "[2001:db8::1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "１２７.0.0.1",
    ],
)  # fmt: skip
def test_no_form_of_a_private_address_is_connected_to(desk: Desk, connected: list[str], host: str) -> None:
    """Without ``allow_private_addresses`` no address but a public one is connected to, however it is written."""
    desk.settings["allow_private_addresses"] = False
    desk.feeds["a"] = f"http://{host}:{desk.server.port}/feed"
    desk.fails()
    assert (connected, desk.server.connections) == ([], 0)


@pytest.mark.parametrize("broken", ["404 No", "500 Oh", "403 No", "410 Gone"])
def test_301_to_an_error_is_not_saved(desk: Desk, broken: str) -> None:
    """A new address that gives no feed is not taken over."""
    desk.serves(redirect(301, "/new"), feed())
    desk.server.on("/new", response(b"", status=broken))
    desk.poll()
    assert desk.feed()["url"] == desk.server.url("/feed")
    assert desk.items() == []


def test_301_to_an_unreadable_body_is_not_saved(desk: Desk) -> None:
    """301 to a body cut short leaves the address as it was."""
    desk.serves(redirect(301, "/new"), feed())
    desk.server.on("/new", response(rss().encode(), ("Content-Length", "9999"), length=False))
    desk.fails("protocol")
    assert desk.feed()["url"] == desk.server.url("/feed")
    desk.recovers(NEWS)


def test_301_to_304_is_saved(desk: Desk) -> None:
    """When the feed moves for good to where its validators came from, the 304 there proves it a feed."""
    desk.serves(redirect(302, "/new"), redirect(301, "/new"))
    desk.server.on("/new", conditional(rss().encode(), ("ETag", '"1"')))
    desk.poll(2)
    assert desk.outcomes() == ["ok", "not_modified"]
    assert desk.feed()["url"] == desk.server.url("/new")


def test_301_back_is_saved_too(desk: Desk) -> None:
    """A feed that moves away and back is at its first address again."""
    desk.serves(redirect(301, "/new"), feed())
    desk.server.on("/new", feed(), redirect(301, "/feed"))
    desk.poll(2)
    assert (desk.feed()["url"], desk.feed()["state"]) == (desk.server.url("/feed"), "ok")
    desk.recovers(NEWS)


def test_301_to_another_host(desk: Desk) -> None:
    """A feed may move to another host; neither its credentials nor its validators go there."""
    with FeedServer() as other:
        desk.serves(feed(headers=[("ETag", '"1"')]), redirect(301, other.on("/feed", feed())))
        desk.feeds["a"] = desk.feeds["a"].replace("http://", "http://user:secret@")
        desk.poll(2)
        assert desk.sent("Authorization") == [[b"Basic dXNlcjpzZWNyZXQ="]] * 2
        assert (other.requests[0].header("Authorization"), other.requests[0].header("If-None-Match")) == ([], [])
        assert desk.feed()["url"] == other.url("/feed")
    desk.holds()


def test_https_to_http_is_followed(desk: Desk) -> None:
    """A feed that a secure site keeps on an insecure one is read."""
    with FeedServer(tls=True) as secure:
        desk.server.on("/feed", feed())
        desk.feeds["a"] = secure.on("/feed", redirect(302, desk.server.url("/feed")))
        desk.poll()
        assert desk.feed()["url"] == secure.url("/feed")
    desk.holds()


def test_redirect_to_itself_with_a_cookie_ends(desk: Desk) -> None:
    """A site that wants its cookie back sends one round and round; that is an error after a few requests."""
    again = response(b"", ("Location", "/feed"), ("Set-Cookie", "seen=1"), status="302 Found")
    desk.serves(again)
    desk.fails("redirect")
    assert len(desk.server.requests) <= 20
    assert not any(desk.sent("Cookie"))


def test_endless_chain_ends(desk: Desk) -> None:
    """A chain that never repeats is left before twenty hops."""
    desk.serves(redirect(301, "/0"), feed())
    for number in range(30):
        desk.server.on(f"/{number}", redirect(301, f"/{number + 1}"))
    desk.fails("redirects")
    assert len(desk.server.requests) <= 20
    desk.recovers(NEWS)


def test_refresh_of_a_page_is_not_followed(desk: Desk) -> None:
    """A page that refreshes to the feed is a page: no feed, and nothing asked beyond it."""
    desk.serves(response(b'<html><head><meta http-equiv="refresh" content="0;url=/new"></head></html>'), feed())
    desk.fails("HTML")
    assert desk.server.paths() == ["/feed"]
    desk.recovers(NEWS)


@pytest.mark.parametrize("status", [300, 305, 306, 399])
def test_other_3xx_do_not_break_the_feed(desk: Desk, status: int) -> None:
    """A choice, a proxy or an unknown 3xx is followed or an error; never saved, and the feed recovers."""
    desk.serves(redirect(status, "/new"), feed())
    desk.server.on("/new", feed())
    desk.poll()
    assert desk.feed()["url"] == desk.server.url("/feed")
    desk.recovers(NEWS)


def test_saved_address_that_dies_is_left_again(desk: Desk) -> None:
    """When the address that a feed moved to stops being a feed, the configured one is asked again."""
    desk.serves(redirect(301, "/new"), feed(entry(OTHER, guid="2"), entry()))
    desk.server.on("/new", feed(), response(b"", status="404 Not Found"))
    desk.poll(2)
    for _ in range(6):
        desk.look(25 * HOUR)
    desk.holds(NEWS, OTHER)
