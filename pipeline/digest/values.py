"""What a digest says, as plain values, before it looks like anything. Its JSON form is these values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pipeline.models import Excerpt


@dataclass(frozen=True, slots=True)
class Proof:
    """Why an entity was tagged: the rule, how sure it is, and the words nearby that its condition found."""

    rule: str
    score: float
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One story under one entity, by the item that leads it. ``excerpt`` and ``proof`` are empty where the story was
    shown in full under ``shown_under`` before."""

    item_id: int
    story_id: int
    title: str
    url: str | None
    feed: str
    time: str  # local, HH:MM, or with the date when published on another day
    excerpt: Excerpt
    proof: tuple[Proof, ...]
    also: tuple[str, ...]  # names of the other entities that it mentions
    outlets: tuple[str, ...]  # the other feeds that had the story by the end of the day
    copies: int  # items of the story beside this one that came in this day
    since: str | None  # the local day of an earlier digest in which the story was new; None: it is new in this one
    verdict: str | None
    reviewer: str | None
    shown_under: str | None


@dataclass(frozen=True, slots=True)
class Section:
    """One entity with its stories, best first, and its mentions on each of the last ``days``, this day the last."""

    entity_id: str
    name: str
    kind: str
    days: tuple[int, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Unusual:
    """An entity with unusually many or few mentions: ``low`` to ``high`` is what nine days of ten have."""

    entity_id: str
    name: str
    mentions: int
    usual: int
    low: int
    high: int
    chance: float
    is_more: bool


@dataclass(frozen=True, slots=True)
class Edited:
    """An edit of a tagged item that changed its headline, a mention, a victim or an amount."""

    item_id: int
    title: str
    url: str | None
    feed: str
    time: str
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WeakRule:
    """A rule of whose judged mentions too few are right: surely no more than ``at_most`` of all that it finds."""

    rule: str
    entity: str
    right: int
    judged: int
    at_most: float


@dataclass(frozen=True, slots=True)
class Review:
    """Where the review stands: stories that await a verdict, verdicts of the day, rules that are wrong too often."""

    awaiting: int
    decided: dict[str, int]
    rules_judged: int
    weak_rules: tuple[WeakRule, ...]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A feed that could not be seen, or not the whole day."""

    feed_id: str
    is_blind: bool  # it did not answer at the end, or was not polled at all
    error: str
    last_success: str
    polls: int
    failures: int


@dataclass(frozen=True, slots=True)
class Unseen:
    """What a feed that answers may have kept from us: a gap, a strange silence, entries that could not be read."""

    feed_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Quiet:
    """An entity without a story. ``feeds`` are those that brought it in the last months, ``blind`` those of them that
    could not be seen."""

    entity_id: str
    name: str
    feeds: int
    blind: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was seen of the sources: healthy feeds answered each time, are not silent and left no gap."""

    feeds: int
    polled: int
    healthy: int
    troubles: tuple[Trouble, ...]
    unseen: tuple[Unseen, ...]
    quiet: tuple[Quiet, ...]


@dataclass(frozen=True, slots=True)
class Digest:
    """The report of one local day."""

    day: date
    timezone: str
    covers_from: str  # UTC
    covers_until: str
    first_item_id: int | None
    last_item_id: int | None
    headline: str
    items_new: int
    items_tagged: int
    stories: int  # that the tagged items are
    days: tuple[date, ...]  # of the charts
    unusual: tuple[Unusual, ...]
    unusual_reason: str  # why nothing can be said of what is unusual; empty when it can
    sections: tuple[Section, ...]
    edits: tuple[Edited, ...]
    review: Review
    coverage: Coverage
    watchlist_version: str
    program: str
