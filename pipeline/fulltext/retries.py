"""When an item's page is asked for again. Pure: the time is an argument, and nothing here waits.

Source: RFC 9110 section 10.2.3 (Retry-After) and section 15 (what a status means).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

#: What a try to get an item's full text came to.
PageOutcome = Literal[
    "taken",  # the page's text is stored
    "enough",  # it is the article, and the feed says as much already
    "wall",  # a bot check, a consent page, a login or a paywall stood there instead
    "other",  # it is about something else: a front page, a list, another article
    "nothing",  # no article in it
    "unsuitable",  # no web page at all, or too large
    "temporary",  # the server is in trouble or cannot be reached, or robots.txt cannot
    "refused",  # 401, 403 and the like
    "gone",  # 404, 410
    "robots",  # robots.txt forbids it
]

_M, _H = timedelta(minutes=1), timedelta(hours=1)
#: The wait after the first try, the second, …; after the last one the feed's text is what stays.
_WAITS: Mapping[PageOutcome, tuple[timedelta, ...]] = {
    "temporary": (5 * _M, 30 * _M, 2 * _H, 8 * _H, 24 * _H),
    "refused": (2 * _H, 24 * _H),
    "wall": (2 * _H, 24 * _H),
    "other": (_H, 24 * _H),
    "nothing": (_H, 24 * _H),
}
_REFUSALS = frozenset({401, 402, 403, 406, 407, 451, 999})


def next_try(
    outcome: PageOutcome, attempts: int, now: datetime, retry_after: datetime | None = None
) -> datetime | None:
    """When the page is tried again after ``attempts`` tries (1 or more), the last of which came to ``outcome``.

    None when it is not: the text is there, or it is given up. ``retry_after`` is the time that the server named; it is
    never asked before, nor more often because of it. The moment is a whole second, rounded up.
    """
    waits = _WAITS.get(outcome, ())
    if not 1 <= attempts <= len(waits):
        return None
    moment = now + waits[attempts - 1]
    if retry_after is not None:
        moment = max(moment, retry_after)
    whole = moment.replace(microsecond=0)
    return whole if whole == moment else whole + timedelta(seconds=1)


def outcome_of_status(status: int | None) -> PageOutcome | None:
    """What an HTTP ``status`` alone says (None: no answer came). None when the page itself has to be looked at."""
    if status is None or status in (408, 425, 429) or (status >= 500 and status not in _REFUSALS):
        return "temporary"
    if status in (200, 203):
        return None
    if status in _REFUSALS:
        return "refused"
    return "gone" if 400 <= status < 500 else "nothing"
