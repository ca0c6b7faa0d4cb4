"""The ledger of gaps from end to end: feeds served on loopback, polled by real runs, what the database then says."""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import feedparser
import pytest

from pipeline.config import Config
from pipeline.models import RunReport
from pipeline.run import Silent, run
from pipeline.store import Store
from pipeline.times import utc_now
from tests.conftest import NOW, SHARED, Site, call, thread_tools, tools_at, write_config
from tests.feedserver import FeedServer, not_modified, ok, redirect, response

MakeConfig = Callable[..., Config]
HOUR = timedelta(hours=1)


def body(first: int, last: int, *pinned: int, extra: str = "") -> bytes:
    """A feed with the items from ``first`` to ``last``, newest first, one every hour; the pinned ones at its top."""
    items = "".join(
        f"<item><guid>urn:x:{number}</guid><title>Item {number}</title>"
        f"<pubDate>{format_datetime(NOW - HOUR * 200 + HOUR * number)}</pubDate></item>"
        for number in (*pinned, *range(last, first - 1, -1))
    )
    return f"<rss version='2.0'><channel><title>A</title>{extra}{items}</channel></rss>".encode()


def poll(config: Config, store: Store, now: datetime) -> RunReport:
    """One forced run at ``now``."""
    return run(config, store, tools_at(config, now), Silent(), threading.Event(), force=True)


def play(site: Site, store: Store, make_config: MakeConfig, *bodies: bytes) -> list[dict[str, Any]]:
    """The ledger after a feed showed ``bodies`` one after the other, six hours apart."""
    config = make_config({"a": site.url("a")})
    for number, served in enumerate(bodies):
        site.bodies["a"] = served
        assert poll(config, store, NOW + 6 * HOUR * number).feeds_failed == 0
    return list(store.db.table("gaps").rows)


def test_polls_that_share_no_item_are_a_gap(site: Site, store: Store, make_config: MakeConfig) -> None:
    """The gap's ends, the poll that found it and how many items would have fitted between are stored."""
    [gap] = play(site, store, make_config, body(1, 20), body(11, 30), body(41, 60))
    assert (gap["feed_id"], gap["fetch_id"]) == ("a", 3)
    assert (gap["from_at"], gap["to_at"]) == ("2026-11-23T18:00:00Z", "2026-11-24T00:00:00Z")
    assert gap["missing"] == 10
    feed = store.db.table("feeds").get("a")
    assert feed["interval_s"] == 900


def test_a_gap_is_told_across_empty_bodies_and_failures(site: Site, store: Store, make_config: MakeConfig) -> None:
    """An empty body between two polls neither hides a gap nor makes one."""
    gaps = play(site, store, make_config, body(1, 20), body(1, 0), body(31, 50), body(1, 0), body(32, 51))
    assert [gap["fetch_id"] for gap in gaps] == [3]


def test_a_pinned_item_does_not_hide_a_gap(site: Site, store: Store, make_config: MakeConfig) -> None:
    """An item that has stood at the top for long is no sign that the rest was seen."""
    gaps = play(site, store, make_config, body(1, 30), body(21, 50, 2), body(61, 80, 2), body(62, 81, 2))
    assert [gap["fetch_id"] for gap in gaps] == [3]


@pytest.mark.parametrize(
    "later",
    [
        (body(12, 31), body(11, 30), body(13, 32)),  # the server showed an older body in between
        (body(12, 31), body(1, 0), body(13, 32)),
        (body(30, 49), body(30, 30), body(49, 49)),
    ],
)
def test_no_gap_is_invented(site: Site, store: Store, make_config: MakeConfig, later: tuple[bytes, ...]) -> None:
    """A body from a cache, an empty one, a feed cut to few items: nothing was missed."""
    assert play(site, store, make_config, body(11, 30), *later) == []


def test_new_guids_for_the_same_pages_are_no_gap(site: Site, store: Store, make_config: MakeConfig) -> None:
    """A feed that renames all its items after a move has lost none."""

    def renamed(scheme: str) -> bytes:
        entries = "".join(
            f"<item><guid isPermaLink='false'>{scheme}:{n}</guid><link>https://news.test/{n}</link></item>"
            for n in range(9)
        )
        return f"<rss version='2.0'><channel><title>A</title>{entries}</channel></rss>".encode()

    assert play(site, store, make_config, renamed("old"), renamed("new")) == []


