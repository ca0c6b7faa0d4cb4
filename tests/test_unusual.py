"""What is unusual: counts of a day against the days before, like against like."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

import pytest

from benchmarks.unusual import MEANS, ours, score, world
from pipeline.unusual import LEAST_DAYS, SHARE, Counts, Expected, Judgement, expected, judge

CALM = [2, 0, 1, 3, 4, 0, 2] * 4
MONDAY = date(2026, 9, 7)


def poisson(mean: float, count: int) -> float:
    return math.exp(-mean) * mean**count / math.factorial(count)


def counts(
    numbers: Mapping[str, Sequence[int]], begins: Mapping[str, int] | None = None, ends: Mapping[str, int] | None = None
) -> Counts:
    """Numbers by day of ``entity`` or ``entity/feed``; each feed is watched from a day on, and until another."""
    mentions, feeds = {}, set()
    length = max(map(len, numbers.values()))
    for name, days in numbers.items():
        entity, _, feed = name.partition("/")
        feeds.add(feed or "f")
        mentions[entity, feed or "f"] = {place: count for place, count in enumerate(days) if count}
    watched = {feed: set(range((begins or {}).get(feed, 0), (ends or {}).get(feed, length))) for feed in feeds}
    dates = [MONDAY + timedelta(days=number) for number in range(length)]
    return Counts(dates, mentions, watched, sorted({entity for entity, _ in mentions}))


def told(judgement: Judgement) -> list[str]:
    assert judgement.remarks is not None, judgement.reason
    return [remark.entity_id for remark in judgement.remarks]


def usual(days: Iterable[int]) -> Expected:
    known = counts({"a": [*days, 0]})
    return expected(known, {"f": frozenset(range(len(known.days) - 1))}, len(known.days) - 1)["a"]


def test_without_overdispersion_it_is_poissons_distribution() -> None:
    """A size beyond all bounds leaves Poisson's chances."""
    distribution = Expected(mean=3.0, size=1e6)
    assert distribution.at_most(4) == pytest.approx(sum(poisson(3.0, count) for count in range(5)), rel=1e-4)
    assert distribution.at_least(5) == pytest.approx(1 - distribution.at_most(4))


def test_the_variance_is_that_of_the_negative_binomial_distribution() -> None:
    """Mean and variance of the chances are mean and mean + mean² / size."""
    distribution = Expected(mean=4.0, size=2.0)
    chances = [distribution.at_most(count) - (distribution.at_most(count - 1) if count else 0) for count in range(400)]
    mean = sum(count * chance for count, chance in enumerate(chances))
    assert mean == pytest.approx(4.0)
    assert sum((count - mean) ** 2 * chance for count, chance in enumerate(chances)) == pytest.approx(12.0)


def test_counts_in_the_thousands_have_chances() -> None:
    """Nothing overflows or becomes zero where an entity is mentioned a thousand times a day."""
    of_day = usual([5000, 5100, 4900, 5050] * 7)
    assert 4500 < of_day.quantile(0.05) < 5000 < of_day.quantile(0.95) < 5500
    assert of_day.at_least(9000) < 1e-9


def test_days_that_differ_widen_what_is_usual() -> None:
    """The same mean, once from even days and once from days of nothing and of much."""
    assert usual([0, 6] * 14).quantile(0.95) > usual([3] * 28).quantile(0.95)


def test_a_short_history_widens_what_is_usual() -> None:
    """Of fourteen days less is known than of twenty-eight."""
    assert usual([3] * 14).at_least(9) > usual([3] * 28).at_least(9)


def test_recent_days_weigh_more() -> None:
    """Of a count that grew, what is expected is nearer to its end."""
    assert usual([2] * 28 + [6] * 28).mean > 4.5
    assert usual([6] * 28 + [2] * 28).mean < 3.5


def test_a_jump_is_remarked_with_what_is_usual() -> None:
    """Fourteen where there are two or so."""
    judgement = judge(counts({"a": [*CALM, 14], "b": [*CALM, 2]}))
    assert told(judgement) == ["a"]
    [remark] = judgement.remarks or ()
    assert (remark.mentions, remark.usual, remark.low) == (14, 2, 0)
    assert 3 <= remark.high <= 5
    assert remark.is_more
    assert 0 < remark.chance < SHARE


def test_a_silence_is_remarked() -> None:
    """Nothing where there were forty each day."""
    [remark] = judge(counts({"a": [*([38, 42, 40, 45] * 7), 0]})).remarks or ()
    assert not remark.is_more


