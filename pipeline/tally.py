"""Mentions by local day, out of the counts by hour (UTC) that the database keeps. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

#: The first hour that belongs to it, and the first that no longer does, as the database writes them: 2026-11-27T09.
Span = tuple[str, str]
#: (entity, feed) → place of the day → mentions.
ByFeed = Mapping[tuple[str, str], Mapping[int, int]]


@dataclass(frozen=True, slots=True)
class Window:
    """Some local ``days``, the last of which is today, in hours of UTC. Of each day there are two ``spans``: one until
    the time of day up to which today's hours have ended (``until``; None in the first hour of a day), and the rest."""

    days: tuple[date, ...]
    until: time | None
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Daily:
    """Mentions of each entity on each of the ``days``; ``by_feed``: (entity, feed) → place of the day → how many.

    ``so_far`` and ``so_far_by_feed`` count only those until the same time of day (``until``), so that today can be
    compared with the days before.
    """

    days: tuple[date, ...]
    until: time | None
    counts: Mapping[str, tuple[int, ...]]
    so_far: Mapping[str, tuple[int, ...]]
    by_feed: ByFeed
    so_far_by_feed: ByFeed


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


def daily(shown: Window, counted: Iterable[tuple[int, str, str, int]]) -> Daily:
    """The days of a window, out of what was counted: the number of the span, the entity, the feed, its mentions."""
    whole: dict[tuple[str, str], dict[int, int]] = {}
    so_far: dict[tuple[str, str], dict[int, int]] = {}
    for span, entity, feed, mentions in counted:
        day, is_later = divmod(span, 2)
        for counts in (whole,) if is_later else (whole, so_far):
            days = counts.setdefault((entity, feed), {})
            days[day] = days.get(day, 0) + mentions
    number = len(shown.days)
    return Daily(shown.days, shown.until, _summed(whole, number), _summed(so_far, number), whole, so_far)


def watched(mentions: Daily, zone: ZoneInfo, answered: Iterable[tuple[str, str, str]]) -> dict[str, set[int]]:
    """Feed → places of the local days on which it answered, without the first on which it ever did, and the first after
    a day (UTC) on which it did not: those bring more than a day's news.

    ``answered`` has a row for each feed: its id, the first day (UTC) of all, and the days (UTC) that are asked for,
    with spaces between. A feed that it does not know, whose items another program has stored, counts as watched since
    its first mention.
    """
    days = mentions.days
    of_day: dict[str, list[int]] = {}
    for place, day in enumerate(days):
        for moment in (time.min, time.max):
            places = of_day.setdefault(datetime.combine(day, moment, zone).astimezone(UTC).date().isoformat(), [])
            if place not in places:
                places.append(place)
    earliest, before = min(of_day), {day: (date.fromisoformat(day) - timedelta(days=1)).isoformat() for day in of_day}
    found = {}
    for feed, first, listed in answered:
        on = of_day.keys() & listed.split()
        fresh = {day for day in on if day == first or (day != earliest and before[day] not in on)}
        found[feed] = {place for day in on for place in of_day[day]} - {place for day in fresh for place in of_day[day]}
    firsts: dict[str, int] = {}
    for (_, feed), known in mentions.by_feed.items():
        if feed not in found:
            firsts[feed] = min(*known, firsts.get(feed, len(days)))
    return found | {feed: set(range(first + 1, len(days))) for feed, first in firsts.items()}


def _summed(by_feed: ByFeed, days: int) -> dict[str, tuple[int, ...]]:
    sums: dict[str, list[int]] = {}
    for (entity, _), of_days in by_feed.items():
        numbers = sums.setdefault(entity, [0] * days)
        for day, count in of_days.items():
            numbers[day] += count
    return {entity: tuple(numbers) for entity, numbers in sums.items()}
