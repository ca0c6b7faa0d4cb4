"""Full text from end to end: a feed and its pages on loopback, real runs, and what the database then holds."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import Config
from pipeline.edits.differences import Edit, edits_of
from pipeline.pages import fetch_pages
from pipeline.run import Silent, run
from pipeline.store import Store
from tests.conftest import NOW, call, tools_at, write_config
from tests.feedserver import Answer, FeedServer, ok, redirect, response

MakeConfig = Callable[..., Config]
HOUR = timedelta(hours=1)
TITLE = "Exchange in Busan confirms a theft of customer funds"
SUMMARY = "A trading platform in Busan has halted withdrawals after money was moved out of its hot wallet overnight."
SENTENCES = (
    f"{SUMMARY} The company told customers on Monday that it had noticed the transfers at four in the morning.",
    "Investigators of the national police said the attack carried the marks of Lab 110, a North Korean unit that has "
    "robbed exchanges before, and that the coins were being moved through a mixing service.",
    "The head of the exchange promised that every customer would be made whole from the firm's reserves, and asked "
    "other platforms to freeze deposits that come from the addresses it has published.",
    "Withdrawals are expected to open again on Thursday, after an outside firm has looked at the wallets.",
)
HTML = ("Content-Type", "text/html; charset=utf-8")


def page(*paragraphs: str, title: str = TITLE) -> bytes:
    """A news page of the usual make."""
    text = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    menu = "<nav><ul><li><a href='/'>Home</a></li><li><a href='/world'>World</a></li></ul></nav>"
    html = f"<!doctype html><html lang='en'><head><title>{title} | Harbour Daily</title></head><body>{menu}"
    return (
        f"{html}<main><article><h1>{title}</h1>{text}</article></main><footer>Imprint</footer></body></html>".encode()
    )


ARTICLE = ok(page(*SENTENCES), HTML)
WALL = ok(page("Checking your browser before you go on. Enable JavaScript and cookies.", title="Just a moment"), HTML)
EMPTY = ok(b"<!doctype html><html><body></body></html>", HTML)
REFUSED = response(b"no", status="403 Forbidden")


def feed(address: str, summary: str = SUMMARY, title: str = TITLE) -> bytes:
    entry = (
        f"<item><guid>1</guid><title>{title}</title><description>{summary}</description><link>{address}</link></item>"
    )
    return f"<rss version='2.0'><channel><title>Harbour Daily</title>{entry}</channel></rss>".encode()


class Newsroom:
    """A feed with one item, its page, and the database they are stored in."""

    def __init__(self, server: FeedServer, store: Store, config: Config) -> None:
        self.server, self.store, self.config = server, store, config

    def pass_over(self, hours: float = 0) -> int:
        """One pass of feeds and pages, so many hours after NOW; returns how many pages gave their text."""
        tools = tools_at(self.config, NOW + hours * HOUR)
        run(self.config, self.store, tools, Silent(), threading.Event(), force=True)
        return fetch_pages(self.config, self.store, tools, threading.Event())

    def item(self) -> dict[str, Any]:
        return dict(self.store.db.table("items").get(1))

    def tried(self) -> dict[str, Any]:
        return dict(self.store.db.table("pages").get(1))

    def entities(self) -> set[tuple[str, str]]:
        return set(self.store.db.execute("SELECT entity_id, field FROM mentions").fetchall())


@pytest.fixture
def newsroom(store: Store, make_config: MakeConfig) -> Iterator[Newsroom]:
    with FeedServer() as server:
        server.on("/feed", ok(feed("/story")))
        server.on("/story", ARTICLE)
        config = make_config({"a": server.url("/feed")}, timeout=5)
        config = replace(config, feeds=tuple(one.model_copy(update={"full_text": True}) for one in config.feeds))
        yield Newsroom(server, store, config)


def test_the_pages_text_is_stored_and_tagged(newsroom: Newsroom) -> None:
    """The article takes the place of the feed's text, its mentions are found in it, and what the feed said is kept."""
    assert newsroom.pass_over() == 1
    assert newsroom.item()["content"] == "\n".join(SENTENCES)
    assert ("lab-110", "content") in newsroom.entities()
    assert (newsroom.tried()["outcome"], newsroom.tried()["next_try_at"]) == ("taken", None)
    assert newsroom.tried()["feed_content"] == ""
    found = newsroom.store.db.execute("SELECT rowid FROM items_fts WHERE items_fts MATCH 'mixing'").fetchall()
    assert found == [(1,)]


