"""How many false alarms and how many found fourfold days: ``python -m benchmarks.unusual [worlds]``.

Generates the histories of a watch-list of twenty entities over forty feeds: a rhythm of the week, a slow trend for each
entity, days that differ more than Poisson's, feeds that are added (with a stock of old items on their first day),
removed, and away for some days (with all that they missed on their return). Every world is judged on 100 days in a row,
and every fourth of them once more as if one entity had four times what is usual, give or take Poisson's chance. No
such day is in any history, where it would widen what is usual. Compared, over the same worlds: what the program does;
the same test without regard to weekday and feeds, with Holm's correction, as the program did before; and the rule of
thumb, mean and three standard deviations. Then what the program does with watch-lists of other sizes.
"""

from __future__ import annotations

import math
import random
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from pipeline.unusual import Counts, Expected, judge

MEANS = (0.2, 0.2, 0.5, 0.5, 1, 1, 2, 2, 3, 3, 5, 5, 8, 8, 12, 12, 20, 20, 50, 50)
JUDGED = 100
_HISTORY = 56
_WEEK = (1.15, 1.2, 1.15, 1.1, 1.05, 0.7, 0.65)
_BANDS = ((0, 1), (1, 3), (3, 5), (5, 10), (10, 1000))

Alarms = dict[str, bool]  # entity → whether more than usual, of those that are remarked
Method = Callable[[Counts], Alarms]


@dataclass
class World:
    """One newsroom's half year."""

    days: list[date]
    mentions: dict[tuple[str, str], dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    watched: dict[str, set[int]] = field(default_factory=dict)
    fourfold: dict[tuple[str, str], dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    means: dict[str, float] = field(default_factory=dict)


def world(chance: random.Random, means: Sequence[float] = MEANS, feeds: int = 40, judged: int = JUDGED) -> World:
    """Draw one."""
    length = _HISTORY + judged
    made = World([date(2026, 1, 5) + timedelta(days=number) for number in range(length)])
    answers: dict[str, set[int]] = {}
    for number in range(feeds):
        begins, ends = -1, length
        if number % 5 == 0:  # added in the course of it
            begins = chance.randrange(10, length)
        elif number % 7 == 0:  # removed
            ends = chance.randrange(10, length)
        answers[f"f{number}"] = set(range(max(begins, 0), ends))
        if number % 3 == 0:  # away for some days
            fails = chance.randrange(5, length - 12)
            answers[f"f{number}"] -= set(range(fails, fails + chance.randrange(2, 11)))
        made.watched[f"f{number}"] = {
            day for day in answers[f"f{number}"] if day - 1 in answers[f"f{number}"] or day == begins + 1 == 0
        }
    shares = {feed: chance.paretovariate(1.5) for feed in answers}
    whole = sum(shares.values())
    for place, mean in enumerate(means):
        entity = f"e{place}"
        made.means[entity] = mean
        drift = chance.uniform(-0.5, 0.5)  # in the whole time
        scatter = chance.choice((0.0, 0.05, 0.1, 0.2))
        missed = dict.fromkeys(answers, 0)
        for day in range(length):
            usual = mean * (1 + drift * (day / length - 0.5)) * _WEEK[made.days[day].weekday()]
            rate = usual * (chance.gammavariate(1 / scatter, scatter) if scatter else 1)
            for feed, days in answers.items():
                first = min(days, default=length)
                share = shares[feed] / whole
                if first <= day <= max(days, default=-1):
                    count = missed[feed] + poisson(rate * share * (20 if day == first > 0 else 1), chance)
                    missed[feed] = 0 if day in days else count
                    if count and day in days:
                        made.mentions[entity, feed][day] = count
                    if day in days and (count := poisson(4 * usual * share, chance)):
                        made.fourfold[entity, feed][day] = count
    return made


def poisson(mean: float, chance: random.Random) -> int:
    """One draw."""
    if mean > 30:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    count, product, limit = 0, chance.random(), math.exp(-mean)
    while product > limit:
        count, product = count + 1, product * chance.random()
    return count


def counts_of(made: World, day: int) -> Counts:
    """What is known at the end of ``day``: itself and the days of its history."""
    first = max(0, day - _HISTORY)
    mentions = {
        key: {place - first: count for place, count in seen.items() if first <= place <= day}
        for key, seen in made.mentions.items()
    }
    watched = {feed: {place - first for place in days if first <= place <= day} for feed, days in made.watched.items()}
    return Counts(made.days[first : day + 1], mentions, watched, list(made.means))


def with_fourfold(counts: Counts, made: World, day: int, entity: str) -> Counts:
    """The same, but ``entity`` has four times as much on the last day."""
    last = len(counts.days) - 1
    mentions = {
        key: {place: count for place, count in seen.items() if place < last or key[0] != entity}
        for key, seen in counts.mentions.items()
    }
    for key, seen in made.fourfold.items():
        if key[0] == entity and day in seen:
            mentions.setdefault(key, {})[last] = seen[day]
    return replace(counts, mentions=mentions)


def ours(counts: Counts) -> Alarms:
    """What the program does."""
    return {remark.entity_id: remark.is_more for remark in judge(counts).remarks or ()}


def before(counts: Counts) -> Alarms:
    """A negative binomial distribution of each entity's last 28 days, all feeds alike, and Holm's correction."""
    chances = []
    for entity, days in _totals(counts).items():
        *history, today = days[-29:]
        total, mean = sum(history), statistics.fmean(history)
        excess = statistics.variance(history) - mean
        differing = excess / mean**2 if mean and excess > 0 else 0.0
        usual = Expected((total + 0.5) / len(history), 1 / (differing + 1 / (total + 0.5)))
        chance = min(1.0, 2 * min(usual.at_least(today), usual.at_most(today)))
        chances.append((chance, entity, today > usual.quantile(0.5)))
    found, corrected = {}, 0.0
    for place, (chance, entity, is_more) in enumerate(sorted(chances)):
        corrected = max(corrected, chance * (len(chances) - place))
        if corrected >= 0.05:
            break
        found[entity] = is_more
    return found


def three_sigma(counts: Counts) -> Alarms:
    """Farther than three standard deviations from the mean of the last 28 days."""
    found = {}
    for entity, days in _totals(counts).items():
        *history, today = days[-29:]
        mean, spread = statistics.fmean(history), statistics.stdev(history)
        if abs(today - mean) > 3 * spread:
            found[entity] = today > mean
    return found


def _totals(counts: Counts) -> Mapping[str, Sequence[int]]:
    totals = {entity: [0] * len(counts.days) for entity in counts.entities}
    for (entity, _), mentions in counts.mentions.items():
        for place, count in mentions.items():
            totals[entity][place] += count
    return totals


@dataclass
class Score:
    """What a method made of the worlds."""

    judged: dict[float, int] = field(default_factory=lambda: defaultdict(int))  # mean → entities × days
    alarms: dict[float, int] = field(default_factory=lambda: defaultdict(int))
    spikes: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    found: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))

    @property
    def false_alarms(self) -> float:
        """Of each entity in 100 days, on average."""
        return 100 * sum(self.alarms.values()) / sum(self.judged.values())

    @property
    def worst(self) -> float:
        """Of the entities of that mean which has most."""
        return max(100 * self.alarms[mean] / judged for mean, judged in self.judged.items())


