"""Which counts of a day are unusual against the days before. Pure.

Days are taken as draws of one negative binomial distribution: a Poisson distribution whose mean is uncertain for two
reasons, which add up. The days differ among themselves (overdispersion, by the method of moments), and the mean is
known only from as many days as there are (a Gamma posterior with Jeffreys' prior). Of many entities some are far out by
chance on any day; Holm's correction keeps the chance that any remark of a day is a false one below ``LEVEL``.

Sources: Bliss and Fisher 1953, Fitting the negative binomial distribution; Gelman et al., Bayesian Data Analysis, 2.6;
Holm 1979, A simple sequentially rejective multiple test procedure.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: Fewer days than these tell nothing of what is usual.
LEAST_DAYS = 14
LEVEL = 0.05
#: The range that is called usual holds nine days of ten.
_LOW, _MIDDLE, _HIGH = 0.05, 0.5, 0.95


@dataclass(frozen=True, slots=True)
class Expected:
    """The negative binomial distribution of what a day brings: its ``mean``, and its ``size``: the variance is
    mean + mean² / size, so the larger it is, the nearer is Poisson's."""

    mean: float
    size: float

    def at_most(self, count: int) -> float:
        """The chance of ``count`` or fewer."""
        return min(1.0, math.fsum(self._chance(number) for number in range(count + 1)))

    def at_least(self, count: int) -> float:
        """The chance of ``count`` or more."""
        return max(0.0, 1 - self.at_most(count - 1))

    def quantile(self, share: float) -> int:
        """The smallest count that is not exceeded with a chance of at least ``share``."""
        count, sum_ = 0, self._chance(0)
        while sum_ < share:
            count += 1
            sum_ += self._chance(count)
        return count

    def _chance(self, count: int) -> float:
        return math.exp(
            math.lgamma(count + self.size)
            - math.lgamma(self.size)
            - math.lgamma(count + 1)
            - self.size * math.log1p(self.mean / self.size)
            - count * math.log1p(self.size / self.mean)
        )


@dataclass(frozen=True, slots=True)
class Remark:
    """An entity with unusually many or few mentions: ``mentions``, usually ``usual`` (``low`` to ``high``).

    ``chance`` is how likely a count so far from the middle is where nothing is unusual, corrected for the number of
    entities.
    """

    entity_id: str
    mentions: int
    usual: int
    low: int
    high: int
    chance: float

    @property
    def is_more(self) -> bool:
        """Whether there were more than usual, not fewer."""
        return self.mentions > self.usual


def expected(history: Sequence[int]) -> Expected:
    """What a further day brings, after the counts of days in ``history``: at least two."""
    total, days = sum(history), len(history)
    mean = (total + 0.5) / days
    observed = statistics.fmean(history)
    excess = statistics.variance(history) - observed
    differing = excess / observed**2 if observed and excess > 0 else 0.0
    return Expected(mean, 1 / (differing + 1 / (total + 0.5)))


def unusual(counts: Mapping[str, int], history: Mapping[str, Sequence[int]]) -> list[Remark] | None:
    """The entities whose count is unusual against their ``history`` of days, the least likely first.

    Every entity that is watched belongs into ``history``, however silent: the correction counts them. None when the
    history is shorter than ``LEAST_DAYS``.
    """
    if min(map(len, history.values()), default=0) < LEAST_DAYS:
        return None
    tested = {entity: expected(days) for entity, days in history.items()}
    chances = sorted((_chance(counts.get(entity, 0), usual), entity) for entity, usual in tested.items())
    remarks, corrected = [], 0.0
    for place, (chance, entity) in enumerate(chances):
        corrected = max(corrected, min(1.0, chance * (len(chances) - place)))
        if corrected >= LEVEL:
            break
        usual = tested[entity]
        low, middle, high = (usual.quantile(share) for share in (_LOW, _MIDDLE, _HIGH))
        remarks.append(Remark(entity, counts.get(entity, 0), middle, low, high, corrected))
    return remarks


def _chance(count: int, usual: Expected) -> float:
    """The chance of a count as far out as this, to either side."""
    return min(1.0, 2 * min(usual.at_least(count), usual.at_most(count)))
