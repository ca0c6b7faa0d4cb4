"""How right rules are, as far as people have judged their mentions: precision with the interval that it surely lies in.

The interval is Wilson's (E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22,
1927), which stays within 0 and 1 and is honest for few judgements. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pipeline.watchlist import Watchlist

#: The quantile of the standard normal distribution for an interval of 95 %.
_Z = 1.959963984540054
#: Fewer judged mentions say too little to flag a rule.
LEAST_JUDGED = 5


def wilson(right: int, judged: int) -> tuple[float, float]:
    """The ends of the 95 % interval for a share of which ``right`` of ``judged`` were seen; all of 0 to 1 for none."""
    if not judged:
        return 0.0, 1.0
    share, weight = right / judged, _Z * _Z / judged
    middle = share + weight / 2
    reach = _Z * math.sqrt(share * (1 - share) / judged + weight / (4 * judged))
    # exact at the ends, where rounding would leave the share itself outside
    low = 0.0 if right == 0 else max(0.0, (middle - reach) / (1 + weight))
    high = 1.0 if right == judged else min(1.0, (middle + reach) / (1 + weight))
    return low, high


@dataclass(frozen=True, slots=True)
class Judged:
    """A rule, or an entity (``rule`` is empty): its stored mentions, and how many were judged right and wrong.

    ``missed`` counts what people reported as missed of an entity; it is no part of the precision.
    """

    rule: str
    entity_id: str
    mentions: int
    right: int
    wrong: int
    missed: int = 0
    expected: float | None = None  # what the watch-list's score says

    @property
    def judged(self) -> int:
        """How many mentions were judged."""
        return self.right + self.wrong

    @property
    def precision(self) -> float | None:
        """The share that is right; None while nothing was judged."""
        return self.right / self.judged if self.judged else None

    @property
    def interval(self) -> tuple[float, float]:
        """What the precision surely lies in, at 95 %."""
        return wilson(self.right, self.judged)

    def is_below(self, floor: float) -> bool:
        """Whether enough was judged to say that the precision is below ``floor``."""
        return self.judged >= LEAST_JUDGED and self.interval[1] < floor


def with_expected(rules: Iterable[Judged], watched: Watchlist) -> list[Judged]:
    """The ``rules`` with the watch-list's scores, and those of the watch-list that found nothing; by entity and id."""
    found = {(rule.rule, rule.entity_id): rule for rule in rules}
    for entity in watched.entities:
        for rule in entity.every_rule:
            key = (rule.id, entity.id)
            found[key] = replace(found.get(key, Judged(*key, 0, 0, 0)), expected=rule.score)
    return sorted(found.values(), key=lambda one: (one.entity_id, one.rule))


def below(rules: Iterable[Judged], watched: Watchlist, floor: float) -> list[Judged]:
    """The rules of the watch-list that are below ``floor``, those judged most first."""
    known = [rule for rule in with_expected(rules, watched) if rule.expected is not None]
    return ranked([rule for rule in known if rule.is_below(floor)], floor)


def ranked(rows: Iterable[Judged], floor: float) -> list[Judged]:
    """Those below ``floor`` first, then those judged most, then those with most mentions."""
    return sorted(rows, key=lambda one: (not one.is_below(floor), -one.judged, -one.mentions, one.rule, one.entity_id))