def test_a_new_address_starts_without_a_gap(site: Site, store: Store, make_config: MakeConfig) -> None:
    """Another address in the configuration is another feed in all but its name."""
    play(site, store, make_config, body(1, 20))
    site.bodies["b"] = body(101, 120)
    poll(make_config({"a": site.url("b")}), store, NOW + 12 * HOUR)
    assert store.db.table("gaps").count == 0


# --- what a feed asks for, over more than one poll


def next_poll(store: Store, feed_id: str = "a") -> str:
    return str(store.db.table("feeds").get(feed_id)["next_poll_at"])


def test_a_server_that_says_when_is_not_asked_before(store: Store, make_config: MakeConfig) -> None:
    """Cache-Control of four hours: a run an hour later polls nothing, across a restart as well; one after does."""
    with FeedServer() as server:
        server.on("/feed", ok(body(1, 20), ("Cache-Control", "max-age=14400")))
        config = make_config({"a": server.url("/feed")})
        poll(config, store, NOW)
        assert next_poll(store) == "2026-11-23T16:00:00Z"
        with Store(config.database) as again:
            for hours, polled in ((1, 0), (3.99, 0), (4, 1)):
                tools = tools_at(config, NOW + hours * HOUR)
                assert run(config, again, tools, Silent(), threading.Event()).feeds_polled == polled


def busy(seconds: int) -> bytes:
    return response(b"", ("Retry-After", str(seconds)), status="429 Too Many Requests")


def test_a_host_that_tells_several_feeds_to_wait_is_left_alone(store: Store, make_config: MakeConfig) -> None:
    """After two feeds of a host were told to wait, its third is not asked, nor in the next run, forced or not."""
    with FeedServer() as server:
        urls = {name: server.on(f"/{name}", busy(3600)) for name in ("a", "b", "c")}
        config = make_config(urls, concurrency=1, per_host=1)
        assert poll(config, store, NOW).feeds_polled == 2
        assert server.paths() == ["/a", "/b"]
        assert next_poll(store, "c") == "2026-11-23T13:00:00Z"
        assert poll(config, store, NOW + HOUR / 2).feeds_polled == 0
        server.on("/c", ok(body(1, 5)))
        assert poll(config, store, NOW + HOUR).feeds_ok == 1  # it waited longest, so it is asked first


def test_a_feed_that_is_told_to_wait_does_not_stop_the_others(store: Store, make_config: MakeConfig) -> None:
    """One feed of three: the host is asked for the other two."""
    with FeedServer() as server:
        urls = {name: server.on(f"/{name}", ok(body(1, 5))) for name in ("a", "b", "c")}
        server.on("/a", busy(3600))
        report = poll(make_config(urls, concurrency=1), store, NOW)
        assert (report.feeds_ok, report.feeds_failed) == (2, 1)


def test_gone_is_final_but_for_who_names_the_feed(store: Store, make_config: MakeConfig) -> None:
    """``--force`` leaves a feed alone that is gone; ``--feed ID --force`` asks once more."""
    with FeedServer() as server:
        server.on("/feed", response(b"", status="410 Gone"), ok(body(1, 3)))
        config = make_config({"a": server.url("/feed")})
        poll(config, store, NOW)
        assert poll(config, store, NOW + HOUR).feeds_polled == 0
        tools = thread_tools(config)
        assert run(config, store, tools, Silent(), threading.Event(), only=["a"], force=True).feeds_ok == 1


def test_a_temporary_move_is_not_remembered(store: Store, make_config: MakeConfig) -> None:
    """After a 302 the old address is asked again."""
    with FeedServer() as server:
        server.on("/feed", redirect(302, "/elsewhere"))
        server.on("/elsewhere", ok(body(1, 3)))
        config = make_config({"a": server.url("/feed")})
        poll(config, store, NOW)
        poll(config, store, NOW + HOUR)
        assert server.paths() == ["/feed", "/elsewhere"] * 2


# --- what the operator sees


