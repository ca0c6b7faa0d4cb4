"""The gap ledger: every loss between two polls is told, none is invented."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipeline.ledger import NEWEST_STORED, gap, shares_nothing
from pipeline.models import Feed

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
URL = "https://example.org/feed"


def window(first: int, last: int) -> list[str]:
    """A body with the items from ``first`` to ``last``, newest first."""
    return [str(number) for number in range(last, first - 1, -1)]


@given(size=st.integers(1, 60), jump=st.integers(0, 200), stored=st.integers(1, 200))
def test_a_sliding_window_has_a_gap_exactly_when_it_slides_past_its_end(size: int, jump: int, stored: int) -> None:
    """A feed shows its newest items; after ``jump`` new ones it shares none with before exactly when jump >= size."""
    before = window(max(1, stored - size + 1), stored)
    after = window(max(1, stored + jump - size + 1), stored + jump)
    new = {guid for guid in after if int(guid) > stored}
    newest = {str(number) for number in range(max(1, stored - NEWEST_STORED + 1), stored + 1)}
    assert shares_nothing(after, new, newest) is set(before).isdisjoint(after)


def test_a_pinned_item_does_not_hide_a_gap() -> None:
    """One old item that stays at the top, beside five new ones, is no sign that nothing was missed."""
    newest = {str(number) for number in range(80, 101)}
    assert shares_nothing(["3", *window(120, 124)], set(window(120, 124)), newest)
    assert not shares_nothing(["100", *window(101, 105)], set(window(101, 105)), newest)


def test_an_old_body_from_a_cache_is_no_gap() -> None:
    """A server that answers with an older body brings nothing new, so nothing was missed."""
    assert not shares_nothing(window(1, 10), set(), {"99"})


def polled(**changes: object) -> Feed:
    known = {"id": "a", "url": URL, "configured_url": URL, "body_hash": "x", "last_success_at": NOW - 6 * HOUR}
    return Feed(**(known | changes))  # type: ignore[arg-type]


def test_a_gap_reaches_from_the_last_success_to_now() -> None:
    """Its ends are the two polls; how many items fit between tells the feed's rhythm."""
    dates = [NOW - HOUR, NOW - 2 * HOUR]
    found = gap(polled(rhythm_s=1800), NOW, NOW - 5 * HOUR, dates)
    assert found is not None
    assert (found.from_at, found.to_at) == (NOW - 6 * HOUR, NOW)
    assert (found.newest_before, found.oldest_after, found.missing) == (NOW - 5 * HOUR, NOW - 2 * HOUR, 5)


def test_a_gap_without_dates_has_no_number() -> None:
    """Without dates or a rhythm nobody can say how many items are missing."""
    found = gap(polled(), NOW, None, [])
    assert found is not None
    assert (found.oldest_after, found.missing) == (None, None)


def test_a_first_poll_has_no_gap() -> None:
    """Before the first success, and at a new address, there is nothing to go on from."""
    assert gap(polled(last_success_at=None), NOW, None, []) is None
    assert gap(polled(body_hash=None), NOW, None, []) is None
