"""Compares two models on weeks after their training: log loss of mutual likes with intervals over members; pure."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.learning.tendencies import Floats, Positions

# The number of resamples of an interval, and the share of them that it leaves out on either side.
DRAWS = 400
_LEFT_OUT = 0.025
_EDGE = 1e-6


@dataclass(frozen=True)
class Interval:
    """A figure with the 95 % interval that redrawn members give it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Verdict:
    """The comparison of a challenger with a champion on pairs that neither was trained on.

    Losses are the mean log loss of mutual likes, in nats per pair. `gain` is the challenger's reduction; above 0 it is
    better.
    """

    pairs: int
    mutual: int
    champion_loss: float
    challenger_loss: float
    gain: Interval
    champion_auc: Interval
    challenger_auc: Interval

    def as_json(self) -> dict[str, Any]:
        """The figures as a JSON object."""
        return asdict(self)


def judge(a: Positions, b: Positions, mutual: NDArray[np.bool_], champion: Floats, challenger: Floats) -> Verdict:
    """Compare two models' probabilities of the pairs (a[n], b[n]), of which there must be some dozen of either kind.

    Pairs share members, so members are resampled, not pairs: a pair whose members are drawn x and y times counts x + y
    - 1 times. This is the bootstrap of the sums over members (the first-order projection of a statistic of pairs,
    Hoeffding 1948). The interval is right if the gain depends on members, too wide by half if it depends on pairs
    alone, and never too narrow. The draws are deterministic.
    """
    losses = [_log_loss(mutual, chances) for chances in (champion, challenger)]
    gained = losses[0] - losses[1]
    orders = [_Ranking(chances) for chances in (champion, challenger)]
    gains, areas = [], [[], []]  # type: ignore[var-annotated]
    for weights in _redrawn(a, b):
        if weights[mutual].sum() > 0 and weights[~mutual].sum() > 0:
            gains.append(float(np.average(gained, weights=weights)))
            for area, order in zip(areas, orders, strict=True):
                area.append(order.auc(mutual, weights))
    once = np.ones(len(mutual))
    return Verdict(
        pairs=len(mutual),
        mutual=int(mutual.sum()),
        champion_loss=float(losses[0].mean()),
        challenger_loss=float(losses[1].mean()),
        gain=_interval(float(gained.mean()), gains),
        champion_auc=_interval(orders[0].auc(mutual, once), areas[0]),
        challenger_auc=_interval(orders[1].auc(mutual, once), areas[1]),
    )


def _redrawn(a: Positions, b: Positions) -> Any:
    members, places = np.unique(np.concatenate([a, b]), return_inverse=True)
    first, second = places[: len(a)], places[len(a) :]
    random = np.random.default_rng(0)
    for _ in range(DRAWS):
        drawn = random.poisson(1.0, len(members)).astype(np.float64)
        yield drawn[first] + drawn[second] - 1


def _log_loss(mutual: NDArray[np.bool_], chances: Floats) -> Floats:
    inside = np.clip(chances, _EDGE, 1 - _EDGE)
    return np.asarray(-np.where(mutual, np.log(inside), np.log1p(-inside)))


class _Ranking:
    """Pairs in the order of their probabilities: sorted once, summed for every resample."""

    def __init__(self, chances: Floats) -> None:
        self.order = np.argsort(chances, kind="stable")
        values = chances[self.order]
        # The start of each run of equal probabilities.
        self.begins = np.flatnonzero(np.concatenate([[True], np.diff(values) > 0]))

    def auc(self, mutual: NDArray[np.bool_], weights: Floats) -> float:
        """The probability that a mutual pair ranks above another pair; ties count half."""
        is_mutual, counts = mutual[self.order], weights[self.order]
        mutuals = np.add.reduceat(np.where(is_mutual, counts, 0.0), self.begins)
        others = np.add.reduceat(np.where(is_mutual, 0.0, counts), self.begins)
        below = np.concatenate([[0.0], np.cumsum(others)[:-1]])
        return float((mutuals * (below + others / 2)).sum() / (mutuals.sum() * others.sum()))


def _interval(value: float, drawn: list[float]) -> Interval:
    low, high = np.quantile(drawn, [_LEFT_OUT, 1 - _LEFT_OUT])
    return Interval(value, float(low), float(high))
