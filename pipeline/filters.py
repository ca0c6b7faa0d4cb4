"""Saved filters, as config.yaml names them: a link on the review queue, an Atom feed, an export. Pure."""

from __future__ import annotations

import re
from typing import Literal, get_args

from pydantic import field_validator, model_validator

from pipeline.models import Decision, QueueFilter, Wanted
from pipeline.values import Section

#: What a filter can ask of a verdict; ``none``: nobody decided yet.
WantedVerdict = Literal[Decision, "none"]
VERDICTS: tuple[str, ...] = get_args(WantedVerdict)


class SavedFilter(Section):
    """What is wanted, under an ``id``: all that is given must be met."""

    id: str
    name: str = ""
    entity: str | None = None
    feed: str | None = None
    language: str | None = None
    verdict: WantedVerdict | None = None
    words: str | None = None

    @field_validator("id")
    @classmethod
    def _check_id(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value):
            raise ValueError(f"the id {value!r} may hold only letters, digits, dot, hyphen and underscore; change it")
        return value

    @model_validator(mode="after")
    def _check_anything(self) -> SavedFilter:
        if not any((self.entity, self.feed, self.language, self.verdict, self.words)):
            raise ValueError("filters nothing; give one of entity, feed, language, verdict, words")
        return self

    @property
    def title(self) -> str:
        """What people call it."""
        return self.name or self.id

    @property
    def wanted(self) -> Wanted:
        """The same as exports take it."""
        entities = (self.entity,) if self.entity else ()
        return Wanted(None, None, entities, self.verdict, self.feed, self.language, self.words)

    @property
    def of_queue(self) -> QueueFilter:
        """The same as the queue takes it; a queue shows one state at a time: what awaits, where none is asked for."""
        state = self.verdict if self.verdict and self.verdict != "none" else "awaiting"
        return QueueFilter(state, self.entity, self.feed, self.language, None, self.words)
