"""WebSub's subscriber as pure functions: what to ask hubs, what to answer them, and whether a delivery is genuine.

Nothing here sends, listens or stores; the time and the key are arguments.

A subscription's callback address ends in a token that nobody can guess, and its deliveries are signed with a secret.
Both are derived from the subscription's salt and one key that is kept outside of the database, so that who reads the
database, or a copy of it, can neither forge a delivery nor end a subscription.

Source: W3C WebSub, https://www.w3.org/TR/websub/ (sections 5 subscribing, 7 content distribution, 8 security).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import parse_qs

from pipeline.models import Offer, Subscription

SALT_BYTES = 16
#: The algorithms of section 7.1.1.
_ALGORITHMS = ("sha1", "sha256", "sha384", "sha512")
_SIGNATURE = re.compile(r"([a-zA-Z0-9]{1,10})=([0-9a-fA-F]{1,128})")
_CHALLENGE = re.compile(r"[!-~]{1,1000}")  # section 8.2: bounded, nothing binary
_MOST_PARAMETERS = 50
_LONGEST_QUERY = 10_000

#: A lease is renewed when a quarter of it is left, but no sooner than this after it began.
_SOONEST_RENEWAL = timedelta(minutes=10)
_LONGEST_LEASE = timedelta(days=90)
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=5), timedelta(days=1)
#: A hub that said no is asked again after so long; an end that a hub does not confirm is asked for so often.
_AFTER_DENIAL = timedelta(days=30)
#: Until then one that calls at the address of a subscription that ended is told that it is gone.
REMEMBERED = timedelta(days=90)
_MOST_GOODBYES = 5


@dataclass(frozen=True, slots=True)
class Secrets:
    """What is derived from the key. Shows nothing of it when printed."""

    key: bytes = field(repr=False)

    def token(self, salt: str) -> str:
        """The last part of the callback address of the subscription with ``salt``."""
        return self._derived("callback", salt)

    def secret(self, salt: str) -> str:
        """``hub.secret`` of the subscription with ``salt``: 64 characters, less than the 200 bytes allowed."""
        return self._derived("secret", salt)

    def _derived(self, purpose: str, salt: str) -> str:
        return hmac.new(self.key, f"watchfloor websub {purpose} {salt}".encode(), hashlib.sha256).hexdigest()


def token_hash(token: str) -> str:
    """What the database knows of a callback address's token: enough to find it, not enough to make it."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


# --- what to ask hubs


Action = Literal["subscribe", "renew", "end", "goodbye"]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: subscribe (anew), renew, end what is not wanted any more, tell the hub so once more.

    ``subscription`` is None for an offer that was never subscribed to.
    """

    action: Action
    offer: Offer
    subscription: Subscription | None = None


def plan(
    offers: Iterable[Offer], subscriptions: Iterable[Subscription], now: datetime, public_url: str, secrets: Secrets
) -> list[Step]:
    """What is to be done at ``now`` so that there is one subscription for each offer and no other, ends first.

    A subscription is wanted as long as its feed is configured and names the same hub and topic. One that cannot be
    reached any more (another ``public_url``, another key) is made anew.
    """
    wanted = {offer.feed_id: offer for offer in offers}
    ends: list[Step] = []
    asks: list[Step] = []
    for subscription in subscriptions:
        offer = Offer(subscription.feed_id, subscription.hub, subscription.topic)
        if wanted.get(offer.feed_id) == offer:
            del wanted[offer.feed_id]
            action = _next(subscription, now, public_url, secrets)
            if action is not None:
                asks.append(Step(action, offer, subscription))
        elif subscription.state != "ended":
            ends.append(Step("end", offer, subscription))
        elif _is_due(subscription, now):
            ends.append(Step("goodbye", offer, subscription))
    return [*ends, *asks, *(Step("subscribe", offer) for offer in wanted.values())]


def _next(subscription: Subscription, now: datetime, public_url: str, secrets: Secrets) -> Action | None:
    """What a subscription that is wanted needs now."""
    is_ours = token_hash(secrets.token(subscription.salt)) == subscription.token_hash
    if subscription.state == "ended" or subscription.public_url != public_url or not is_ours:
        return "subscribe"
    if subscription.next_try_at is not None:  # asked, but neither confirmed nor due to be asked again
        return "renew" if _is_due(subscription, now) else None
    begun, ends = subscription.verified_at, subscription.lease_ends_at
    if begun is None or ends is None:
        return "renew"
    return "renew" if now >= max(ends - (ends - begun) / 4, begun + _SOONEST_RENEWAL) else None


def _is_due(subscription: Subscription, now: datetime) -> bool:
    """Also when the next try lies further ahead than any wait: it was written while the clock was wrong."""
    at = subscription.next_try_at
    return at is not None and (at <= now or at > now + _AFTER_DENIAL + _LONGEST_WAIT)


def next_try(failures: int, now: datetime, retry_after: datetime | None = None) -> datetime:
    """When to ask again after so many ``failures`` in a row: 5 minutes, doubling up to a day, or as the hub says."""
    wait = min(_FIRST_WAIT * (1 << min(max(failures - 1, 0), 20)), _LONGEST_WAIT)
    return max(now + wait, min(retry_after or now, now + _AFTER_DENIAL))


def goes_on_saying_goodbye(failures: int) -> bool:
    """True while a hub that did not take the end of a subscription is told once more; then its lease runs out."""
    return failures < _MOST_GOODBYES


def form(
    subscription: Subscription, secrets: Secrets, lease: timedelta, mode: Literal["subscribe", "unsubscribe"]
) -> dict[str, str]:
    """The fields of the request to the hub (section 5.1). The secret goes along whatever the hub's scheme is.

    The specification wants it over https only. It protects nothing but this subscription's deliveries, so over plain
    http it is still better known to few than deliveries taken from anyone.
    """
    fields = {
        "hub.mode": mode,
        "hub.topic": subscription.topic,
        "hub.callback": subscription.public_url + secrets.token(subscription.salt),
    }
    if mode == "subscribe":
        fields |= {
            "hub.lease_seconds": str(int(lease.total_seconds())),
            "hub.secret": secrets.secret(subscription.salt),
        }
    return fields


# --- what to answer them


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a hub's question, and what is learned from it. ``denied`` is the reason, when it said no."""

    status: int
    body: bytes = b""
    lease_ends_at: datetime | None = None  # verified until then
    denied: str | None = None
    is_over: bool = False


