"""Hubs from end to end: a real hub over loopback, the daemon's callback server, what the database then says."""

from __future__ import annotations

import hmac
import json
import logging
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from apscheduler.triggers.interval import IntervalTrigger

from pipeline import callback, daemon, websub
from pipeline.callback import serving
from pipeline.config import Config, WebSubSettings
from pipeline.errors import ServeError, StoreError
from pipeline.run import Silent, run
from pipeline.store import Store
from pipeline.subscribing import keep_up, load_secrets
from pipeline.tools import Tools
from tests.conftest import NOW, call, free_port, rss, thread_tools, tools_at, write_config
from tests.feedserver import FeedServer, ok
from tests.hub import Hub

MakeConfig = Callable[..., Config]
OLD = [("1", "Rain", "Wet.")]
NEW = [("2", "Unit 180 of North Korea named", "The Reconnaissance General Bureau runs it.")]
HOUR = timedelta(hours=1)


@pytest.fixture
def feeds() -> Iterator[FeedServer]:
    with FeedServer() as server:
        yield server


def link(hub: str, topic: str) -> tuple[str, str]:
    return "Link", f'<{hub}>; rel="hub", <{topic}>; rel="self"'


class Desk:
    """One feed with a hub, polled once; the configuration, tools at a time of the test's own, and the store."""

    def __init__(self, config: Config, store: Store, hub: Hub, feeds: FeedServer) -> None:
        port = free_port()
        public_url = f"http://127.0.0.1:{port}/hooks/"
        self.hub, self.store, self.feeds = hub, store, feeds
        self.now = NOW
        self.url = feeds.on("/feed", ok(rss(OLD), link(hub.url, feeds.url("/feed")), ("ETag", '"1"')))
        sources = tuple(feed.model_copy(update={"url": self.url}) for feed in config.feeds)
        self.config = replace(config, feeds=sources, websub=WebSubSettings(public_url=public_url, port=port))
        self.tools: Tools = replace(tools_at(config, NOW), clock=lambda: self.now)
        self.secrets = load_secrets(config.database)
        self.poll()

    def poll(self) -> None:
        run(self.config, self.store, self.tools, Silent(), threading.Event(), force=True)

    def keep_up(self) -> None:
        keep_up(self.config, self.tools, self.secrets, threading.Event())

    def row(self) -> dict[str, Any]:
        [row] = self.store.db.table("subscriptions").rows
        return dict(row)

    def feed(self) -> dict[str, Any]:
        return dict(self.store.db.table("feeds").get("a"))

    def titles(self) -> set[str]:
        return {row["title"] for row in self.store.db.table("items").rows}

    def subscribe(self) -> dict[str, str]:
        """Subscribe, with the callback served; returns the hub's form."""
        self.keep_up()
        self.hub.wait(asked_back=1)
        assert self.row()["state"] == "active"
        return self.hub.requests[-1]


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as running:
        yield running


@pytest.fixture
def desk(make_config: MakeConfig, store: Store, hub: Hub, feeds: FeedServer) -> Desk:
    return Desk(make_config({"a": "http://x.test/"}), store, hub, feeds)


@pytest.fixture
def served(desk: Desk) -> Iterator[Desk]:
    """The desk with its callback served."""
    with serving(desk.config, desk.tools, desk.secrets):
        yield desk


# --- subscribing


def test_a_poll_learns_hub_and_topic_from_the_headers(desk: Desk) -> None:
    """Link headers go before what the body says."""
    assert (json.loads(desk.feed()["hubs"]), desk.feed()["topic"]) == ([desk.hub.url], desk.url)


