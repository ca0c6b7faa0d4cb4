"""How often a feed publishes, how often it is therefore worth polling, and when its silence is strange. Pure.

Source for the square root: J. Cho, H. Garcia-Molina, "Effective page refresh policies for web crawlers", ACM TODS
28(4), 2003: of pages that change at random, the waits that see changes soonest for a given number of requests grow with
the square root of the time between changes; a feed a hundred times slower is asked ten times less often.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

#: So many of a body's newest items tell its rhythm: enough to average a week of a daily feed, few enough to follow it.
NEWEST = 30
_FEWEST = 4
#: A silence of more than so many mean gaps is strange (were items random, one in 1,100 gaps), but feeds that publish in
#: bursts are silent over a long weekend, too.
_STALE_GAPS, _STALE_AT_LEAST = 7, timedelta(days=4)


def mean_gap(dates: Sequence[datetime]) -> timedelta | None:
    """The mean time between items published at ``dates`` (newest first); None when too few, or all the same."""
    newest = dates[:NEWEST]
    if len(newest) < _FEWEST:
        return None
    return (newest[0] - newest[-1]) / (len(newest) - 1) or None


def observed_gap(before: timedelta | None, since_last: timedelta, new: int) -> timedelta:
    """The mean time between items of a feed without dates: ``before``, mended by ``new`` items after a time."""
    now = max(since_last, timedelta(seconds=1)) / max(new, 1)
    return now if before is None else before * 0.7 + now * 0.3


def longest_wait(gap: timedelta | None, silence: timedelta, shortest: timedelta) -> timedelta | None:
    """How long to wait at most for a feed with an item every ``gap``, silent since ``silence``; None when unknown.

    The square-root rule, set by playing it over real feeds (benchmarks/polling.py) so that it makes half as many
    requests as polling every hour. A silence that outlasts three gaps counts as a slower rhythm.
    """
    if gap is None:
        return None
    slowest = max(gap, silence / 3)
    return timedelta(seconds=math.sqrt(slowest.total_seconds() * shortest.total_seconds() / 2))


def stale_after(gap: timedelta | None) -> timedelta | None:
    """How long a feed with an item every ``gap`` may be silent before that is strange; None when it cannot be said."""
    return None if gap is None else max(gap * _STALE_GAPS, _STALE_AT_LEAST)
