"""Mentions by local day, out of the counts by hour (UTC) that the database keeps. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

#: The first hour that belongs to it, and the first that no longer does, as the database writes them: 2026-11-27T09.
Span = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Window:
    """Some local ``days``, the last of which is today, in hours of UTC. Of each day there are two ``spans``: one until
    the time of day up to which today's hours have ended (``until``; None in the first hour of a day), and the rest."""

    days: tuple[date, ...]
    until: time | None
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Daily:
    """Mentions of each entity on each of the ``days``; ``so_far`` only those until the same time of day (``until``), so
    that today can be compared with the days before."""

    days: tuple[date, ...]
    until: time | None
    counts: Mapping[str, tuple[int, ...]]
    so_far: Mapping[str, tuple[int, ...]]


def window(now: datetime, zone: ZoneInfo, days: int) -> Window:
    """The last ``days`` local days of ``zone`` up to ``now``, with those on which clocks change as long as they are.

    An hour belongs to the day in which it begins: where a zone is half an hour off, the half hour after midnight counts
    as the evening's.
    """
    today = now.astimezone(zone).date()
    shown = tuple(today - timedelta(days=days - 1 - number) for number in range(days))
    ended = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0).astimezone(zone)
    until = ended.time() if ended.date() == today and ended.time() != time.min else None
    spans: list[Span] = []
    for day, following in pairwise((*shown, today + timedelta(days=1))):
        cuts = [(day, time.min), (day, until or time.min), (following, time.min)]
        spans += pairwise(_first_hour(datetime.combine(*cut, tzinfo=zone)) for cut in cuts)
    return Window(shown, until, tuple(spans))


def _first_hour(moment: datetime) -> str:
    """The first hour that begins at ``moment`` or later."""
    return f"{moment.astimezone(UTC) + timedelta(minutes=59):%Y-%m-%dT%H}"


def daily(shown: Window, counted: Iterable[tuple[int, str, int]]) -> Daily:
    """The days of a window, out of what was counted: the number of the span, the entity, its mentions."""
    counts: dict[str, list[int]] = {}
    so_far: dict[str, list[int]] = {}
    for span, entity, mentions in counted:
        day, is_later = divmod(span, 2)
        none = [0] * len(shown.days)
        counts.setdefault(entity, none.copy())[day] += mentions
        so_far.setdefault(entity, none)[day] += 0 if is_later else mentions
    return Daily(
        shown.days,
        shown.until,
        {entity: tuple(numbers) for entity, numbers in counts.items()},
        {entity: tuple(numbers) for entity, numbers in so_far.items()},
    )