def test_a_page_is_asked_for_once(newsroom: Newsroom) -> None:
    """Once its text is there neither the page nor the item is touched by later polls of an unchanged feed."""
    newsroom.pass_over()
    newsroom.server.on("/feed", ok(feed("/story") + b"<!-- another build -->"))
    assert newsroom.pass_over(5) == 0
    assert newsroom.server.paths().count("/story") == 1
    assert newsroom.item()["content"] == "\n".join(SENTENCES)


@pytest.mark.parametrize(("answer", "outcome"), [(WALL, "wall"), (REFUSED, "refused"), (EMPTY, "nothing")])
def test_the_feeds_text_stays_where_the_page_gives_less(newsroom: Newsroom, answer: Answer, outcome: str) -> None:
    """A bot wall, a 403 or an empty page changes nothing, and is tried again later."""
    newsroom.server.on("/story", answer)
    assert newsroom.pass_over() == 0
    assert (newsroom.item()["summary"], newsroom.item()["content"]) == (SUMMARY, "")
    assert newsroom.tried()["outcome"] == outcome
    assert newsroom.tried()["next_try_at"] > "2026-11-23T12:00:00Z"


def test_a_page_is_tried_again_on_a_schedule_of_its_own(newsroom: Newsroom) -> None:
    """A server in trouble is asked again after five minutes, not before; then the text is stored."""
    newsroom.server.on("/story", response(b"", status="503 Busy"), ARTICLE)
    assert [newsroom.pass_over(minutes / 60) for minutes in (0, 4, 5)] == [0, 0, 1]
    assert newsroom.server.paths().count("/story") == 2
    assert newsroom.tried()["tries"] == 2


def test_a_page_is_given_up_in_the_end(newsroom: Newsroom) -> None:
    """After six failures the feed's text is what stays, and nobody is asked any more."""
    newsroom.server.on("/story", response(b"", status="503 Busy"))
    for hours in (0, 1, 4, 20, 60, 100, 200, 300):
        newsroom.pass_over(hours)
    assert newsroom.server.paths().count("/story") == 6
    assert newsroom.tried()["next_try_at"] is None


def test_robots_txt_is_obeyed(newsroom: Newsroom) -> None:
    """A page that robots.txt forbids to us, or to everybody, is never asked for."""
    newsroom.server.on("/robots.txt", ok(b"User-agent: watchfloor\nDisallow: /story\n"))
    newsroom.pass_over()
    assert "/story" not in newsroom.server.paths()
    assert (newsroom.tried()["outcome"], newsroom.tried()["reason"]) == ("robots", "robots.txt forbids this page")


def test_robots_txt_counts_on_every_hop(newsroom: Newsroom) -> None:
    """A redirect does not lead to what robots.txt forbids."""
    newsroom.server.on("/story", redirect(302, "/archive/story"))
    newsroom.server.on("/robots.txt", ok(b"User-agent: *\nDisallow: /archive/\n"))
    newsroom.pass_over()
    assert newsroom.server.paths().count("/story") == 1
    assert "/archive/story" not in newsroom.server.paths()
    assert newsroom.tried()["outcome"] == "robots"


def test_a_site_whose_robots_txt_cannot_be_had_is_asked_later(newsroom: Newsroom) -> None:
    """RFC 9309 section 2.3.1.4: a server error forbids everything, for now."""
    newsroom.server.on("/robots.txt", response(b"", status="500 Oops"), response(b"", status="404 None"))
    assert newsroom.pass_over() == 0
    assert "/story" not in newsroom.server.paths()
    assert newsroom.tried()["outcome"] == "temporary"
    assert newsroom.pass_over(1) == 1


def test_pages_are_asked_for_as_politely_as_feeds(newsroom: Newsroom) -> None:
    """Who asks is said, no cookie is kept, no condition and no Referer sent."""
    newsroom.server.on("/story", response(page(*SENTENCES), HTML, ("Set-Cookie", "a=1")))
    newsroom.pass_over()
    [request] = [one for one in newsroom.server.requests if one.path == "/story"]
    assert {name.decode().lower() for name, _ in request.headers} == {"host", "user-agent", "accept", "accept-encoding"}
    assert request.header("Accept")[0].startswith(b"text/html")


def test_a_private_address_is_refused_for_pages_too(newsroom: Newsroom) -> None:
    """An item's link into the own network is not followed."""
    newsroom.pass_over()
    newsroom.config = replace(
        newsroom.config, fetch=newsroom.config.fetch.model_copy(update={"allow_private_addresses": False})
    )
    newsroom.store.db.execute("UPDATE pages SET next_try_at = '2020-01-01T00:00:00Z'")
    newsroom.store.db.conn.commit()
    before = len(newsroom.server.requests)
    fetch_pages(newsroom.config, newsroom.store, tools_at(newsroom.config, NOW), threading.Event())
    assert len(newsroom.server.requests) == before
    assert newsroom.item()["content"] == "\n".join(SENTENCES)


