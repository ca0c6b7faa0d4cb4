"""Wilson's interval, and which rules are below the floor."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.precision import LEAST_JUDGED, Judged, ranked, wilson


@pytest.mark.parametrize(
    ("right", "judged", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        # by hand from the formula
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
    ],
)
def test_known_values(right: int, judged: int, low: float, high: float) -> None:
    """The interval is the published one to four places."""
    assert wilson(right, judged) == pytest.approx((low, high), abs=5e-5)


def test_without_a_judgement_nothing_is_known() -> None:
    """The interval of none is everything."""
    assert wilson(0, 0) == (0.0, 1.0)


counts = st.integers(1, 10**6).flatmap(lambda judged: st.tuples(st.integers(0, judged), st.just(judged)))


@given(counts)
def test_the_share_is_within(pair: tuple[int, int]) -> None:
    """0 ≤ low ≤ share ≤ high ≤ 1."""
    low, high = wilson(*pair)
    assert 0 <= low <= pair[0] / pair[1] <= high <= 1


@given(counts)
def test_more_right_is_higher(pair: tuple[int, int]) -> None:
    """One more right of as many judged moves neither end down."""
    right, judged = pair
    if right < judged:
        before, after = wilson(right, judged), wilson(right + 1, judged)
        assert before[0] <= after[0]
        assert before[1] <= after[1]


@given(counts)
def test_wrong_is_right_mirrored(pair: tuple[int, int]) -> None:
    """The interval of the share that is wrong is one minus that of the right."""
    right, judged = pair
    low, high = wilson(right, judged)
    assert wilson(judged - right, judged) == pytest.approx((1 - high, 1 - low), abs=1e-9)


@pytest.mark.parametrize(
    ("right", "wrong", "is_below"),
    [
        (0, LEAST_JUDGED - 1, False),  # too few to say
        (0, LEAST_JUDGED, True),
        (4, 4, True),  # at most 0.785
        (5, 5, True),
        (3, 2, False),  # at most 0.88
        (80, 20, False),
    ],
)
def test_the_floor(right: int, wrong: int, is_below: bool) -> None:
    """A rule is below a floor of 0.8 when five were judged and the whole interval lies below it."""
    assert Judged("r", "e", 100, right, wrong).is_below(0.8) is is_below


def test_order() -> None:
    """Those below the floor first, then those judged most, then those with most mentions."""
    rows = [Judged("a", "e", 9, 0, 0), Judged("b", "e", 5, 9, 0), Judged("c", "e", 8, 0, 6), Judged("d", "e", 99, 0, 0)]
    assert [one.rule for one in ranked(rows, 0.8)] == ["c", "b", "d", "a"]