NOT_OURS = Answer(404)


def answer(subscription: Subscription | None, query: str, now: datetime, lease: timedelta) -> Answer:
    """The answer to a GET of the callback address with ``query`` (sections 5.2 and 5.3).

    404 for whatever was not asked for: an unknown address (``subscription`` is None), another topic, a mode that does
    not fit, a challenge that is too long or not plain ASCII.
    """
    asked = _parameters(query)
    if subscription is None or asked is None or asked.get("hub.topic") != subscription.topic:
        return NOT_OURS
    mode, challenge = asked.get("hub.mode"), asked.get("hub.challenge", "")
    is_wanted = subscription.state in ("requested", "active", "failed")
    if mode == "denied" and is_wanted:
        return Answer(200, denied=_plain(asked.get("hub.reason", "")))
    if not _CHALLENGE.fullmatch(challenge):
        return NOT_OURS
    if mode == "subscribe" and is_wanted:
        return Answer(200, challenge.encode(), lease_ends_at=now + _lease(asked.get("hub.lease_seconds", ""), lease))
    if mode == "unsubscribe" and subscription.state == "ended":
        return Answer(200, challenge.encode(), is_over=True)
    return NOT_OURS


def after_denial(now: datetime) -> datetime:
    """When a hub that said no is asked again."""
    return now + _AFTER_DENIAL


def _parameters(query: str) -> dict[str, str] | None:
    """The parameters of ``query``; None for one that names a parameter of ours twice, or is no query."""
    if len(query) > _LONGEST_QUERY:
        return None
    try:
        found = parse_qs(query, keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        return None
    if any(len(values) > 1 for name, values in found.items() if name.startswith("hub.")):
        return None
    return {name: values[0] for name, values in found.items()}


def _lease(text: str, asked: timedelta) -> timedelta:
    """The lease that a hub gives, in seconds; the one asked for when it says nothing that can be one."""
    seconds = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0
    return min(timedelta(seconds=seconds) or asked, _LONGEST_LEASE)


def _plain(text: str) -> str:
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())[:200]


# --- whether a delivery is genuine


def is_signed(header: str | None, body: bytes, secret: str) -> bool:
    """True when ``header`` (X-Hub-Signature, section 7.1) is the HMAC of ``body`` with ``secret``."""
    found = _SIGNATURE.fullmatch(header.strip()) if header is not None else None
    if found is None or found[1].lower() not in _ALGORITHMS:
        return False
    expected = hmac.new(secret.encode(), body, found[1].lower()).hexdigest()
    return hmac.compare_digest(expected, found[2].lower())


def is_feed_type(content_type: str) -> bool:
    """False for a Content-Type that cannot be a feed: pictures, sound, forms. What it is, reading the body tells."""
    kind = content_type.partition(";")[0].strip().lower()
    return not kind.startswith(("image/", "audio/", "video/", "font/", "multipart/", "application/x-www-form"))


def in_words(row: Mapping[str, object]) -> str:
    """How a subscription stands, for the operator: a row of the table ``subscriptions``."""
    hub, error = row["hub"], row["last_error"]
    if row["state"] == "active":
        trouble = f"; it could not be renewed: {error}" if error else ""
        return f"pushed by {hub} until {row['lease_ends_at']}{trouble}"
    if row["state"] == "denied":
        return f"the hub {hub} refuses to push" + (f": {error}" if error else "")
    if row["state"] == "failed":
        return f"no subscription at the hub {hub}: {error}"
    return f"the hub {hub} was asked, and has not asked back" + (f"; {error}" if error else "")
