"""Compares two models on weeks after their training: log loss of mutual likes with intervals over members; pure."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.learning.evaluation import DRAWS, Interval, Ranking, interval, log_losses
from matchme_pipeline.matching.learning.tendencies import Floats, Positions


@dataclass(frozen=True)
class Comparison:
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


def compare(a: Positions, b: Positions, mutual: NDArray[np.bool_], champion: Floats, challenger: Floats) -> Comparison:
    """Compare two models' probabilities of the pairs (a[n], b[n]); a few dozen must be mutual, and a few dozen not.

    Pairs share members, so members are resampled, not pairs: a pair whose members are drawn x and y times counts x + y
    - 1 times. This is the bootstrap of the sums over members (the first-order projection of a statistic of pairs,
    Hoeffding 1948). The interval is right if the gain depends on members, too wide by half if it depends on pairs
    alone, and never too narrow. The draws are deterministic.
    """
    losses = [log_losses(mutual, chances) for chances in (champion, challenger)]
    gained = losses[0] - losses[1]
    orders = [Ranking(chances) for chances in (champion, challenger)]
    gains, areas = [], [[], []]  # type: ignore[var-annotated]
    for weights in _resampled(a, b):
        if weights[mutual].sum() > 0 and weights[~mutual].sum() > 0:
            gains.append(float(np.average(gained, weights=weights)))
            for area, order in zip(areas, orders, strict=True):
                area.append(order.auc(mutual, weights))
    once = np.ones(len(mutual))
    return Comparison(
        pairs=len(mutual),
        mutual=int(mutual.sum()),
        champion_loss=float(losses[0].mean()),
        challenger_loss=float(losses[1].mean()),
        gain=interval(float(gained.mean()), gains),
        champion_auc=interval(orders[0].auc(mutual, once), areas[0]),
        challenger_auc=interval(orders[1].auc(mutual, once), areas[1]),
    )


def _resampled(a: Positions, b: Positions) -> Any:
    members, places = np.unique(np.concatenate([a, b]), return_inverse=True)
    first, second = places[: len(a)], places[len(a) :]
    random = np.random.default_rng(0)
    for _ in range(DRAWS):
        drawn = random.poisson(1.0, len(members)).astype(np.float64)
        yield drawn[first] + drawn[second] - 1