def test_a_subscription_becomes_active_when_the_hub_asks_back(served: Desk) -> None:
    """The request is a form with an honest user agent; the challenge comes back as bytes no browser would show."""
    form = served.subscribe()
    assert (form["hub.mode"], form["hub.topic"], form["hub.lease_seconds"]) == ("subscribe", served.url, "604800")
    assert re.fullmatch(re.escape(str(served.config.websub.public_url)) + "[0-9a-f]{64}", form["hub.callback"])
    assert served.hub.types == ["application/x-www-form-urlencoded"]
    assert served.hub.agents == [served.config.fetch.user_agent]
    [answer] = served.hub.answers
    assert (answer.status_code, answer.text) == (200, "challenge-0")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    row = served.row()
    assert (row["lease_ends_at"], row["failures"], row["next_try_at"]) == ("2026-11-30T12:00:00Z", 0, None)
    served.keep_up()
    assert len(served.hub.requests) == 1


def test_a_hub_may_ask_back_before_it_answers(make_config: MakeConfig, store: Store, feeds: FeedServer) -> None:
    """What was verified in the meantime is not undone by the answer, not even by one that fails."""
    with Hub(first=True) as hub:
        desk = Desk(make_config({"a": "http://x.test/"}), store, hub, feeds)
        with serving(desk.config, desk.tools, desk.secrets):
            desk.subscribe()
            subscription = store.subscriptions.all()[0]
            store.subscriptions.failed(subscription, "no answer", NOW, NOW + HOUR)
    assert (desk.row()["state"], desk.row()["last_error"]) == ("active", None)


def test_a_restart_between_request_and_question_loses_nothing(desk: Desk) -> None:
    """The hub asks a daemon that was started anew; the key is read from its file."""
    desk.hub.asks_back = False
    desk.keep_up()
    assert desk.row()["state"] == "requested"
    with serving(desk.config, desk.tools, load_secrets(desk.config.database)):
        assert desk.hub.ask_back(desk.hub.requests[0]).status_code == 200
    assert desk.row()["state"] == "active"


def test_a_lease_is_renewed_at_the_same_address(served: Desk) -> None:
    """When a quarter is left, with the same callback and secret, so that the hub goes on without a break."""
    first = served.subscribe()
    served.now = NOW + timedelta(days=5)
    served.keep_up()
    assert len(served.hub.requests) == 1
    served.now = NOW + timedelta(days=6)
    served.keep_up()
    served.hub.wait(asked_back=2)
    assert served.hub.requests[1] == first
    assert served.row()["lease_ends_at"] == "2026-12-06T12:00:00Z"


def test_a_renewal_that_fails_leaves_the_lease_as_it_is(served: Desk) -> None:
    """Until it has run out; then the subscription has failed, and is still asked for."""
    served.subscribe()
    served.hub.statuses += [500, 500]
    served.now = NOW + timedelta(days=6)
    served.keep_up()
    assert (served.row()["state"], served.row()["last_error"]) == ("active", "answered 500")
    served.now = NOW + timedelta(days=8)
    served.keep_up()
    assert served.row()["state"] == "failed"
    served.now += HOUR
    served.keep_up()
    served.hub.wait(asked_back=2)
    assert (served.row()["state"], served.row()["last_error"]) == ("active", None)


