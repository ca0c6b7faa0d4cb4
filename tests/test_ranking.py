"""What comes first in the review queue, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ranking import HALF_LIFE_S, age_of, explained, rank_of

AT = 1_795_000_000
SCORES = st.floats(0.02, 1)
PRIORITIES = st.floats(0.01, 100)
OUTLETS = st.integers(1, 500)


@given(SCORES, PRIORITIES, OUTLETS, st.integers(0, 2**32))
def test_each_part_that_grows_raises_the_rank(score: float, priority: float, outlets: int, at: int) -> None:
    """A surer tag, a more important entity, one more outlet, a later hour: each comes earlier, all else alike."""
    rank = rank_of(score, priority, outlets, at)
    assert rank_of(score * 0.9, priority, outlets, at) < rank
    assert rank_of(score, priority * 1.1, outlets, at) > rank
    assert rank_of(score, priority, outlets + 1, at) > rank
    assert rank_of(score, priority, outlets, at + 3600) > rank


def test_a_story_counts_half_after_a_half_life() -> None:
    """With twice the priority and one half-life older, a story stands where the other does."""
    assert rank_of(0.9, 2, 3, AT - HALF_LIFE_S) == pytest.approx(rank_of(0.9, 1, 3, AT))


def test_two_outlets_count_twice_one() -> None:
    """A second outlet doubles the weight; the fourth makes it three times."""
    alone = rank_of(0.9, 1, 1, 0)
    assert rank_of(0.9, 1, 2, 0) - alone == pytest.approx(1)
    assert 2 ** (rank_of(0.9, 1, 4, 0) - alone) == pytest.approx(3)


def test_a_story_without_tags_has_a_rank() -> None:
    """It comes after all others of its hour."""
    assert rank_of(0, 1, 1, AT) < rank_of(0.02, 1, 1, AT)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0.95, 2.0, "Lab 110", 3, timedelta(hours=5)), "best tag 0.95 · priority 2 (Lab 110) · 3 outlets · 5 h old"),
        ((0.8, 1.0, "Lab 110", 1, timedelta(minutes=7)), "best tag 0.80 · priority 1 · 1 outlet · 7 min old"),
        ((0.8, 0.5, "RGB", 2, timedelta(days=9)), "best tag 0.80 · priority 0.5 (RGB) · 2 outlets · 9 d old"),
    ],
)
def test_a_rank_is_explained_in_words(arguments: tuple[float, float, str, int, timedelta], words: str) -> None:
    """What is shown on hovering names each part; whose priority it is where it is not the usual one."""
    assert explained(*arguments) == words


def test_nothing_is_younger_than_new() -> None:
    """A story from the future, by the feed's clock, is new."""
    now = datetime.fromtimestamp(AT, UTC)
    assert age_of(AT - 60, now) == timedelta(minutes=1)
    assert age_of(AT + 60, now) == timedelta(0)
