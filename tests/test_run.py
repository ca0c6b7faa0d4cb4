"""A run from feeds to store: what arrives, what stays the same, what fails, what a kill leaves."""

from __future__ import annotations

import gc
import json
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import Config
from pipeline.errors import UsageError
from pipeline.models import RunReport
from pipeline.run import Silent, run
from pipeline.store import Store
from pipeline.times import utc_now
from pipeline.tools import tools_for
from pipeline.worker import Reading
from tests.conftest import NOW, Site, rss, thread_tools
from tests.feedserver import FeedServer, not_modified, ok, redirect, response

MakeConfig = Callable[..., Config]

FIRST = [("1", "Unit 180 of North Korea named", "The Reconnaissance General Bureau runs it."), ("2", "Rain", "Wet.")]


def poll(config: Config, store: Store, **options: Any) -> RunReport:
    return run(config, store, thread_tools(config), Silent(), threading.Event(), **{"force": True, **options})


def guids(store: Store, feed_id: str = "a") -> set[str]:
    return {row["guid"] for row in store.db.table("items").rows_where("feed_id = ?", [feed_id])}


def feed_row(store: Store, feed_id: str = "a") -> dict[str, Any]:
    return dict(store.db.table("feeds").get(feed_id))


def test_items_are_stored_with_their_mentions(site: Site, store: Store, make_config: MakeConfig) -> None:
    """A first run stores every item, and each mention is true to the stored text."""
    site.bodies["a"] = rss(FIRST)
    report = poll(make_config({"a": site.url("a")}), store)
    assert (report.feeds_polled, report.feeds_ok, report.items_seen, report.items_new) == (1, 1, 2, 2)
    mentions = list(
        store.db.query("SELECT m.*, i.title, i.summary, i.content FROM mentions m JOIN items i ON i.id = m.item_id")
    )
    assert {"unit-180", "rgb"} <= {mention["entity_id"] for mention in mentions}
    assert len(mentions) == report.mentions
    for mention in mentions:
        assert mention[mention["field"]][mention["start"] : mention["end"]] == mention["text"]
        assert mention["text"] in json.loads(mention["evidence"])["sentence"]


def test_a_second_run_gets_304_and_stores_nothing(site: Site, store: Store, make_config: MakeConfig) -> None:
    """Validators are sent back, and a feed that did not change costs no parsing and no row of items."""
    site.bodies["a"] = rss(FIRST)
    config = make_config({"a": site.url("a")})
    poll(config, store)
    report = poll(config, store)
    assert (report.feeds_not_modified, report.items_new, report.items_seen) == (1, 0, 0)
    assert site.answered == [("a", 200), ("a", 304)]


def test_exactly_the_new_item_is_added(site: Site, store: Store, make_config: MakeConfig) -> None:
    """When a feed gains an item, that one is stored and the others are left alone."""
    site.bodies["a"] = rss(FIRST)
    config = make_config({"a": site.url("a")})
    poll(config, store)
    site.bodies["a"] = rss([("3", "Late news", "Dry."), *FIRST])
    report = poll(config, store)
    assert (report.items_new, report.items_updated, guids(store)) == (1, 0, {"1", "2", "3"})


def test_an_edited_item_keeps_what_it_said_before(site: Site, store: Store, make_config: MakeConfig) -> None:
    """A changed text replaces the stored one, which goes to item_versions; the mentions follow the new text."""
    site.bodies["a"] = rss(FIRST)
    config = make_config({"a": site.url("a")})
    poll(config, store)
    site.bodies["a"] = rss([("1", "Correction", "Nothing to see."), FIRST[1]])
    report = poll(config, store)
    assert (report.items_new, report.items_updated) == (0, 1)
    (version,) = store.db.table("item_versions").rows
    assert version["title"] == FIRST[0][1]
    assert store.db.table("mentions").count == 0


def test_an_unchanged_body_is_not_read_again(site: Site, store: Store, make_config: MakeConfig) -> None:
    """A server without validators that sends the same bytes again costs no parsing: the outcome is ``unchanged``."""
    site.bodies["a"] = rss(FIRST)
    config = make_config({"a": site.url("a")})
    poll(config, store)
    store.db.execute("UPDATE feeds SET etag = NULL, validators_url = NULL")
    tools = replace(thread_tools(config), executor=lambda: pytest.fail("the body was read"))
    report = run(config, store, tools, Silent(), threading.Event(), force=True)
    assert (report.feeds_ok, report.feeds_not_modified) == (1, 0)
    assert [row["outcome"] for row in store.db.table("fetches").rows] == ["ok", "unchanged"]


