"""What is unusual: counts of a day against the days before."""

from __future__ import annotations

import math
import random

import pytest

from pipeline.unusual import LEAST_DAYS, LEVEL, Expected, expected, unusual

CALM = [2, 0, 1, 3, 4, 0, 2] * 4


def poisson(mean: float, count: int) -> float:
    return math.exp(-mean) * mean**count / math.factorial(count)


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
    usual = expected([5000, 5100, 4900, 5050] * 7)
    assert 4500 < usual.quantile(0.05) < 5000 < usual.quantile(0.95) < 5500
    assert usual.at_least(9000) < 1e-9


def test_days_that_differ_widen_what_is_usual() -> None:
    """The same mean, once from even days and once from days of nothing and of much."""
    even, uneven = expected([3] * 28), expected([0, 6] * 14)
    assert uneven.quantile(0.95) > even.quantile(0.95)


def test_a_short_history_widens_what_is_usual() -> None:
    """Of fourteen days less is known than of twenty-eight."""
    assert expected([3] * 14).at_least(9) > expected([3] * 28).at_least(9)


def test_a_jump_is_remarked_with_what_is_usual() -> None:
    """Twelve where there are two or so."""
    remarks = unusual({"a": 12, "b": 2}, {"a": CALM, "b": CALM})
    assert remarks is not None
    [remark] = remarks
    assert (remark.entity_id, remark.mentions, remark.usual, remark.low, remark.high) == ("a", 12, 1, 0, 4)
    assert remark.is_more
    assert 0 < remark.chance < LEVEL


def test_a_silence_is_remarked() -> None:
    """Nothing where there were forty each day."""
    remarks = unusual({"a": 0}, {"a": [38, 42, 40, 45] * 7})
    assert remarks is not None
    [remark] = remarks
    assert not remark.is_more


def test_one_mention_of_what_was_never_mentioned_is_not_unusual() -> None:
    """One mention is chance, a handful is not."""
    history = {str(number): [0] * 28 for number in range(20)}
    assert unusual({"3": 1}, history) == []
    remarks = unusual({"3": 6}, history)
    assert remarks is not None
    assert [remark.entity_id for remark in remarks] == ["3"]


def test_the_more_entities_the_more_it_takes() -> None:
    """What is remarked for one entity alone may be chance among a hundred."""
    assert unusual({"a": 8}, {"a": CALM})
    assert unusual({"a": 8}, {"a": CALM} | {str(number): CALM for number in range(100)}) == []


def test_the_least_likely_comes_first() -> None:
    """In the order in which an analyst should look."""
    remarks = unusual({"a": 12, "b": 30}, {"a": CALM, "b": CALM})
    assert remarks is not None
    assert [remark.entity_id for remark in remarks] == ["b", "a"]


@pytest.mark.parametrize("days", [0, 1, LEAST_DAYS - 1])
def test_a_history_that_is_too_short_says_nothing(days: int) -> None:
    """Not "nothing is unusual", but that it cannot be told."""
    assert unusual({"a": 50}, {"a": [1] * days}) is None


def test_false_remarks_are_as_rare_as_promised() -> None:
    """Of days drawn like their history, hardly more than one in twenty has any remark among ten entities."""
    chance = random.Random(7)

    def day(mean: float) -> int:
        """Of a Gamma-Poisson mixture: overdispersed."""
        rate = chance.gammavariate(2.0, mean / 2.0)
        count, product = 0, chance.random()
        while product > math.exp(-rate):
            count, product = count + 1, product * chance.random()
        return count

    means = {str(number): 0.5 + number for number in range(10)}
    alarms = 0
    for _ in range(200):
        history = {entity: [day(mean) for _ in range(28)] for entity, mean in means.items()}
        alarms += bool(unusual({entity: day(mean) for entity, mean in means.items()}, history))
    assert alarms <= 16  # 10 on average; more than 16 once in thirty, were the draws others