def test_a_hub_that_cannot_be_reached_is_asked_less_and_less_often(desk: Desk) -> None:
    """After 5 minutes, 10, 20 …; what the operator reads names the hub."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        hub = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    desk.store.db.table("feeds").update("a", {"hubs": json.dumps([hub])})
    tries = []
    for minute in range(120):
        desk.now = NOW + timedelta(minutes=minute)
        desk.keep_up()
        tries.append(desk.row()["failures"])
    assert [tries.index(number) for number in range(1, 6)] == [0, 5, 15, 35, 75]
    row = desk.store.subscriptions.by_feed()["a"]
    told = websub.in_words(row)
    assert told is not None
    assert told.startswith(f"no subscription at the hub {hub}: cannot connect: Connection refused")


def test_a_hub_that_is_busy_is_left_alone_as_it_asks(desk: Desk) -> None:
    """Retry-After of two hours."""
    desk.hub.statuses.append(503)
    desk.keep_up()
    assert (desk.row()["state"], desk.row()["next_try_at"]) == ("failed", "2026-11-23T14:00:00Z")


def test_a_hub_may_send_on_to_another(desk: Desk, feeds: FeedServer) -> None:
    """307 and 308 are followed with the same form; 302, which would become a GET, is a failure."""
    with Hub(asks_back=False) as other:
        desk.hub.location = other.url
        desk.hub.statuses += [302, 308]
        desk.keep_up()
        assert (desk.row()["last_error"], other.requests) == ("answered 302", [])
        desk.now += HOUR
        desk.keep_up()
        assert other.requests == desk.hub.requests[1:]
    assert desk.row()["state"] == "requested"


def test_forms_do_not_go_in_circles(desk: Desk) -> None:
    """A hub that redirects to itself is given up after a few."""
    desk.hub.location = desk.hub.url
    desk.hub.statuses += [307] * 20
    desk.keep_up()
    assert len(desk.hub.requests) == 4
    assert desk.row()["last_error"] == "more than 3 redirects"


def test_a_hub_on_a_private_network_is_refused(desk: Desk) -> None:
    """A feed cannot make us send to addresses that are not allowed to be fetched."""
    desk.config = replace(desk.config, fetch=desk.config.fetch.model_copy(update={"allow_private_addresses": False}))
    tools = tools_at(desk.config, NOW)
    keep_up(desk.config, tools, desk.secrets, threading.Event())
    assert desk.hub.requests == []
    assert "not a public address" in desk.row()["last_error"]


def test_a_hub_that_says_no_is_left_alone(served: Desk) -> None:
    """Its reason is kept; it is asked again after a month."""
    form = served.subscribe()
    assert served.hub.ask_back(form, mode="denied", reason="topic is not known here").status_code == 200
    assert (served.row()["state"], served.row()["last_error"]) == ("denied", "topic is not known here")
    served.keep_up()
    served.now += timedelta(days=29)
    served.keep_up()
    assert len(served.hub.requests) == 1
    served.now += timedelta(days=2)
    served.keep_up()
    served.hub.wait(asked_back=3)
    assert served.row()["state"] == "active"


def test_a_feed_that_left_the_configuration_is_unsubscribed(served: Desk) -> None:
    """The hub is told, asks back, is told yes; what it still pushes is refused as gone."""
    form = served.subscribe()
    served.config = replace(served.config, feeds=())
    served.poll()
    served.keep_up()
    served.hub.wait(asked_back=2)
    assert served.hub.requests[1]["hub.mode"] == "unsubscribe"
    assert served.hub.requests[1]["hub.callback"] == form["hub.callback"]
    assert served.hub.answers[1].status_code == 200
    assert (served.row()["state"], served.row()["next_try_at"]) == ("ended", None)
    assert served.hub.deliver(form, rss(NEW)).status_code == 410
    served.now += timedelta(days=30)
    served.keep_up()
    assert len(served.hub.requests) == 2


def test_an_end_that_the_hub_does_not_take_is_told_five_times(served: Desk) -> None:
    """Then its lease runs out by itself."""
    served.subscribe()
    served.config = replace(served.config, feeds=())
    served.poll()
    served.hub.statuses += [500] * 99
    for hour in range(60):
        served.now = NOW + hour * HOUR
        served.keep_up()
    assert [form["hub.mode"] for form in served.hub.requests] == ["subscribe", *["unsubscribe"] * 5]
    assert served.row()["state"] == "ended"


def test_a_feed_that_changes_its_hub_is_subscribed_there(served: Desk) -> None:
    """The old hub is told, the new one asked, with another address and another secret; the old one pushes no more."""
    old = served.subscribe()
    with Hub() as other:
        served.feeds.on("/feed", ok(rss(NEW), link(other.url, served.url)))
        served.poll()
        served.keep_up()
        other.wait(asked_back=1)
        new = other.requests[0]
    assert served.hub.requests[1]["hub.mode"] == "unsubscribe"
    assert served.hub.deliver(old, rss([("3", "Late", "")])).status_code == 410
    assert "Late" not in served.titles()
    assert old["hub.callback"] != new["hub.callback"]
    assert old["hub.secret"] != new["hub.secret"]
    states = {row["hub"]: row["state"] for row in served.store.db.table("subscriptions").rows}
    assert states == {served.hub.url: "ended", other.url: "active"}


def test_ends_of_long_ago_are_forgotten(served: Desk) -> None:
    """A feed that names another hub with every poll does not make the table grow for ever."""
    served.subscribe()
    for number in range(12):
        served.now += timedelta(days=30)
        served.hub.url = re.sub(r"/hub.*", f"/hub{number}", served.hub.url)
        served.store.db.table("feeds").update("a", {"hubs": json.dumps([served.hub.url])})
        served.keep_up()
        served.hub.wait(asked_back=3 + 2 * number)
    states = [row["state"] for row in served.store.db.table("subscriptions").rows]
    assert sorted(states) == ["active", "ended", "ended", "ended", "ended"]


def test_few_hubs_are_asked_at_a_time(desk: Desk) -> None:
    """The rest follows in the next ticks."""
    desk.hub.asks_back = False
    for number in range(11):
        row = desk.feed() | {"id": f"f{number}"}
        desk.store.db.table("feeds").insert(row)
    counts = []
    for _ in range(4):
        desk.keep_up()
        counts.append(len(desk.hub.requests))
    assert counts == [5, 10, 12, 12]


def test_nothing_is_asked_without_a_public_address(desk: Desk) -> None:
    """Off unless configured: no job, no key, no listener, no request."""
    desk.config = replace(desk.config, websub=WebSubSettings())
    desk.keep_up()
    assert desk.hub.requests == []
    jobs = {job.id for job in daemon.make_scheduler(desk.config, desk.tools, threading.Event()).get_jobs()}
    assert "hubs" not in jobs
    scheduler = daemon.make_scheduler(desk.config, desk.tools, threading.Event(), desk.secrets)
    [job] = [job for job in scheduler.get_jobs() if job.id == "hubs"]
    assert isinstance(job.trigger, IntervalTrigger)


def test_a_hub_that_never_answers_does_not_hold_up_the_end(desk: Desk, feeds: FeedServer) -> None:
    """Stopping takes no longer than a moment; the request stays open and is made again later."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hub = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        desk.store.db.table("feeds").update("a", {"hubs": json.dumps([hub])})
        stop = threading.Event()
        threading.Timer(0.3, stop.set).start()
        began = time.monotonic()
        keep_up(desk.config, desk.tools, desk.secrets, stop)
        assert time.monotonic() - began < 5
    assert desk.row()["state"] == "requested"


