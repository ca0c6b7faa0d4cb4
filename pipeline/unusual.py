"""Which counts of a day are unusual against the days before. Pure.

Like is compared with like: only feeds count that were watched on the day and on enough days before, each with what it
brought on the days on which it was watched. So feeds that come or go, and the stock that a new one brings on its first
day, are no news. A day's mean is what these feeds bring of late (older days weigh less), times the rhythm of the week,
which all entities share. Days scatter around it as draws of a negative binomial distribution: a Poisson distribution
whose mean is uncertain, since days differ among themselves (overdispersion, by the method of moments, drawn towards
that of all entities) and since the mean is known from as many days only as there are (a Gamma posterior with Jeffreys'
prior). A remark is made where chance alone brings a count so far out on less than one day in 200 (``LEVEL``), so that
the false alarms of an entity do not depend on how many others there are. Of many entities some are that far out on any
day: Benjamini and Hochberg's procedure keeps the share of false ones among the remarks below ``SHARE``, too.

Sources: Bliss and Fisher 1953, Fitting the negative binomial distribution; Gelman et al., Bayesian Data Analysis, 2.6;
Benjamini and Hochberg 1995, Controlling the false discovery rate. How well it works: docs/unusual.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date

#: Fewer days than these tell nothing of what is usual.
LEAST_DAYS = 14
#: Days that are looked at before the one that is judged.
MOST_DAYS = 56
#: A remark is made of what is less likely than this, of one entity on one day. Half of the false alarms that would be
#: bearable (one of an entity in 100 days), since the distribution is an estimate.
LEVEL = 0.005
#: How many of the remarks of a day may be false, on average over days.
SHARE = 0.2
#: A day counts half as much as one that is so many days younger.
_HALF_LIFE = 21
#: How strongly the rhythm of the week is drawn to none, in mentions, and overdispersion to that of all, in days.
_CALM_WEEK, _CALM_DAYS = 40.0, 20.0
#: How much of the chance of a false remark is spent on what is more: an analyst seldom asks about what is less.
_TO_MORE = 0.8
#: The range that is called usual holds nine days of ten.
_LOW, _MIDDLE, _HIGH = 0.05, 0.5, 0.95


@dataclass(frozen=True, slots=True)
class Counts:
    """What was mentioned on each of the ``days``, the last of which is judged; places after it do not count.

    ``mentions``: (entity, feed) → place of the day → how many. ``watched``: feed → places of the days on which it was
    watched, without the first and the first after a pause, which bring all that is in stock. ``entities`` are all that
    could be mentioned.
    """

    days: Sequence[date]
    mentions: Mapping[tuple[str, str], Mapping[int, int]]
    watched: Mapping[str, Set[int]]
    entities: Sequence[str]


@dataclass(frozen=True, slots=True)
class Expected:
    """The negative binomial distribution of what a day brings: its ``mean``, and its ``size``: the variance is
    mean + mean² / size, so the larger it is, the nearer is Poisson's."""

    mean: float
    size: float

    def at_most(self, count: int) -> float:
        """The chance of ``count`` or fewer."""
        return min(1.0, math.fsum(self._chance(number) for number in range(count + 1)))

    def at_least(self, count: int) -> float:
        """The chance of ``count`` or more."""
        if count <= self.mean:
            return max(0.0, 1 - self.at_most(count - 1))
        # beyond the mean each chance is smaller than the one before; 1 minus the others would lose all digits
        sum_, chance = 0.0, self._chance(count)
        while chance > sum_ * 1e-12:
            sum_ += chance
            count += 1
            chance = self._chance(count)
        return sum_

    def quantile(self, share: float) -> int:
        """The smallest count that is not exceeded with a chance of at least ``share``."""
        count, sum_ = 0, self._chance(0)
        while sum_ < share:
            count += 1
            sum_ += self._chance(count)
        return count

    def _chance(self, count: int) -> float:
        return math.exp(
            math.lgamma(count + self.size)
            - math.lgamma(self.size)
            - math.lgamma(count + 1)
            - self.size * math.log1p(self.mean / self.size)
            - count * math.log1p(self.size / self.mean)
        )


