"""Values about feeds: how they are polled, what a poll brought, and what it means for the next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

#: What one poll of a feed came to; kept in ``fetches.outcome``.
Outcome = Literal["ok", "unchanged", "not_modified", "gone", "error"]

#: How a feed stands; kept in ``feeds.state``.
FeedState = Literal["ok", "error", "backoff", "gone", "moved", "disabled"]

#: How heavy a failure weighs: gone by itself soon, in a while, or only when somebody changes something.
Weight = Literal["temporary", "soft", "hard"]

#: How a subscription at a hub stands; kept in ``subscriptions.state``.
SubscriptionState = Literal["requested", "active", "denied", "failed", "ended"]


@dataclass(frozen=True, slots=True)
class Hints:
    """When a feed asks to be polled, in its own words: RSS ttl, skipHours, skipDays, sy:updatePeriod."""

    wait: timedelta | None = None  # the longest that it asks for between two polls
    skip_hours: frozenset[int] = frozenset()  # of the day in UTC, 0 to 23
    skip_days: frozenset[int] = frozenset()  # of the week in UTC, 0 is Monday


@dataclass(frozen=True, slots=True)
class FeedLinks:
    """What a feed names besides its items; absolute http(s) addresses."""

    hubs: tuple[str, ...] = ()  # WebSub
    topic: str | None = None  # rel=self: what a hub knows the feed by
    older: str | None = None  # RFC 5005: rel=next or rel=prev-archive


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed as it is known before a poll: the configuration joined with what earlier polls left."""

    id: str
    url: str
    configured_url: str
    state: FeedState = "ok"
    etag: str | None = None
    last_modified: str | None = None
    validators_url: str | None = None  # the address that gave etag and last_modified
    body_hash: str | None = None  # of the last body whose items are stored
    interval_s: int = 1800
    failures: int = 0
    rhythm_s: int | None = None  # mean seconds between its items; None until that can be told
    last_item_at: datetime | None = None  # when its newest item was published, or first seen where it has no date
    last_polled_at: datetime | None = None
    last_success_at: datetime | None = None
    hints: Hints = Hints()
    next_poll_at: datetime | None = None
    hold_until: datetime | None = None  # set by the server (Retry-After); not even --force polls before


@dataclass(frozen=True, slots=True)
class Hop:
    """One request of a fetch, and what it was answered."""

    url: str
    conditional: bool  # carried validators
    status: int | None = None  # None: no answer came


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one poll brought back. ``body`` is decoded from its transfer encoding, never from its charset."""

    feed_id: str
    outcome: Outcome
    started_at: datetime
    finished_at: datetime
    url: str  # the address that answered last
    permanent_url: str | None = None  # where permanent redirects led, if any
    status: int | None = None
    content_type: str = ""
    etag: str | None = None
    last_modified: str | None = None
    fresh_until: datetime | None = None  # nothing new is to be expected before (Cache-Control, Expires)
    retry_after: datetime | None = None
    received_bytes: int = 0
    body: bytes = b""
    error: str | None = None
    weight: Weight = "soft"  # of the error
    hops: tuple[Hop, ...] = ()
    links: FeedLinks = FeedLinks()  # of its Link headers


@dataclass(frozen=True, slots=True)
class Posted:
    """What a form that was sent came to: it was taken when ``error`` is None."""

    error: str | None = None
    retry_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """A feed whose new items a hub offers to push; ``topic`` is what the hub knows the feed by."""

    feed_id: str
    hub: str
    topic: str


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription of a feed at a hub (WebSub). Holds no secret: see ``websub.Secrets``."""

    id: int
    feed_id: str
    hub: str
    topic: str
    public_url: str  # what its callback address began with when it was asked for
    salt: str  # what its callback address and secret are derived from, with the key
    token_hash: str  # of the callback address's last part
    state: SubscriptionState
    requested_at: datetime  # the hub was asked last
    verified_at: datetime | None = None  # the hub asked back, and the lease began
    lease_ends_at: datetime | None = None
    failures: int = 0  # requests in a row that led to nothing (yet)
    last_error: str | None = None
    next_try_at: datetime | None = None  # of what was asked and is not confirmed; None: nothing is open


@dataclass(frozen=True, slots=True)
class RunReport:
    """One pass over the feeds. ``feeds_ok`` counts those that gave a body; the four partition the polled."""

    feeds_polled: int = 0
    feeds_ok: int = 0
    feeds_not_modified: int = 0
    feeds_failed: int = 0
    items_seen: int = 0
    items_new: int = 0
    items_updated: int = 0
    mentions: int = 0
    seconds: float = 0.0
    pages: int = 0  # whose text took the place of the feed's


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What a body brought, as the schedule sees it: ``new`` of ``seen`` items were not stored yet."""

    seen: int
    new: int
    dates: tuple[datetime, ...] = ()  # when its items were published, newest first, none in the future
    gap: bool = False
    hints: Hints = Hints()


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which items may have come and gone unseen: between two polls that share no item."""

    from_at: datetime  # the last successful poll before
    to_at: datetime
    newest_before: datetime | None = None  # when the newest stored item was published
    oldest_after: datetime | None = None  # when the oldest item of the later poll was
    missing: int | None = None  # how many would have fitted between, by the feed's rhythm


@dataclass(frozen=True, slots=True)
class Plan:
    """What a poll means for the feed's next one. ``next_poll_at`` is None when the feed is not polled any more."""

    state: FeedState
    failures: int
    interval_s: int
    next_poll_at: datetime | None
    hold_until: datetime | None
    rhythm_s: int | None = None
    last_item_at: datetime | None = None
    gives_up_move: bool = False  # the address that the feed moved to is dead: the configured one is asked again