# --- deliveries


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
def test_a_push_is_stored_and_tagged(served: Desk, algorithm: str) -> None:
    """When the hub is answered, the item and its mentions are there; the log says that it was pushed."""
    form = served.subscribe()
    assert served.hub.deliver(form, rss(NEW), algorithm=algorithm).status_code == 204
    assert served.titles() == {OLD[0][1], NEW[0][1]}
    entities = {row["entity_id"] for row in served.store.db.table("mentions").rows}
    assert {"unit-180", "rgb"} <= entities
    fetches = [(row["source"], row["outcome"], row["items_new"]) for row in served.store.db.table("fetches").rows]
    assert fetches == [("poll", "ok", 1), ("push", "ok", 1)]
    assert (served.row()["pushes"], served.row()["last_push_at"]) == (1, "2026-11-23T12:00:00Z")


def test_a_push_is_no_poll(served: Desk) -> None:
    """Validators, body hash, schedule, state and gaps stay as the last poll left them; the next poll goes by them."""
    form = served.subscribe()
    before = served.feed()
    served.now += HOUR
    served.hub.deliver(form, rss([(str(n), f"Item {n}", "") for n in range(50, 90)]))
    after = served.feed()
    changed = {key for key in after if after[key] != before[key]}
    assert changed == {"last_item_at"}
    assert served.store.db.table("gaps").count == 0
    served.poll()
    assert served.feeds.requests[-1].header("If-None-Match") == [b'"1"']


