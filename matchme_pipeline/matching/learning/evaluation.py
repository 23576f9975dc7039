"""Figures of forecasts of mutual likes: areas under the ROC curve, log losses and intervals; pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# How often pairs are resampled for an interval, and the share that a 95 % interval leaves out on either side.
DRAWS = 400
_LEFT_OUT = 0.025
# A probability of 0 or 1 would make a single wrong forecast infinitely bad.
_EDGE = 1e-6


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


def interval(value: float, drawn: Sequence[float]) -> Interval:
    """`value` with the interval of its resampled values; without any of them the interval is the value."""
    if not drawn:
        return Interval(value, value, value)
    low, high = np.quantile(drawn, [_LEFT_OUT, 1 - _LEFT_OUT])
    return Interval(value, float(low), float(high))


def log_losses(mutual: Flags, chances: Floats) -> Floats:
    """The log loss of each pair in nats; `chances` are the forecast probabilities of mutual likes."""
    inside = np.clip(chances, _EDGE, 1 - _EDGE)
    return np.asarray(-np.where(mutual, np.log(inside), np.log1p(-inside)))


class Ranking:
    """Pairs in the order of their scores: sorted once, summed for each sample."""

    def __init__(self, scores: Floats) -> None:
        """`scores`: one a pair, in any unit."""
        self._order = np.argsort(scores, kind="stable")
        # Where a run of equal scores begins.
        self._begins = np.flatnonzero(np.diff(scores[self._order], prepend=-np.inf) > 0)

    def auc(self, mutual: Flags, weights: Floats) -> float:
        """The probability that a mutual pair scores higher than another, ties counting half; NaN without either.

        The area under the ROC curve as the Mann-Whitney statistic (Hanley and McNeil 1982), of weighted pairs.
        """
        mutuals = self._sums(np.where(mutual, weights, 0.0))
        others = self._sums(np.where(mutual, 0.0, weights))
        if not mutuals.sum() or not others.sum():
            return float("nan")
        below = np.cumsum(others) - others
        return float((mutuals * (below + others / 2)).sum() / (mutuals.sum() * others.sum()))

    def _sums(self, values: Floats) -> Floats:
        """Sums over the runs of equal scores."""
        if not len(self._begins):
            return np.zeros(0)
        return np.asarray(np.add.reduceat(values[self._order], self._begins), dtype=np.float64)
