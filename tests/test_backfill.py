"""Walking a feed back: every page is stored, politely, and the feed's own polls notice nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.backfill import Page, walk
from pipeline.config import Config
from pipeline.errors import FetchError, UsageError
from pipeline.run import Silent, run
from pipeline.store import Store
from tests.conftest import NOW, call, tools_at, write_config
from tests.feedserver import FeedServer, ok, response

MakeConfig = Callable[..., Config]


def page(numbers: range, older: str = "", rel: str = "next") -> bytes:
    """An Atom feed with these entries and a link to the page of older ones."""
    link = f"<link rel='{rel}' href='{older}'/>" if older else ""
    entries = "".join(
        f"<entry><id>urn:x:{n}</id><title>Hackers of Lab 110 in North Korea, part {n}</title>"
        f"<updated>2026-10-{n:02}T00:00:00Z</updated></entry>"
        for n in reversed(numbers)
    )
    return f"<feed xmlns='http://www.w3.org/2005/Atom'><title>Archive</title>{link}{entries}</feed>".encode()


def serve(server: FeedServer, rel: str = "next") -> None:
    """A feed of three pages."""
    server.on("/feed", ok(page(range(21, 31), "/2", rel), ("ETag", '"1"')))
    server.on("/2", ok(page(range(11, 21), "3", rel), ("ETag", '"2"')))
    server.on("/3", ok(page(range(1, 11)), ("ETag", '"3"')))


def poll(config: Config, store: Store) -> None:
    run(config, store, tools_at(config, NOW), Silent(), threading.Event(), force=True)


def walked(config: Config, store: Store, most: int = 100) -> list[Page]:
    return list(walk(config, store, tools_at(config, NOW), "a", most, threading.Event()))


def row(store: Store) -> dict[str, Any]:
    return dict(store.db.table("feeds").get("a"))


@pytest.mark.parametrize("rel", ["next", "prev-archive"])
def test_every_page_is_stored(store: Store, make_config: MakeConfig, rel: str) -> None:
    """Paged and archived feeds are walked to their end; what was known is not doubled, what is new is tagged."""
    with FeedServer() as server:
        serve(server, rel)
        config = make_config({"a": server.url("/feed")}, spacing=0)
        poll(config, store)
        pages = walked(config, store)
    assert [(one.items_seen, one.items_new) for one in pages] == [(10, 0), (10, 10), (10, 10)]
    assert store.db.table("items").count == 30
    mentioned = store.db.execute("SELECT count(DISTINCT item_id) FROM mentions WHERE entity_id = 'lab-110'").fetchone()
    assert mentioned == (30,)
    sources = store.db.execute("SELECT source, count(*) FROM fetches GROUP BY 1").fetchall()
    assert sources == [("backfill", 3), ("poll", 1)]


def test_the_feeds_polls_notice_nothing(store: Store, make_config: MakeConfig) -> None:
    """Address, validators, schedule and rhythm stay as the last poll left them, and no gap is told afterwards."""
    with FeedServer() as server:
        serve(server)
        config = make_config({"a": server.url("/feed")}, spacing=0)
        poll(config, store)
        before = row(store)
        walked(config, store)
        assert row(store) == before
        poll(config, store)
        assert server.requests[-1].header("If-None-Match") == [b'"1"']
        assert store.db.table("gaps").count == 0


def test_a_walk_to_the_end_fills_the_gaps(store: Store, make_config: MakeConfig) -> None:
    """One that is cut short does not."""
    with FeedServer() as server:
        serve(server)
        config = make_config({"a": server.url("/feed")}, spacing=0)
        server.on("/feed", ok(page(range(1, 6))), ok(page(range(21, 31), "/2")))
        poll(config, store)
        poll(config, store)
        assert store.db.table("gaps").count == 1
        walked(config, store, most=2)
        assert store.coverage.feeds()[0]["last_gap_at"] is not None
        walked(config, store)
        assert store.coverage.feeds()[0]["last_gap_at"] is None
        assert store.db.table("items").count == 30


def test_pages_in_a_circle_end(store: Store, make_config: MakeConfig) -> None:
    """A page that links to one already walked is the last."""
    with FeedServer() as server:
        server.on("/feed", ok(page(range(1, 3), "/2")))
        server.on("/2", ok(page(range(3, 5), "/feed")))
        assert len(walked(make_config({"a": server.url("/feed")}, spacing=0), store)) == 2


def test_what_came_before_a_failure_is_stored(store: Store, make_config: MakeConfig) -> None:
    """A page that cannot be had ends the walk with its address; the ones before it stay."""
    with FeedServer() as server:
        serve(server)
        server.on("/3", response(b"", status="500 Oops"))
        config = make_config({"a": server.url("/feed")}, spacing=0)
        with pytest.raises(FetchError, match=r"/3: 500: the server is in trouble"):
            walked(config, store)
    assert store.db.table("items").count == 20


def test_a_server_that_asked_to_wait_is_not_walked(store: Store, make_config: MakeConfig) -> None:
    """Retry-After holds for a walk as for a poll."""
    with FeedServer() as server:
        server.on("/feed", response(b"", ("Retry-After", "3600"), status="429 Slow down"))
        config = make_config({"a": server.url("/feed")})
        poll(config, store)
        with pytest.raises(UsageError, match="not to be polled before 2026-11-23T13:00:00Z"):
            walked(config, store)
        assert len(server.requests) == 1


def test_the_command_says_what_it_stored(tmp_path: Path) -> None:
    """A line for each page, a sum at the end; an unknown feed is a clear error."""
    with FeedServer() as server:
        serve(server)
        path = write_config(tmp_path, {"a": server.url("/feed")})
        path.write_text(path.read_text().replace("timeout: 10", "timeout: 10, spacing: 0"))
        result = call("feeds", "backfill", "a", cwd=tmp_path)
        assert (result.returncode, result.stdout) == (0, "a: 3 pages, 30 items seen, 30 new\n")
        assert result.stderr.count("10 items, 10 new") == 3
        wrong = call("feeds", "backfill", "b", cwd=tmp_path)
        assert (wrong.returncode, wrong.stderr) == (
            2,
            "error: there is no feed 'b' in config.yaml; see: watchfloor feeds list\n",
        )