def test_a_feed_that_fails_fails_alone(site: Site, store: Store, make_config: MakeConfig) -> None:
    """A page instead of a feed, an empty body, a 500 and a dead port are recorded; the healthy feed is stored."""
    site.bodies |= {"a": rss(FIRST), "html": b"<!doctype html><html><body>Sorry</body></html>", "empty": b""}
    site.statuses["err"] = 500
    urls = {name: site.url(name) for name in ("a", "html", "empty", "err")} | {"dead": "http://127.0.0.1:9/feed"}
    report = poll(make_config(urls), store)
    assert (report.feeds_ok, report.feeds_failed, report.items_new) == (1, 4, 2)
    errors = {row["id"]: row["last_error"] for row in store.db.table("feeds").rows}
    assert errors["a"] is None
    assert "web page (HTML)" in errors["html"]
    assert "empty" in errors["empty"]
    assert errors["err"].startswith("500")
    assert "cannot connect" in errors["dead"]
    assert all("\n" not in (error or "") for error in errors.values())


def test_validators_of_a_body_that_was_not_stored_are_not_kept(
    site: Site, store: Store, make_config: MakeConfig
) -> None:
    """An unreadable body leaves the validators of the last good one, so that it is asked for again."""
    site.bodies["a"] = rss(FIRST)
    config = make_config({"a": site.url("a")})
    poll(config, store)
    before = feed_row(store)["etag"]
    site.bodies["a"] = b"<html>maintenance</html>"
    poll(config, store)
    after = feed_row(store)
    assert (after["etag"], after["state"]) == (before, "error")
    assert guids(store) == {"1", "2"}


def test_validators_and_items_are_stored_together_or_not_at_all(
    site: Site, store: Store, make_config: MakeConfig
) -> None:
    """When storing the last row of a poll fails, no item, no validator and no log line of that poll is kept."""
    site.bodies["a"] = rss(FIRST)
    config = make_config({"a": site.url("a")})
    store.db.execute(
        "CREATE TRIGGER fail BEFORE INSERT ON mentions BEGIN SELECT RAISE(ABORT, 'no space for mentions'); END"
    )
    with pytest.raises(sqlite3.IntegrityError, match="no space"):
        poll(config, store)
    assert (store.db.table("items").count, store.db.table("fetches").count) == (0, 0)
    assert feed_row(store)["etag"] is None
    store.db.execute("DROP TRIGGER fail")
    assert poll(config, store).items_new == 2


def test_only_due_feeds_are_polled(site: Site, store: Store, make_config: MakeConfig) -> None:
    """Without force a feed is not asked again before its interval has passed."""
    site.bodies["a"] = rss(FIRST)
    config = make_config({"a": site.url("a")})
    assert poll(config, store, force=False).feeds_polled == 1
    assert poll(config, store, force=False).feeds_polled == 0
    later = replace(thread_tools(config), clock=lambda: NOW + timedelta(days=3650))
    assert run(config, store, later, Silent(), threading.Event()).feeds_polled == 1


def test_only_named_feeds_are_polled(site: Site, store: Store, make_config: MakeConfig) -> None:
    """``only`` limits a run to some feeds, and refuses one that is not configured."""
    site.bodies |= {"a": rss(FIRST), "b": rss(FIRST)}
    config = make_config({"a": site.url("a"), "b": site.url("b")})
    assert poll(config, store, only=["b"]).feeds_polled == 1
    assert guids(store, "a") == set()
    with pytest.raises(UsageError, match="no feed 'c'"):
        poll(config, store, only=["c"])


def test_a_feed_that_left_the_configuration_is_disabled(site: Site, store: Store, make_config: MakeConfig) -> None:
    """Its items stay, it is not polled, and when it comes back it goes on with its validators."""
    site.bodies |= {"a": rss(FIRST), "b": rss(FIRST)}
    both = make_config({"a": site.url("a"), "b": site.url("b")})
    poll(both, store)
    poll(make_config({"b": site.url("b")}), store)
    assert feed_row(store)["state"] == "disabled"
    assert guids(store) == {"1", "2"}
    assert poll(both, store).feeds_not_modified == 2


def test_a_pool_that_died_fails_one_poll_and_is_replaced(site: Site, store: Store, make_config: MakeConfig) -> None:
    """A killed worker process costs the feed in hand one poll; the next feeds are read by a new pool."""

    class Dying(Executor):
        broken = False

        def submit(self, *_args: Any, **_kwargs: Any) -> Future[Any]:
            if self.broken:
                raise BrokenProcessPool("dead")
            self.broken = True
            future: Future[Any] = Future()
            future.set_exception(BrokenProcessPool("killed"))
            return future

    site.bodies |= {"a": rss(FIRST), "b": rss(FIRST)}
    config = make_config({"a": site.url("a"), "b": site.url("b")}, concurrency=1)
    good = thread_tools(config)
    pools: list[Executor] = [Dying(), good.executor()]
    report = run(config, store, replace(good, executor=lambda: pools.pop(0)), Silent(), threading.Event(), force=True)
    assert (report.feeds_failed, report.feeds_ok) == (1, 1)
    assert not pools


def test_what_was_read_is_let_go_once_it_is_stored(site: Site, store: Store, make_config: MakeConfig) -> None:
    """No reading waits for the garbage collector: over 500 feeds that took 25 MB."""
    site.bodies |= {f"f{number}": rss(FIRST) for number in range(20)}
    gc.collect()
    gc.disable()
    try:
        poll(make_config({name: site.url(name) for name in site.bodies}), store)
        assert sum(isinstance(one, Reading) for one in gc.get_objects()) <= 2
    finally:
        gc.enable()