def test_what_was_pushed_is_not_new_to_the_next_poll(served: Desk) -> None:
    """It is stored once, with one identity, and the poll goes on from it without a gap."""
    form = served.subscribe()
    served.hub.deliver(form, rss(NEW))
    served.feeds.on("/feed", ok(rss([*NEW, *OLD])))
    served.now += HOUR
    served.poll()
    rows = [(row["source"], row["items_new"]) for row in served.store.db.table("fetches").rows]
    assert rows == [("poll", 1), ("push", 1), ("poll", 0)]
    assert served.store.db.table("gaps").count == 0


def test_an_item_without_a_guid_is_the_same_pushed_and_polled(served: Desk) -> None:
    """A relative address in a push counts from where polls get the feed."""
    body = b"<rss version='2.0'><channel><item><title>Unnamed</title><link>/news/7</link></item></channel></rss>"
    served.hub.deliver(served.subscribe(), body)
    served.feeds.on("/feed", ok(body))
    served.now += HOUR
    served.poll()
    addresses = [row["url"] for row in served.store.db.table("items").rows_where("title = 'Unnamed'")]
    assert addresses == [served.feeds.url("/news/7")]


def test_the_same_push_twice_changes_nothing(served: Desk) -> None:
    """A hub that did not hear the answer sends again."""
    form = served.subscribe()
    for _ in range(2):
        assert served.hub.deliver(form, rss(NEW)).status_code == 204
    assert served.store.db.table("items").count == 2
    assert served.store.db.table("item_versions").count == 0


