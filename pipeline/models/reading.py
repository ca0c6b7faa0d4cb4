"""Values that are read from the store for people: for review, digests and exports."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

#: What an analyst can say of an item or a mention; kept in ``verdicts.verdict``.
Decision = Literal["relevant", "irrelevant", "escalated"]  # a verdict on a whole story
Verdict = Literal[Decision, "wrong_tag", "missed_tag"]

#: Text in pieces; True marks what was tagged.
Excerpt = tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class ItemRow:
    """A stored item with its mentions and the verdict that stands, as plain values."""

    item: dict[str, Any]
    mentions: tuple[dict[str, Any], ...]
    verdict: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Covered:
    """What one digest covers: what was first seen from ``since`` until before ``until``, and what was stored too late
    for the digest before: items above ``after`` that were first seen before ``since``."""

    since: datetime
    until: datetime
    after: int | None = None  # the last item of the digest before; None: there was none


@dataclass(frozen=True, slots=True)
class DayRow:
    """Everything that the digest of one day is made from, as plain values.

    ``items`` are tagged ones, without mentions that somebody called wrong; their verdict is that on their story.
    """

    items: tuple[ItemRow, ...]
    items_new: int  # all items, tagged or not
    first_item_id: int | None
    last_item_id: int | None
    entities: tuple[dict[str, Any], ...]
    outlets: Mapping[int, tuple[str, ...]]  # of each story: the feeds that had it by then, the first one first
    feeds: tuple[dict[str, Any], ...]  # as they stood at the end: polls, failures, last outcome and error, last success
    gaps: tuple[dict[str, Any], ...] = ()
    skipped: tuple[dict[str, Any], ...] = ()  # per feed and reason: what could not be read
    decided: Mapping[str, int] = dataclasses.field(default_factory=dict)  # verdict → how many were given
    awaiting: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: a digest or an alert, in every form that a target takes. Charts in ``html`` are data: images."""

    kind: Literal["digest", "alert"]
    about: str  # the digest's date, or the alert's name
    subject: str
    text: str
    markdown: str
    html: str
    json: str
    created_at: datetime
    id: int | None = None  # its own in the database, once it is there


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


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tagged items are wanted: those that meet all that is given. Of several ``entities`` one is enough.

    ``since`` and until before ``until`` they were first seen; ``verdict`` may be ``none``: nobody decided yet.
    """

    since: datetime | None = None
    until: datetime | None = None
    entities: tuple[str, ...] = ()
    verdict: str | None = None
    feed: str | None = None
    language: str | None = None
    words: str | None = None