@dataclass(frozen=True, slots=True)
class Remark:
    """An entity with unusually many or few mentions in the feeds that can be compared: ``mentions``, usually ``usual``
    (``low`` to ``high``).

    ``chance`` is how likely a count so far from the middle is where nothing is unusual, corrected for the number of
    entities.
    """

    entity_id: str
    mentions: int
    usual: int
    low: int
    high: int
    chance: float

    @property
    def is_more(self) -> bool:
        """Whether there were more than usual, not fewer."""
        return self.mentions > self.usual


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is unusual of a day, the least likely first; None where it cannot be said, and ``reason`` says why."""

    remarks: tuple[Remark, ...] | None
    reason: str = ""


def judge(counts: Counts) -> Judgement:
    """The entities whose count on the last day is unusual."""
    if not counts.entities:
        return Judgement(None, "Nothing is watched.")
    today = len(counts.days) - 1
    first = max(0, today - MOST_DAYS)
    before = {feed: frozenset(day for day in days if first <= day < today) for feed, days in counts.watched.items()}
    observed = len(frozenset().union(*before.values()))
    if observed < LEAST_DAYS:
        return Judgement(None, f"Not yet: {LEAST_DAYS} days are needed, there are {observed}.")
    likes = {feed: days for feed, days in before.items() if len(days) >= LEAST_DAYS and today in counts.watched[feed]}
    if not likes:
        return Judgement(
            None, f"No feed was watched on this day and on {LEAST_DAYS} days before it, without a pause before."
        )
    return Judgement(tuple(_remarks(counts, likes, today)))


def expected(counts: Counts, likes: Mapping[str, Set[int]], today: int) -> dict[str, Expected]:
    """What the day that is judged brings of each entity, in the feeds ``likes`` (each with the days that tell it)."""
    groups: dict[Set[int], set[str]] = {}
    for feed, days in likes.items():
        groups.setdefault(days, set()).add(feed)
    group_of = {feed: number for number, feeds in enumerate(groups.values()) for feed in feeds}
    history = _History(tuple(groups), counts, group_of, today)
    week = history.week()
    usual = {entity: history.usual(entity, week) for entity in counts.entities}
    scatters = {entity: history.scatter(entity, means, week) for entity, means in usual.items()}
    shared = _shared(scatters.values())
    all_ = math.fsum(map(math.fsum, usual.values())) or 1.0
    found = {}
    for entity, means in usual.items():
        own = scatters[entity]
        rate = math.fsum(means)
        differing = max((own.days * own.differing + _CALM_DAYS * shared) / (own.days + _CALM_DAYS), 0.0)
        known = rate * history.days + 0.5
        # mean and rhythm are told from the same days: those lie nearer to them than the day that is judged
        fitted = 1 + 6 * rate / all_
        differing *= 1 + 2 * fitted / history.days
        mean = (known / history.days) * week[counts.days[today].weekday()]
        found[entity] = Expected(mean, 1 / (differing + 1 / known))
    return found


@dataclass(frozen=True, slots=True)
class _Scatter:
    """How much the days of an entity differ beyond Poisson: ``above`` / ``below`` is the excess of the variance in
    units of the squared mean; ``days`` is how many days it is known from, those of few mentions telling little."""

    above: float
    below: float
    days: float

    @property
    def differing(self) -> float:
        return self.above / self.below if self.below else 0.0


def _shared(scatters: Iterable[_Scatter]) -> float:
    """How much the days of all entities differ."""
    above, below = (math.fsum(part) for part in zip(*((one.above, one.below) for one in scatters), strict=True))
    return max(above / below, 0.0) if below else 0.0


class _History:
    """The days before, by groups of feeds that were watched on the same days."""

    def __init__(self, groups: Sequence[Set[int]], counts: Counts, group_of: Mapping[str, int], today: int) -> None:
        self._groups = groups
        self._weight = {day: 0.5 ** ((today - day) / _HALF_LIFE) for group in groups for day in group}
        self._weekday = {day: counts.days[day].weekday() for day in self._weight}
        self._seen: dict[str, list[dict[int, int]]] = {entity: [{} for _ in groups] for entity in counts.entities}
        for (entity, feed), mentions in counts.mentions.items():
            group = group_of.get(feed)
            if group is not None and entity in self._seen:
                days = self._seen[entity][group]
                for day in mentions.keys() & groups[group]:
                    days[day] = days.get(day, 0) + mentions[day]
        weights = self._weight.values()
        # as many days that all weigh the same would tell as much
        self.days = math.fsum(weights) ** 2 / math.fsum(weight * weight for weight in weights)

    def week(self) -> list[float]:
        """How much more than on another day each day of the week brings, of all entities together; Monday first."""
        even = [1.0] * 7
        seen, usual = [0.0] * 7, [0.0] * 7
        for entity in self._seen:
            means = self.usual(entity, even)
            for day, weekday in self._weekday.items():
                seen[weekday] += self._on(entity, day)
                usual[weekday] += self._mean(means, day)
        return [(was + _CALM_WEEK) / (should + _CALM_WEEK) for was, should in zip(seen, usual, strict=True)]

    def usual(self, entity: str, week: Sequence[float]) -> list[float]:
        """The mean of a day in each group, without the rhythm of the week."""
        return [
            math.fsum(self._weight[day] * count for day, count in seen.items())
            / math.fsum(self._weight[day] * week[self._weekday[day]] for day in group)
            for group, seen in zip(self._groups, self._seen[entity], strict=True)
        ]

    def scatter(self, entity: str, means: Sequence[float], week: Sequence[float]) -> _Scatter:
        """How much the days of an entity differ."""
        above = below = days = 0.0
        for day, weekday in self._weekday.items():
            mean = self._mean(means, day) * week[weekday]
            above += (self._on(entity, day) - mean) ** 2 - mean
            below += mean * mean
            days += (mean / (1 + mean)) ** 2
        return _Scatter(above, below, days)

    def _on(self, entity: str, day: int) -> int:
        return sum(seen.get(day, 0) for seen in self._seen[entity])

    def _mean(self, means: Sequence[float], day: int) -> float:
        return math.fsum(mean for mean, group in zip(means, self._groups, strict=True) if day in group)


def _remarks(counts: Counts, likes: Mapping[str, Set[int]], today: int) -> list[Remark]:
    seen = dict.fromkeys(counts.entities, 0)
    for (entity, feed), mentions in counts.mentions.items():
        if feed in likes and entity in seen:
            seen[entity] += mentions.get(today, 0)
    usual = expected(counts, likes, today)
    chances = sorted((_chance(seen[entity], usual[entity]), entity) for entity in counts.entities)
    remarks: list[Remark] = []
    corrected = 1.0
    for place in range(len(chances), 0, -1):  # Benjamini and Hochberg's step-up, from the likeliest on
        chance, entity = chances[place - 1]
        corrected = min(corrected, chance * len(chances) / place)
        if chance < LEVEL and corrected < SHARE:
            low, middle, high = (usual[entity].quantile(share) for share in (_LOW, _MIDDLE, _HIGH))
            remarks.append(Remark(entity, seen[entity], middle, low, high, corrected))
    return remarks[::-1]


def _chance(count: int, usual: Expected) -> float:
    """The chance of a count as far out as this, to either side, where most of it is left to what is more."""
    return min(1.0, usual.at_least(count) / _TO_MORE, usual.at_most(count) / (1 - _TO_MORE))
