"""What comes first in the review queue. Pure: the same story has the same rank at any time.

A story's weight is its best tag's score × the highest priority of its entities × how widely it is reported. What is new
counts more: a story weighs half as much as one that is the same but ``HALF_LIFE_S`` younger. Written as a logarithm,
that is a sum in which the present time stands for all stories alike, so it is left out: the order of two stories never
changes as time passes, and the rank can be stored.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

#: How much older a story must be to count half, in seconds: yesterday evening's great story comes before a small one
#: of this morning, last week's does not.
HALF_LIFE_S = 36 * 3600
#: What a story counts that has no tag left.
_LEAST_SCORE = 0.01


def rank_of(score: float, priority: float, outlets: int, at: int) -> float:
    """The rank of a story, higher is earlier: ``score`` 0 to 1, ``priority`` above 0, ``outlets`` 1 and more, first
    reported ``at`` (seconds since 1970)."""
    weight = max(score, _LEAST_SCORE) * priority * (1 + math.log2(max(outlets, 1)))
    return math.log2(weight) + at / HALF_LIFE_S


def explained(score: float, priority: float, foremost: str, outlets: int, age: timedelta) -> str:
    """The same in words: ``best tag 0.95 · priority 2 (Lab 110) · 3 outlets · 5 h old``.

    ``foremost`` is the name of the entity that gives the priority, which is named only where it is not the usual 1.
    """
    whose = f" ({foremost})" if foremost and priority != 1 else ""
    reported = "1 outlet" if outlets == 1 else f"{outlets} outlets"
    return f"best tag {score:.2f} · priority {priority:g}{whose} · {reported} · {_age(age)}"


def age_of(at: int, now: datetime) -> timedelta:
    """How old a story is that was first reported ``at`` (seconds since 1970); never less than nothing."""
    return max(timedelta(seconds=int(now.timestamp()) - at), timedelta(0))


def _age(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    if minutes < 60:
        return f"{minutes} min old"
    return f"{minutes // 60} h old" if minutes < 48 * 60 else f"{minutes // 1440} d old"