def test_a_gap_is_shown_in_list_doctor_and_digest(tmp_path: Path, site: Site) -> None:
    """A feed that lost items between two polls says so wherever its operator or a reader looks."""
    write_config(tmp_path, {"a": site.url("a")})
    for served in (body(1, 20), body(41, 60)):
        site.bodies["a"] = served
        assert call("run", "--force", cwd=tmp_path).returncode == 0
    listed = json.loads(call("feeds", "list", "--json", cwd=tmp_path).stdout)
    assert listed[0]["gaps"] == 1
    assert "items may have been missed" in listed[0]["remark"]
    assert "items may have been missed" in call("feeds", "list", cwd=tmp_path).stdout
    assert re.search(r"gaps\twarn\ta: items may have been missed from \S+ to", call("doctor", cwd=tmp_path).stdout)
    today = f"{utc_now():%Y-%m-%d}"
    assert (
        "**a**: items may have been missed"
        in call("digest", "--date", today, "--format", "markdown", cwd=tmp_path).stdout
    )


def test_check_shows_the_way_of_the_next_poll(tmp_path: Path) -> None:
    """Hop by hop, with what the server said last time, what is new, and when a run would poll; nothing is stored."""
    with FeedServer() as server:
        server.on("/feed", redirect(302, "/here"))
        server.on("/here", ok(body(1, 5), ("ETag", '"1"')), ok(body(1, 6), ("ETag", '"2"')), not_modified())
        write_config(tmp_path, {"a": server.url("/feed")})
        call("run", cwd=tmp_path)
        first = call("feeds", "check", "a", cwd=tmp_path).stdout
        second = call("feeds", "check", "a", cwd=tmp_path).stdout
        assert [request.header("If-None-Match") for request in server.requests if request.path == "/here"] == [
            [], [b'"1"'], [b'"1"']
        ]  # fmt: skip
    assert "302 → 200" in first
    assert "A: 6 items, 1 new" in first
    assert "not due before" in first
    assert f"1. GET {server.url('/feed')} → 302\n2. GET {server.url('/here')} (if it has changed) → 200\n" in first
    assert "nothing new since the last poll" in second


# --- the real files, with items scrolled off

_ENTRY = re.compile(rb"<(?:\w+:)?(item|entry)[\s>].*?</(?:\w+:)?\1>", re.DOTALL)


#: What an entry says at length; without it a body is read ten times faster, and says the same of what is in it.
_SAID = re.compile(rb"<(content:encoded|content|description|summary)\b[^>]*>.*?</\1>", re.DOTALL)


def windows(file: bytes) -> list[bytes]:
    """Three bodies of a real file, oldest first: the second goes on from the first, the third comes after a loss.

    Each shows about a third of the file's entries; between the last two, 40 % of them come and go.
    """
    entries = list(_ENTRY.finditer(file))
    count = len(entries)
    size, lost = round(0.3 * count), math.ceil(0.4 * count)
    second = count - size - size // 2
    ends = ((count - size, count), (second, second + size), (max(0, second - lost - size), second - lost))

    def showing(first: int, last: int) -> bytes:
        kept = b"".join(_SAID.sub(b"", entry[0]) for entry in entries[first:last])
        return file[: entries[0].start()] + kept + file[entries[-1].end() :]

    return [showing(*each) for each in ends]


def identities(served: bytes) -> set[str]:
    parsed = feedparser.parse(served, sanitize_html=False, resolve_relative_uris=False)
    said = [(entry, (entry.get("title"), entry.get("published"))) for entry in parsed.entries]
    return {str(entry.get("id") or entry.get("link") or title) for entry, title in said}


def test_real_feeds_with_items_scrolled_off(site: Site, store: Store, make_config: MakeConfig) -> None:
    """Real files re-served with 40 % of their items scrolled off between two polls: each gap is told, none invented."""
    files = [path for path in sorted((SHARED / "feeds").glob("*.xml")) if len(_ENTRY.findall(path.read_bytes())) >= 10]
    if not files:
        pytest.skip("../shared/feeds with the real feed files is not here")
    served = {path.name: windows(path.read_bytes()) for path in files}
    config = make_config({name: site.url(name) for name in served}, per_host=64)
    for number in range(3):
        site.bodies = {name: bodies[number] for name, bodies in served.items()}
        assert poll(config, store, NOW + 6 * HOUR * number).feeds_failed == 0
    expected = set()
    for name, bodies in served.items():
        first, second, third = map(identities, bodies)
        assert first & second, f"{name}: the second body should go on from the first"
        if third.isdisjoint(first | second):
            expected.add((name, "2026-11-23T18:00:00Z", "2026-11-24T00:00:00Z"))
    rows = store.db.execute("SELECT feed_id, from_at, to_at FROM gaps").fetchall()
    assert len(files) > 80
    assert len(expected) > 80
    assert sorted(rows) == sorted(expected)
