"""WebSub's pure part: what is asked of hubs and when, what they are answered, which deliveries are genuine."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import websub
from pipeline.models import Offer, Subscription, SubscriptionState
from pipeline.websub import Secrets, Step, answer, form, is_signed, plan
from tests.conftest import NOW

SECRETS = Secrets(b"k" * 32)
PUBLIC = "https://news.example/hooks/"
OFFER = Offer("a", "https://hub.example/", "https://a.test/feed")
WEEK, HOUR = timedelta(days=7), timedelta(hours=1)
ACTIVE = Subscription(
    1, "a", OFFER.hub, OFFER.topic, PUBLIC, "5a17", websub.token_hash(SECRETS.token("5a17")), "active",
    requested_at=NOW, verified_at=NOW, lease_ends_at=NOW + WEEK,
)  # fmt: skip
REQUESTED = replace(
    ACTIVE, state="requested", verified_at=None, lease_ends_at=None, failures=1, next_try_at=NOW + HOUR / 12
)


def actions(*subscriptions: Subscription, after: timedelta = timedelta(0), offers: tuple[Offer, ...] = (OFFER,)) -> str:
    return " ".join(step.action for step in plan(offers, subscriptions, NOW + after, PUBLIC, SECRETS))


# --- when


def test_a_feed_with_a_hub_is_subscribed_to() -> None:
    """An offer without a subscription is asked for."""
    assert plan([OFFER], [], NOW, PUBLIC, SECRETS) == [Step("subscribe", OFFER)]


def test_a_lease_is_renewed_when_a_quarter_is_left() -> None:
    """Not before, and not again while the renewal is open."""
    assert actions(ACTIVE, after=WEEK * 0.74) == ""
    assert actions(ACTIVE, after=WEEK * 0.76) == "renew"
    pending = replace(ACTIVE, failures=1, next_try_at=NOW + WEEK * 0.8)
    assert actions(pending, after=WEEK * 0.76) == ""
    assert actions(pending, after=WEEK * 0.81) == "renew"


def test_a_lease_of_seconds_is_not_renewed_every_tick() -> None:
    """A hub that gives one second is asked every ten minutes, not more."""
    short = replace(ACTIVE, lease_ends_at=NOW + timedelta(seconds=1))
    assert actions(short, after=timedelta(minutes=9)) == ""
    assert actions(short, after=timedelta(minutes=10)) == "renew"


def test_a_request_that_is_not_confirmed_is_made_again() -> None:
    """When its wait is over, and at once when the wait was written while the clock was wrong."""
    assert actions(REQUESTED, after=timedelta(minutes=4)) == ""
    assert actions(REQUESTED, after=timedelta(minutes=5)) == "renew"
    assert actions(replace(REQUESTED, next_try_at=NOW + timedelta(days=400))) == "renew"


@pytest.mark.parametrize("state", ["requested", "active", "failed", "denied"])
def test_what_is_not_wanted_any_more_is_ended(state: SubscriptionState) -> None:
    """Feed gone from the configuration, hub changed, topic changed: the old one ends, the new one begins after it."""
    subscription = replace(ACTIVE, state=state)
    assert actions(subscription, offers=()) == "end"
    assert actions(subscription, offers=(replace(OFFER, hub="https://other.example/"),)) == "end subscribe"
    assert actions(subscription, offers=(replace(OFFER, topic="https://a.test/new"),)) == "end subscribe"


def test_an_end_is_told_again_until_the_hub_knows() -> None:
    """While something is open; a feed that comes back is subscribed to anew."""
    ended = replace(ACTIVE, state="ended", failures=1, next_try_at=NOW)
    assert actions(ended, offers=()) == "goodbye"
    assert actions(replace(ended, next_try_at=None), offers=()) == ""
    assert actions(ended) == "subscribe"
    assert [websub.goes_on_saying_goodbye(failures) for failures in (1, 4, 5)] == [True, True, False]


def test_a_subscription_that_cannot_reach_us_is_made_anew() -> None:
    """Another public address or another key: the old callback address leads nowhere."""
    assert actions(replace(ACTIVE, public_url="https://old.example/")) == "subscribe"
    [step] = plan([OFFER], [ACTIVE], NOW, PUBLIC, Secrets(b"x" * 32))
    assert step.action == "subscribe"


def test_waits_double_up_to_a_day() -> None:
    """5 minutes, 10, 20 … a day; a hub's Retry-After counts when it is longer, but never more than 30 days."""
    waits = [websub.next_try(failures, NOW) - NOW for failures in (0, 1, 2, 3, 9, 10, 10_000)]
    assert waits == [HOUR / 12, HOUR / 12, HOUR / 6, HOUR / 3, HOUR * 64 / 3, 24 * HOUR, 24 * HOUR]
    assert websub.next_try(1, NOW, NOW + 3 * HOUR) == NOW + 3 * HOUR
    assert websub.next_try(3, NOW, NOW) == NOW + HOUR / 3
    assert websub.next_try(1, NOW, NOW + timedelta(days=300)) == NOW + timedelta(days=30)


