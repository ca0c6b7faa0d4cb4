"""What a reader of one format finds in a body: a value between the readers and ``parse``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pipeline.models import FeedLinks, Hints, Item

#: Why something that a body held is no item of it; the keys of ``ParsedFeed.skipped``.
#:   deleted     a tombstone (RFC 6721): the publisher took an entry back; no error, no entry
#:   cut_off     the last entry of a body that ends in the middle, before what would identify it
#:   not_object  an element of a JSON Feed's ``items`` that is no object
#:   empty       an entry without id, link and words
#:   unreadable  an entry that the body begins but its markup, or a value in it, is broken beyond reading
#:   repeated    one more copy of an entry of the same body
Skip = Literal["deleted", "cut_off", "not_object", "empty", "unreadable", "repeated"]


@dataclass(frozen=True, slots=True)
class Contents:
    """A body's parts as its format says them: every item, repeated or not, and what is none, by reason."""

    title: str
    items: list[Item]
    skipped: Mapping[Skip, int] = field(default_factory=dict)
    hints: Hints = field(default_factory=Hints)
    links: FeedLinks = field(default_factory=FeedLinks)