def test_an_edited_item_is_read_anew(newsroom: Newsroom) -> None:
    """A changed item becomes a new version that says what the feed says, until its page was read again."""
    newsroom.pass_over()
    newsroom.server.on("/feed", ok(feed("/story", SUMMARY + " Police are looking into it.")))
    newsroom.server.on("/story", ok(page(*SENTENCES, "Update: the exchange has named the sum."), HTML))
    assert newsroom.pass_over(1) == 1
    assert newsroom.item()["content"].endswith("has named the sum.")
    [version] = newsroom.store.db.table("item_versions").rows
    assert version["content"] == "\n".join(SENTENCES)


def test_feeds_without_full_text_read_no_pages(newsroom: Newsroom) -> None:
    """Pages are read only where the configuration asks for it."""
    newsroom.config = replace(
        newsroom.config, feeds=tuple(one.model_copy(update={"full_text": False}) for one in newsroom.config.feeds)
    )
    newsroom.pass_over()
    assert newsroom.store.db.table("pages").count == 0
    assert newsroom.server.paths() == ["/feed"]


def test_the_command_reads_pages_and_doctor_tells_what_it_gave_up(tmp_path: Path) -> None:
    """``run`` counts the pages that were read; ``doctor`` names the feeds whose pages give nothing."""
    with FeedServer() as server:
        server.on("/feed", ok(feed("/story")))
        server.on("/story", ARTICLE)
        server.on("/other", ok(feed("/gone")))
        server.on("/gone", response(b"", status="410 Gone"))
        write_config(tmp_path, {"a": server.url("/feed"), "b": server.url("/other")})
        path = tmp_path / "config.yaml"
        path.write_text(path.read_text().replace('"}', '", "full_text": true}'))
        report = json.loads(call("run", "--json", cwd=tmp_path).stdout)
        assert (report["feeds_ok"], report["pages"]) == (2, 1)
        doctor = call("doctor", cwd=tmp_path).stdout
        assert "b: the feed's text stays for 1 page of the last week (gone 1)" in doctor


# --- edits


def edits(store: Store) -> list[Edit]:
    history = store.items.history(1)
    assert history is not None
    return edits_of(history.item, history.said, history.said_before)


def test_a_page_is_no_edit(newsroom: Newsroom) -> None:
    """The page's text takes the place of the feed's, and is read again after an edit: one edit, page beside page."""
    newsroom.pass_over()
    assert edits(newsroom.store) == []
    newsroom.server.on("/feed", ok(feed("/story", SUMMARY + " Police are looking into it.")))
    newsroom.server.on("/story", ok(page(*SENTENCES, "Update: the exchange lost $41 million."), HTML))
    newsroom.pass_over(1)
    newsroom.pass_over(2)
    [edit] = edits(newsroom.store)
    assert not edit.awaits_page
    added = [piece.text for piece in edit.differences.fields["content"] if piece.kind == "added"]
    assert added == ["\nUpdate: the exchange lost $41 million."]
    assert newsroom.store.db.table("item_versions").count == 1


def test_until_the_page_is_read_again_the_feeds_texts_are_compared(newsroom: Newsroom) -> None:
    """What stood only in the page is not said to be gone while the page was not read again."""
    newsroom.pass_over()
    newsroom.server.on("/feed", ok(feed("/story", SUMMARY + " Police are looking into it.")))
    newsroom.server.on("/story", ok(b"", ("Content-Type", "text/html")))
    newsroom.pass_over(1)
    [edit] = edits(newsroom.store)
    assert edit.awaits_page
    assert list(edit.differences.fields) == ["summary"]
    assert [mark for mark in edit.differences.marks if mark.what == "amount"] == []
    [version] = newsroom.store.db.table("item_versions").rows
    assert (version["content"], version["feed_content"]) == ("\n".join(SENTENCES), "")


def test_a_touched_item_keeps_its_pages_text(newsroom: Newsroom) -> None:
    """A counter in the feed's text makes no version and no new request for the page."""
    newsroom.server.on("/feed", ok(feed("/story", f"{SUMMARY} 12 comments")))
    newsroom.server.on("/story", ARTICLE)
    newsroom.pass_over()
    newsroom.server.on("/feed", ok(feed("/story", f"{SUMMARY} 19 comments")))
    newsroom.pass_over(1)
    assert newsroom.item()["content"] == "\n".join(SENTENCES)
    assert newsroom.server.paths().count("/story") == 1
    assert edits(newsroom.store) == []