def test_an_edit_is_pushed_too(served: Desk) -> None:
    """The item changes and keeps what it said before."""
    form = served.subscribe()
    served.hub.deliver(form, rss([("1", "Snow", "White.")]))
    assert served.titles() == {"Snow"}
    assert [row["title"] for row in served.store.db.table("item_versions").rows] == ["Rain"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Hub-Signature": ""},
        {"X-Hub-Signature": "sha256=" + "0" * 64},
        {"X-Hub-Signature": "md5=" + "0" * 32},
        {"secret": "another"},
    ],
)
def test_what_is_not_signed_is_ignored(served: Desk, headers: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    """The answer is the same as to a right one, so that nobody can try; it is counted and logged."""
    form = served.subscribe()
    assert served.hub.deliver(form, rss(NEW), **headers).status_code == 204
    assert served.titles() == {OLD[0][1]}
    assert (served.row()["pushes"], served.row()["rejected"]) == (0, 1)
    assert "feed a: a push is not signed" in caplog.text


def test_a_signature_is_of_the_body_that_came(served: Desk) -> None:
    """One taken from another delivery does not serve."""
    form = served.subscribe()
    other = hmac.new(form["hub.secret"].encode(), rss(OLD), "sha256").hexdigest()
    served.hub.deliver(form, rss(NEW), **{"X-Hub-Signature": f"sha256={other}"})
    assert served.titles() == {OLD[0][1]}


def test_an_unknown_address_is_not_found(served: Desk) -> None:
    """A delivery sent to another token, a path of another shape or by another method is not taken."""
    form = served.subscribe()
    base = str(served.config.websub.public_url)
    for callback_url in (base + "0" * 64, base, base + "x", base + "%00", form["hub.callback"] + "/", base + "é" * 99):
        assert served.hub.deliver(form | {"hub.callback": callback_url}, rss(NEW)).status_code == 404
        assert httpx.get(callback_url).status_code == 404
    assert httpx.put(form["hub.callback"]).status_code == 405
    assert served.titles() == {OLD[0][1]}
    assert (served.row()["pushes"], served.row()["rejected"]) == (0, 0)


def test_the_token_of_one_subscription_does_not_open_another(served: Desk) -> None:
    """Each has its own secret: a delivery signed for one feed is ignored at the address of another."""
    form = served.subscribe()
    served.store.db.table("feeds").insert(served.feed() | {"id": "b"})
    served.keep_up()
    served.hub.wait(asked_back=2)
    other = served.hub.requests[1]
    assert served.hub.deliver(other | {"hub.secret": form["hub.secret"]}, rss(NEW)).status_code == 204
    assert served.titles() == {OLD[0][1]}


def test_a_proxy_may_take_the_path_away(served: Desk) -> None:
    """Only the last part of the path counts."""
    form = served.subscribe()
    token = form["hub.callback"].rpartition("/")[2]
    short = {"hub.callback": f"http://127.0.0.1:{served.config.websub.port}/{token}"}
    assert served.hub.deliver(form | short, rss(NEW)).status_code == 204
    assert served.row()["pushes"] == 1


def test_a_body_that_is_too_large_is_refused(served: Desk) -> None:
    """By what it announces, before it is read; and when it grows beyond the bound without saying so."""
    form = served.subscribe()
    path = form["hub.callback"].partition("/hooks/")[2]
    limit = served.config.fetch.max_bytes
    for start in (f"Content-Length: {limit + 1}\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", served.config.websub.port), timeout=20) as connection:
            connection.sendall(f"POST /hooks/{path} HTTP/1.1\r\nHost: x\r\n{start}".encode())
            if "chunked" in start:
                piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
                for _ in range(limit // 0x10000 + 1):
                    connection.sendall(piece)
            assert connection.recv(100).startswith(b"HTTP/1.1 413")
    assert (served.row()["pushes"], served.row()["rejected"]) == (0, 2)


def test_a_body_that_does_not_come_is_given_up(served: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that sends nothing more, or goes away, costs no place for long."""
    monkeypatch.setattr(callback, "BODY_SECONDS", 0.3)
    form = served.subscribe()
    path = form["hub.callback"].partition("/hooks/")[2]
    request = f"POST /hooks/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc".encode()
    with socket.create_connection(("127.0.0.1", served.config.websub.port), timeout=20) as connection:
        connection.sendall(request)
        assert connection.recv(100).startswith(b"HTTP/1.1 408")
    with socket.create_connection(("127.0.0.1", served.config.websub.port), timeout=20) as connection:
        connection.sendall(request)
    assert served.hub.deliver(form, rss(NEW)).status_code == 204


def test_too_many_deliveries_are_asked_to_come_again(served: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with Retry-After; what was not acknowledged was not taken."""
    form = served.subscribe()
    monkeypatch.setattr(callback, "WAITING", 0)
    answer = served.hub.deliver(form, rss(NEW))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert served.titles() == {OLD[0][1]}


def test_what_cannot_be_stored_is_not_acknowledged(served: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is held by another program: the hub is asked to send again, and then it is stored."""
    form = served.subscribe()
    monkeypatch.setattr("pipeline.store.connection.BUSY_SECONDS", 0.2)
    served.store.db.conn.execute("BEGIN IMMEDIATE")
    assert served.hub.deliver(form, rss(NEW)).status_code == 503
    served.store.db.conn.rollback()
    assert served.hub.deliver(form, rss(NEW)).status_code == 204
    assert len(served.titles()) == 2


def test_a_body_that_is_no_feed_is_logged(served: Desk) -> None:
    """Acknowledged, as the hub has nothing better; the feed itself is not in trouble for it."""
    form = served.subscribe()
    assert served.hub.deliver(form, b"<html><title>Oops</title></html>").status_code == 204
    assert served.hub.deliver(form, b"GIF89a", **{"Content-Type": "image/gif"}).status_code == 204
    [row] = served.store.db.table("fetches").rows_where("source = 'push'")
    assert (row["outcome"], row["items_seen"]) == ("error", 0)
    assert row["error"].startswith("pushed by the hub: ")
    assert (served.feed()["state"], served.feed()["failures"]) == ("ok", 0)


def test_a_packed_body_is_refused(served: Desk) -> None:
    """What its signature is of would be a guess."""
    form = served.subscribe()
    assert served.hub.deliver(form, rss(NEW), **{"Content-Encoding": "gzip"}).status_code == 415


def test_pushes_are_stored_side_by_side_with_polls(served: Desk) -> None:
    """Deliveries from several threads while the feed is polled: every item once."""
    form = served.subscribe()
    bodies = [rss([(f"p{n}", f"Item {n}", "Text.")]) for n in range(12)]
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda body=body: statuses.append(served.hub.deliver(form, body).status_code))
        for body in bodies
    ]
    served.feeds.on("/feed", ok(rss([*[(f"p{n}", f"Item {n}", "Text.") for n in range(6)], *OLD])))
    for thread in threads:
        thread.start()
    served.poll()
    for thread in threads:
        thread.join()
    assert statuses == [204] * 12
    guids = [row["guid"] for row in served.store.db.table("items").rows]
    assert sorted(guids) == sorted({"1", *(f"p{n}" for n in range(12))})


# --- secrets


def test_secrets_are_nowhere_to_be_seen(
    served: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in the database's files nor in any log line, however detailed; the key is for its owner only."""
    caplog.set_level(logging.DEBUG)
    form = served.subscribe()
    served.hub.deliver(form, rss(NEW))
    served.hub.deliver(form, rss(NEW), secret="wrong")
    served.now += timedelta(days=6)
    served.hub.statuses.append(500)
    served.keep_up()
    key = served.config.database.with_name("w.db.websub-key")
    token = form["hub.callback"].rpartition("/")[2]
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    stored = b"".join(path.read_bytes() for path in key.parent.glob("w.db*") if path != key)
    for secret in (token, form["hub.secret"], key.read_text(encoding="ascii")):
        assert len(secret) == 64
        assert secret not in "\n".join(ours)
        assert secret.encode() not in stored
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_lost_key_means_subscribing_anew(desk: Desk) -> None:
    """Hubs are asked with new addresses; a file that is no key is told."""
    key = desk.config.database.with_name("w.db.websub-key")
    with serving(desk.config, desk.tools, desk.secrets):
        first = desk.subscribe()
    key.unlink()
    desk.secrets = load_secrets(desk.config.database)
    with serving(desk.config, desk.tools, desk.secrets):
        desk.keep_up()
        desk.hub.wait(asked_back=2)
    assert desk.hub.requests[1]["hub.callback"] != first["hub.callback"]
    assert desk.row()["state"] == "active"
    for text in ("", "nonsense", "ab" * 31):
        key.write_text(text, encoding="ascii")
        with pytest.raises(StoreError, match=r"w\.db\.websub-key: is not the key of subscriptions; remove it"):
            load_secrets(desk.config.database)


# --- what the operator sees, and the daemon


def test_list_and_doctor_tell_of_subscriptions(tmp_path: Path, hub: Hub, feeds: FeedServer) -> None:
    """Active: until when it is pushed. Refused: by whom and why, with a warning of the doctor."""
    feeds.on("/feed", ok(rss(OLD), link(hub.url, feeds.url("/feed"))))
    port = free_port()
    extra = f"websub: {{public_url: 'http://127.0.0.1:{port}/', port: {port}}}\n"
    path = write_config(tmp_path, {"a": feeds.url("/feed")}, extra)
    assert call("run", cwd=tmp_path).returncode == 0
    from pipeline import config as configuration  # noqa: PLC0415

    config = configuration.load(path)
    tools, secrets = thread_tools(config), load_secrets(config.database)
    assert "hubs\tok\t0 feeds are subscribed to, 1 name a hub" in call("doctor", cwd=tmp_path).stdout
    with serving(config, tools, secrets):
        keep_up(config, tools, secrets, threading.Event())
        hub.wait(asked_back=1)
        assert f"pushed by {hub.url} until 2" in call("feeds", "list", cwd=tmp_path).stdout
        assert "hubs\tok\t1 feeds are subscribed to" in call("doctor", cwd=tmp_path).stdout
        hub.deliver(hub.requests[0], b"x", secret="wrong")
        hub.ask_back(hub.requests[0], mode="denied", reason="go away")
    [row] = json.loads(call("feeds", "list", "--json", cwd=tmp_path).stdout)
    assert (row["subscription"]["state"], row["subscription"]["rejected"]) == ("denied", 1)
    assert row["remark"] == f"the hub {hub.url} refuses to push: go away"
    doctor = call("doctor", cwd=tmp_path).stdout
    assert f"hubs\twarn\ta: the hub {hub.url} refuses to push: go away; it is polled as before" in doctor
    assert "hubs\twarn\ta: 1 pushes were ignored" in doctor
    token = hub.requests[0]["hub.callback"].rpartition("/")[2]
    assert token not in json.dumps(row)
    write_config(tmp_path, {"a": feeds.url("/feed")})
    assert hub.url not in call("feeds", "list", cwd=tmp_path).stdout.replace("\t", " ").partition("remark")[2]


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    """The daemon says so at once, and ends with 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        write_config(tmp_path, {}, f"websub: {{public_url: 'http://127.0.0.1:{port}/', port: {port}}}\n")
        done = subprocess.run(
            [sys.executable, "-m", "pipeline", "daemon"], cwd=tmp_path, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == (
        f"error: hubs cannot be answered: cannot listen on 127.0.0.1:{port}: Address already in use; "
        "choose another websub.host or websub.port\n"
    )


def test_a_host_that_is_none_is_one_line(desk: Desk) -> None:
    """A name that cannot be resolved is told like a port that is taken."""
    desk.config = replace(desk.config, websub=desk.config.websub.model_copy(update={"host": "no.such.host.invalid"}))
    with (
        pytest.raises(ServeError, match=r"cannot listen on no\.such\.host\.invalid"),
        serving(desk.config, desk.tools, desk.secrets),
    ):
        pass


def test_the_daemon_stores_what_a_hub_pushes(tmp_path: Path, hub: Hub, feeds: FeedServer) -> None:
    """A daemon of its own process polls, subscribes, is asked back, is pushed, tags, and stops when it is told."""
    feeds.on("/feed", ok(rss(OLD), link(hub.url, feeds.url("/feed"))))
    port = free_port()
    write_config(
        tmp_path, {"a": feeds.url("/feed")}, f"websub: {{public_url: 'http://127.0.0.1:{port}/', port: {port}}}\n"
    )
    log = tmp_path / "log"
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen([sys.executable, "-m", "pipeline", "daemon"], cwd=tmp_path, stderr=file)
    try:
        for _ in range(600):
            if hub.answers or process.poll() is not None:
                break
            time.sleep(0.1)
        assert hub.answers, log.read_text(encoding="utf-8")
        assert hub.answers[0].status_code == 200
        assert hub.deliver(hub.requests[0], rss(NEW)).status_code == 204
        with Store(tmp_path / "w.db") as store:
            assert {row["entity_id"] for row in store.db.table("mentions").rows} >= {"unit-180", "rgb"}
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
    written = log.read_text(encoding="utf-8")
    assert process.returncode == 0, written
    assert "Traceback" not in written
    assert hub.requests[0]["hub.callback"].rpartition("/")[2] not in written
    assert "feed a: pushed 1 items: 1 new" in written
    with Store(tmp_path / "w.db") as store:
        assert [row["state"] for row in store.db.table("subscriptions").rows] == ["active"]
