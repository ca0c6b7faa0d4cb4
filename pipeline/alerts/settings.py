"""``alerts:`` of config.yaml."""

from __future__ import annotations

from datetime import datetime, time
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from pipeline.targets import Target
from pipeline.values import Section, Whole, parse_time


def _parse_span(value: Any) -> tuple[time, time]:
    try:
        first, last = (parse_time(part.strip()) for part in str(value).split("-"))
    except ValueError:
        raise ValueError(f'{value!r} is no time of the day; write it in quotes: "22:00-07:00"') from None
    if first == last:
        raise ValueError(f"{value!r} is the whole day; leave out the alert instead")
    return first, last


class AlertSettings(Section):
    """Tell ``deliver`` at once of stories that mention one of the ``entities``, and of ``unusual`` counts of them.

    Without entities: of the stories of all, or, where ``unusual`` is true, of the unusual counts of all and no story.
    """

    name: Annotated[str, Field(min_length=1, max_length=64)]
    entities: tuple[str, ...] = ()
    unusual: bool = False
    quiet: Annotated[tuple[time, time] | None, BeforeValidator(_parse_span)] = None  # local; over midnight, too
    per_hour: Whole = Field(default=10, ge=1, le=1000)  # messages
    deliver: Annotated[tuple[Target, ...], Field(min_length=1)]

    @property
    def tells_stories(self) -> bool:
        """Whether it tells of stories, not of counts alone."""
        return bool(self.entities) or not self.unusual

    def is_about(self, entity: str) -> bool:
        """Whether it tells of this entity."""
        return not self.entities or entity in self.entities

    def is_quiet(self, local: datetime) -> bool:
        """Whether nothing is told at this time of the day."""
        if self.quiet is None:
            return False
        first, last = self.quiet
        now = local.time()
        return first <= now < last if first < last else now >= first or now < last