# --- what is asked


def test_what_is_asked_of_a_hub() -> None:
    """Mode, topic, callback, lease in seconds, a secret of less than 200 bytes; an end needs no secret."""
    assert form(REQUESTED, SECRETS, WEEK, "subscribe") == {
        "hub.mode": "subscribe",
        "hub.topic": OFFER.topic,
        "hub.callback": PUBLIC + SECRETS.token("5a17"),
        "hub.lease_seconds": "604800",
        "hub.secret": SECRETS.secret("5a17"),
    }
    assert set(form(REQUESTED, SECRETS, WEEK, "unsubscribe")) == {"hub.mode", "hub.topic", "hub.callback"}
    assert len(SECRETS.secret("5a17")) == 64


def test_secrets_differ_and_do_not_show() -> None:
    """Each salt, each key and each purpose gives another; neither key nor what is derived shows when printed."""
    made = {secrets.token(salt) for secrets in (SECRETS, Secrets(b"x" * 32)) for salt in ("1", "2")}
    made |= {secrets.secret(salt) for secrets in (SECRETS, Secrets(b"x" * 32)) for salt in ("1", "2")}
    assert len(made) == 8
    assert repr(SECRETS) == "Secrets()"
    assert SECRETS.token("5a17") not in repr(ACTIVE)


# --- what hubs are answered


def query(**changed: str | None) -> str:
    asked: dict[str, str | None] = {
        "mode": "subscribe", "topic": OFFER.topic, "challenge": "abc", "lease_seconds": "3600"
    }  # fmt: skip
    return urlencode({f"hub.{name}": value for name, value in (asked | changed).items() if value is not None})


@pytest.mark.parametrize("state", ["requested", "active", "failed"])
def test_a_hub_that_asks_back_is_told_its_challenge(state: SubscriptionState) -> None:
    """Also when the lease is renewed, or the hub's answer to the request was lost; its lease is believed."""
    found = answer(replace(REQUESTED, state=state), query(), NOW, WEEK)
    assert (found.status, found.body, found.lease_ends_at) == (200, b"abc", NOW + HOUR)


@pytest.mark.parametrize(
    ("seconds", "lease"),
    [
        (None, WEEK), ("", WEEK), ("0", WEEK), ("-5", WEEK), ("1e9", WEEK), ("٣", WEEK), ("9" * 11, timedelta(days=90)),
        ("9" * 99, WEEK), ("1", timedelta(seconds=1)),
    ],
)  # fmt: skip
def test_the_lease_of_a_hub_is_bounded(seconds: str | None, lease: timedelta) -> None:
    """What is no number of seconds counts as what was asked for; nothing lasts for ever."""
    assert answer(REQUESTED, query(lease_seconds=seconds), NOW, WEEK).lease_ends_at == NOW + lease


