"""Which of what is to be told goes into one message. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.models import Excerpt


@dataclass(frozen=True, slots=True)
class Told:
    """One story, or one unusual count, that an alert tells of.

    ``title`` says what; ``detail`` is a line of facts, ``proof`` why it was tagged. ``item_id`` and ``story_id`` are
    None for a count. ``rank``: the best is told first. ``in_quiet``: it was found in quiet hours.
    """

    id: int
    entities: tuple[str, ...]
    title: str
    detail: str
    found_at: datetime
    rank: float = 0.0
    in_quiet: bool = False
    item_id: int | None = None
    story_id: int | None = None
    url: str | None = None
    feed: str = ""
    excerpt: Excerpt = ()
    proof: str = ""


def grouped(waiting: Sequence[Told], room: int) -> list[list[Told]]:
    """The messages to make now, each of one or several; at most ``room``. What finds no room waits.

    What was found in quiet hours goes into one message. Of the rest each has its own, best first, as long as there is
    room; where there is more, the last message holds all that is left.
    """
    if room < 1 or not waiting:
        return []
    ordered = sorted(waiting, key=lambda told: (-told.rank, told.id))
    night = [told for told in ordered if told.in_quiet]
    groups = [night] if night else []
    rest = [told for told in ordered if not told.in_quiet]
    left = room - len(groups)
    if len(rest) > left:
        if left == 0:
            return [ordered]
        groups += [[told] for told in rest[: left - 1]]
        groups.append(rest[left - 1 :])
    else:
        groups += [[told] for told in rest]
    return groups