def score(method: Method, worlds: Iterable[World]) -> Score:
    """Judge each day of each world."""
    told = Score()
    for made in worlds:
        entities = list(made.means)
        for day in range(_HISTORY, len(made.days)):
            counts = counts_of(made, day)
            alarms = method(counts)
            for entity, mean in made.means.items():
                told.judged[mean] += 1
                told.alarms[mean] += entity in alarms
            if day % 4 == 0:
                entity = entities[day // 4 % len(entities)]
                band = next(band for band in _BANDS if band[0] <= made.means[entity] < band[1])
                told.spikes[band] += 1
                told.found[band] += method(with_fourfold(counts, made, day, entity)).get(entity, False)
    return told


def main(number: int) -> None:
    """Print the tables."""
    worlds = [world(random.Random(seed)) for seed in range(number)]
    print(f"{number} worlds of {JUDGED} days, {len(MEANS)} entities, 40 feeds; fourfold days found, by mentions a day")
    _print_head()
    for name, method in (("watchfloor", ours), ("no weekday, no feeds, Holm", before), ("mean and 3 sd", three_sigma)):
        _print(name, score(method, worlds))
    print("\nwatchfloor, by the number of entities")
    _print_head()
    for size in (1, 2, 5, 10, 100):
        many = max(2, number * len(MEANS) // size // 2)
        lists = ([MEANS[(seed * size + place) * 7 % len(MEANS)] for place in range(size)] for seed in range(many))
        drawn = (world(random.Random(seed), means) for seed, means in enumerate(lists))
        _print(f"{size} ({many} worlds)", score(ours, drawn))


def _print_head() -> None:
    heads = [f"{low} to {high}" if high < 1000 else f"{low} and more" for low, high in _BANDS]
    print(f"{'':28}{'false alarms per':>18}{'of the worst':>14}" + "".join(f"{head:>13}" for head in (*heads, "all")))
    print(f"{'':28}{'entity, 100 days':>18}{'mean':>14}")


def _print(name: str, told: Score) -> None:
    shares = [f"{told.found[band] / max(told.spikes[band], 1):.0%}" for band in _BANDS]
    shares.append(f"{sum(told.found.values()) / sum(told.spikes.values()):.0%}")
    print(
        f"{name:28}{told.false_alarms:>18.2f}{told.worst:>14.2f}" + "".join(f"{one:>13}" for one in shares), flush=True
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
