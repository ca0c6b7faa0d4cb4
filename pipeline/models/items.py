"""Values about items: as they are read, tagged, folded and stored."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.models.feeds import FeedLinks, Hints

#: The texts of an item, in reading order.
FIELDS = ("title", "summary", "content")


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
    hints: Hints = Hints()  # noqa: RUF009 - frozen, so one serves all
    links: FeedLinks = FeedLinks()  # noqa: RUF009


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