@pytest.mark.parametrize(
    "asked",
    [
        "", "x", "=&=&%ff", query(topic="https://a.test/other"), query(topic=None), query(mode="unsubscribe"),
        query(mode="publish"), query(mode=None), query(challenge=None), query(challenge=""),
        query(challenge="<script>alert(1)</script> "), query(challenge="a\r\nSet-Cookie: x"), query(challenge="\0"),
        query(challenge="한"), query(challenge="x" * 1001), query() + "&hub.challenge=2", query() + "&hub.topic=x",
        query() + "&a=1" * 60, query() + "&a=" + "x" * 10_000, query(mode="denied", topic="https://a.test/other"),
    ],
)  # fmt: skip
def test_what_was_not_asked_for_is_not_found(asked: str) -> None:
    """Another topic or mode, a challenge that is long, binary or repeated, nonsense: 404, and no change."""
    assert answer(REQUESTED, asked, NOW, WEEK) == websub.NOT_OURS
    assert answer(None, query(), NOW, WEEK) == websub.NOT_OURS


def test_an_end_is_confirmed_only_when_we_want_it() -> None:
    """Nobody else can end a subscription; one that ended is not brought back."""
    ended = replace(ACTIVE, state="ended")
    assert answer(ended, query(mode="unsubscribe"), NOW, WEEK).is_over
    assert answer(ended, query(), NOW, WEEK) == websub.NOT_OURS
    assert answer(ACTIVE, query(mode="unsubscribe"), NOW, WEEK) == websub.NOT_OURS
    assert answer(replace(ACTIVE, state="denied"), query(), NOW, WEEK) == websub.NOT_OURS


def test_a_hub_may_say_no() -> None:
    """With a reason, which is one line of plain text; also of a subscription that was active."""
    for subscription in (REQUESTED, ACTIVE):
        found = answer(subscription, query(mode="denied", reason="not\x1b[1m \n here" + "x" * 500), NOW, WEEK)
        assert (found.status, found.body) == (200, b"")
        assert (found.denied or "").startswith("not [1m here")
        assert len(found.denied or "") == 200


@given(st.text(max_size=200))
def test_no_question_breaks_the_answer(asked: str) -> None:
    """Whatever the query is, it is answered, and only with the challenge."""
    assert answer(REQUESTED, asked, NOW, WEEK).status in (200, 404)


# --- which deliveries are genuine


@given(
    st.binary(max_size=300), st.sampled_from(["sha1", "sha256", "sha384", "sha512"]), st.integers(0, 299), st.booleans()
)
def test_only_the_right_signature_counts(body: bytes, algorithm: str, place: int, upper: bool) -> None:
    """Each algorithm of the specification works; a changed body, secret or signature does not."""
    signature = hmac.new(b"s", body, algorithm).hexdigest()
    assert is_signed(f"{algorithm}={signature.upper() if upper else signature}", body, "s")
    assert not is_signed(f"{algorithm}={signature}", body, "t")
    assert not is_signed(f"{algorithm}={signature}", body + b" ", "s")
    at = place % len(signature)
    forged = signature[:at] + ("0" if signature[at] != "0" else "1") + signature[at + 1 :]
    assert not is_signed(f"{algorithm}={forged}", body, "s")
    assert not is_signed(f"{algorithm}={signature[:-1]}", body, "s")


@pytest.mark.parametrize(
    "header",
    [
        None, "", "=", "sha256", "sha256=", f"md5={hmac.new(b's', b'x', 'md5').hexdigest()}",
        f"sha3_256={hmac.new(b's', b'x', 'sha3_256').hexdigest()}", hmac.new(b"s", b"x", "sha256").hexdigest(),
        f"sha256={hashlib.sha256(b'x').hexdigest()}", f"sha1={hmac.new(b's', b'x', 'sha256').hexdigest()}",
        "sha256=é", "sha256=" + "0" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_signature_counts_as_none(header: str | None) -> None:
    """Missing, empty, by an algorithm that the specification does not name, a plain hash, nonsense."""
    assert not is_signed(header, b"x", "s")


@pytest.mark.parametrize(
    ("content_type", "is_one"),
    [
        ("application/rss+xml; charset=utf-8", True), ("application/json", True), ("text/html", True), ("", True),
        ("image/png", False), ("Video/MP4", False), ("application/x-www-form-urlencoded", False),
    ],
)  # fmt: skip
def test_what_cannot_be_a_feed_is_told_by_its_type(content_type: str, is_one: bool) -> None:
    """Servers name feeds in many ways, so only what is surely something else is refused."""
    assert websub.is_feed_type(content_type) is is_one
