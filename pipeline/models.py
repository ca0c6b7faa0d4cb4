"""The values that flow from stage to stage: frozen, plain, without behaviour of their own.

Times are timezone-aware ``datetime`` in UTC. Text is plain text; offsets count Unicode characters.
Nothing here reads a file, a clock, the network or the database.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

#: The texts of an item, in reading order.
FIELDS = ("title", "summary", "content")

#: What one poll of a feed came to; kept in ``fetches.outcome``.
Outcome = Literal["ok", "unchanged", "not_modified", "gone", "error"]

#: How a feed stands; kept in ``feeds.state``.
FeedState = Literal["ok", "error", "backoff", "gone", "moved", "disabled"]

#: How heavy a failure weighs: gone by itself soon, in a while, or only when somebody changes something.
Weight = Literal["temporary", "soft", "hard"]

#: How a subscription at a hub stands; kept in ``subscriptions.state``.
SubscriptionState = Literal["requested", "active", "denied", "failed", "ended"]

#: What an analyst can say of an item or a mention; kept in ``verdicts.verdict``.
Decision = Literal["relevant", "irrelevant", "escalated"]  # a verdict on a whole story
Verdict = Literal[Decision, "wrong_tag", "missed_tag"]


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
class Item:
    """One entry of a feed, cleaned: as it is stored."""

    guid: str
    url: str | None
    canonical_url: str | None
    title: str
    summary: str
    content: str
    author: str | None
    language: str | None
    published_at: datetime | None
    content_hash: str


@dataclass(frozen=True, slots=True)
class ParsedFeed:
    """One body, read. ``entries`` counts what the body held, ``items`` are the distinct ones.

    ``skipped`` counts by reason what the body held and ``items`` do not.
    """

    title: str
    items: tuple[Item, ...]
    entries: int
    skipped: Mapping[str, int] = dataclasses.field(default_factory=dict)
    hints: Hints = Hints()
    links: FeedLinks = FeedLinks()


@dataclass(frozen=True, slots=True)
class Document:
    """What is tagged: the fields of one item in reading order (name → plain text), its feed, and its language."""

    fields: Mapping[str, str]
    feed_id: str | None = None
    language: str | None = None  # ISO 639, as detected; None when it cannot be told


@dataclass(frozen=True, slots=True)
class Mention:
    """One span of one field, found by one rule, with its proof."""

    entity_id: str
    field: str
    start: int
    end: int
    text: str
    rule: str
    score: float
    evidence: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaggedItem:
    """An item with the mentions found in it, and the keys under which its copies are found (empty: not worked out)."""

    item: Item
    mentions: tuple[Mention, ...]
    keys: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Unfolded:
    """An item whose story is to be worked out, or one that may be its copy."""

    item_id: int
    feed_id: str
    canonical_url: str | None
    title: str
    summary: str
    content: str
    at: int  # seconds since 1970: when it was published, or first seen where that is earlier
    first_seen_at: str
    story_id: int | None
    keys: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Items found to be one story, together with all items of the ``stories`` that they join."""

    items: tuple[Unfolded, ...]
    stories: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Mentioned:
    """A mention as a version of an item keeps it: where it stood and which rule found it."""

    entity: str
    field: str
    start: int
    end: int
    text: str
    rule: str


@dataclass(frozen=True, slots=True)
class Said:
    """What an item says, or said once, and what was tagged in it; ``mentions`` is None where that was not kept."""

    title: str = ""
    summary: str = ""
    content: str = ""
    mentions: tuple[Mentioned, ...] | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """What storing one poll changed."""

    items_new: int = 0
    items_updated: int = 0
    mentions: int = 0


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


@dataclass(frozen=True, slots=True)
class ItemRow:
    """A stored item with its mentions and the verdict that stands, as plain values."""

    item: dict[str, Any]
    mentions: tuple[dict[str, Any], ...]
    verdict: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class DayRow:
    """Everything that the digest of one day is made from."""

    items: tuple[ItemRow, ...]  # tagged items first seen in the day
    items_new: int  # all items first seen in the day, tagged or not
    entities: tuple[dict[str, Any], ...]
    feeds: tuple[dict[str, Any], ...]
    fetches: tuple[dict[str, Any], ...]  # per feed: polls, failures and the last error within the day
    gaps: tuple[dict[str, Any], ...] = ()  # found within the day
    skipped: tuple[dict[str, Any], ...] = ()  # per feed and reason: what could not be read within the day


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which stories of the review queue are wanted: those that meet all that is not None. ``day`` is a local date.

    ``words`` is what a person typed into the search field.
    """

    state: str = "awaiting"
    entity: str | None = None
    feed: str | None = None
    language: str | None = None
    day: str | None = None
    words: str | None = None