def test_one_mention_of_what_was_never_mentioned_is_not_unusual() -> None:
    """One mention is chance, a handful is not."""
    history = {str(number): [0] * 29 for number in range(20)}
    assert told(judge(counts(history | {"3": [0] * 28 + [1]}))) == []
    assert told(judge(counts(history | {"3": [0] * 28 + [6]}))) == ["3"]


def test_the_more_entities_the_more_it_takes() -> None:
    """What is remarked for one entity alone may be chance among a hundred."""
    others = {str(number): [*CALM, 2] for number in range(100)}
    assert told(judge(counts({"a": [*CALM, 7]}))) == ["a"]
    assert told(judge(counts({"a": [*CALM, 7]} | others))) == []


def test_the_least_likely_comes_first() -> None:
    """In the order in which an analyst should look."""
    assert told(judge(counts({"a": [*CALM, 14], "b": [*CALM, 30]}))) == ["b", "a"]
    assert told(judge(counts({"a": [*CALM, 60], "b": [*CALM, 90]}))) == ["b", "a"]


@pytest.mark.parametrize("days", [0, 1, LEAST_DAYS - 1])
def test_a_history_that_is_too_short_says_nothing(days: int) -> None:
    """Not "nothing is unusual", but that it cannot be told."""
    judgement = judge(counts({"a": [1] * days + [50]}))
    assert judgement.remarks is None
    assert judgement.reason == f"Not yet: {LEAST_DAYS} days are needed, there are {days}."


def test_a_weekend_is_compared_with_weekends() -> None:
    """Twenty on a Sunday are many where Sundays bring two, and few enough on a weekday that brings twenty."""
    week = [20, 20, 20, 20, 20, 2, 2]
    sunday = counts({"a": [*(week * 6), *week[:6], 20]})
    assert sunday.days[-1].weekday() == 6
    assert told(judge(sunday)) == ["a"]
    assert told(judge(counts({"a": [*(week * 6), 20]}))) == []


def test_a_feed_that_is_added_is_no_news() -> None:
    """A feed that is new this fortnight brings as much again: only the others are compared."""
    grown = {"a/old": [10] * 42, "a/new": [0] * 35 + [200, 10, 10, 10, 10, 10, 30]}
    assert told(judge(counts(grown, begins={"new": 36}))) == []
    assert told(judge(counts({"a": [10] * 35 + [20] * 6 + [40]}))) == ["a"]


def test_a_feed_that_was_added_counts_from_its_own_days() -> None:
    """Once it was watched for long enough it is expected to bring what it brings, whatever there was before it."""
    grown = {"a/old": [10] * 56, "a/new": [0] * 35 + [400] + [10] * 20}
    assert told(judge(counts(grown, begins={"new": 36}))) == []
    assert told(judge(counts(grown | {"a/new": [0] * 35 + [400] + [10] * 19 + [60]}, begins={"new": 36}))) == ["a"]


def test_a_feed_that_is_removed_is_no_silence() -> None:
    """Half of what there was is gone with its feed."""
    assert told(judge(counts({"a/stays": [10] * 42, "a/goes": [30] * 41 + [0]}, ends={"goes": 41}))) == []
    assert told(judge(counts({"a": [40] * 41 + [10]}))) == ["a"]


def test_when_no_feed_can_be_compared_that_is_said() -> None:
    """All feeds were changed at once."""
    judgement = judge(counts({"a/old": [5] * 30 + [0], "a/new": [0] * 30 + [9]}, {"new": 30}, {"old": 30}))
    assert judgement.remarks is None
    assert judgement.reason.startswith("No feed was watched on this day and on 14 days before it")


def test_the_chance_of_what_is_far_out_is_not_nought() -> None:
    """It is summed itself: 1 minus the others has no digits left beyond 1e-16."""
    distribution = Expected(mean=2.0, size=10.0)
    assert distribution.at_least(8) == pytest.approx(1 - distribution.at_most(7), rel=1e-9)
    assert 0 < distribution.at_least(300) < distribution.at_least(200) < 1e-40


@pytest.mark.parametrize(
    ("means", "worlds", "share"), [((12,), 8, 0.9), ((1, 3, 5, 12, 20), 4, 0.9), (MEANS, 2, 0.95)], ids=["1", "5", "20"]
)
def test_false_alarms_are_as_rare_and_fourfold_days_found_as_docs_say(
    means: Sequence[float], worlds: int, share: float
) -> None:
    """At most one false alarm of an entity in 100 days, however many there are; of those mentioned ten times a day,
    95 % of fourfold days are found where twenty entities tell the rhythm of the week, 90 % where fewer do."""
    measured = score(ours, [world(random.Random(seed), means) for seed in range(worlds)])
    assert measured.false_alarms < 1
    assert measured.found[10, 1000] / measured.spikes[10, 1000] >= share