def test_stop_ends_a_run_between_two_feeds(site: Site, store: Store, make_config: MakeConfig) -> None:
    """A run that is told to stop returns at once, with what was stored until then."""
    site.bodies["a"] = rss(FIRST)
    stop = threading.Event()
    stop.set()
    config = make_config({"a": site.url("a")})
    assert run(config, store, thread_tools(config), Silent(), stop, force=True).feeds_polled == 0
    assert poll(config, store).items_new == 2


def test_a_local_file_is_a_feed(store: Store, make_config: MakeConfig, tmp_path: Path) -> None:
    """A local file works as a feed, and is not read again while it does not change."""
    path = tmp_path / "local feed.xml"
    path.write_bytes(rss(FIRST))
    config = make_config({"a": path.as_uri()})
    assert poll(config, store).items_new == 2
    assert poll(config, store).feeds_not_modified == 1
    path.write_bytes(rss([("3", "More", "News"), *FIRST]))
    assert poll(config, store).items_new == 1


# What only fetch, parse and store together can get right.


def test_a_permanent_move_is_remembered_once_it_proved_to_be_a_feed(store: Store, make_config: MakeConfig) -> None:
    """A 301 to a login page changes nothing; a 301 to a feed is followed and from then on polled directly."""
    with FeedServer() as server:
        server.on("/old", redirect(301, "/login"), redirect(301, "/new"))
        server.on("/login", ok(b"<!doctype html><html>Sign in</html>"))
        server.on("/new", ok(rss(FIRST)))
        config = make_config({"a": server.url("/old")})
        assert poll(config, store).feeds_failed == 1
        assert feed_row(store)["url"] == server.url("/old")
        assert poll(config, store).items_new == 2
        assert (feed_row(store)["url"], feed_row(store)["state"]) == (server.url("/new"), "moved")
        poll(config, store)
        assert server.paths()[-1] == "/new"
        assert server.paths().count("/old") == 2


def test_the_validators_of_an_error_are_not_sent(store: Store, make_config: MakeConfig) -> None:
    """After a 500 and a page with ETags of their own, the feed is asked with the ETag of its last good answer."""
    with FeedServer() as server:
        good = ok(rss(FIRST), ("ETag", '"good"'))
        page = ok(b"<html>Oops</html>", ("ETag", '"page"'))
        failed = response(b"", ("ETag", '"bad"'), status="500 Oops")
        server.on("/feed", good, failed, page, not_modified())
        config = make_config({"a": server.url("/feed")})
        for _ in range(4):
            poll(config, store)
        assert [request.header("If-None-Match") for request in server.requests] == [[], *[[b'"good"']] * 3]
        assert feed_row(store)["state"] == "ok"


def test_retry_after_is_obeyed_even_with_force(store: Store, make_config: MakeConfig) -> None:
    """A server that asks for an hour of rest is left alone, whatever the user says; the feed stays enabled."""
    with FeedServer() as server:
        busy = response(b"", ("Retry-After", "3600"), status="429 Too Many Requests")
        server.on("/feed", busy, ok(rss(FIRST)))
        config = make_config({"a": server.url("/feed")})
        assert poll(config, store).feeds_failed == 1
        assert feed_row(store)["state"] == "backoff"
        assert poll(config, store).feeds_polled == 0
        later = replace(thread_tools(config), clock=lambda: utc_now() + timedelta(hours=2))
        assert run(config, store, later, Silent(), threading.Event()).items_new == 2


def test_a_feed_that_is_gone_is_not_polled_any_more(store: Store, make_config: MakeConfig) -> None:
    """410 ends polling; its items stay."""
    with FeedServer() as server:
        server.on("/feed", ok(rss(FIRST)), response(b"", status="410 Gone"))
        config = make_config({"a": server.url("/feed")})
        poll(config, store)
        poll(config, store)
        assert feed_row(store)["state"] == "gone"
        later = replace(thread_tools(config), clock=lambda: utc_now() + timedelta(days=400))
        assert run(config, store, later, Silent(), threading.Event()).feeds_polled == 0
        assert guids(store) == {"1", "2"}


def test_private_addresses_are_refused_unless_allowed(site: Site, store: Store, make_config: MakeConfig) -> None:
    """The default configuration reaches nothing on this machine, and says how that is changed."""
    site.bodies["a"] = rss(FIRST)
    poll(make_config({"a": site.url("a")}, allow_private_addresses=False), store)
    assert "allow_private_addresses" in feed_row(store)["last_error"]
    assert site.answered == []


def test_the_tools_of_everyday_read_in_processes(site: Site, store: Store, make_config: MakeConfig) -> None:
    """The default executor is a pool of processes, and what it reads is stored just the same."""
    site.bodies["a"] = rss(FIRST)
    config = make_config({"a": site.url("a")})
    assert run(config, store, tools_for(config), Silent(), threading.Event()).items_new == 2
