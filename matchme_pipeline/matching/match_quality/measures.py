"""Measures of a score against mutual likes, with intervals for pairs that share members; pure.

Pairs are rows: `a` and `b` are positions of members, `score` is 0 to 100 points, `mutual` says whether the two liked
each other.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.learning.evaluation import DRAWS, Flags, Floats, Interval, interval, log_losses

Positions = NDArray[np.intp]
# A statistic of pairs; the second argument holds their weights.
Statistic = Callable[[Floats], float]

# The seed of an interval's draws.
_SEED = 17
BAND_POINTS = 10


@dataclass(frozen=True)
class Band:
    """Pairs with a score from `points` up to the next BAND_POINTS: their number, mean score and mutual likes."""

    points: int
    pairs: int
    mutual: int
    mean_score: float

    @property
    def share(self) -> float:
        """Which share liked each other."""
        return self.mutual / self.pairs


def log_loss(score: Floats, mutual: Flags, weights: Floats) -> float:
    """The mean log loss in nats of a score, read as the probability of mutual likes in percent; NaN without weight."""
    return float(np.average(log_losses(mutual, score / 100), weights=weights)) if weights.sum() else float("nan")


def base_log_loss(mutual: Flags) -> float:
    """The log loss of a constant forecast with the share of mutual likes: a useful score has a lower one."""
    share = float(mutual.mean()) if len(mutual) else 0.0
    return 0.0 if share in (0.0, 1.0) else float(-share * np.log(share) - (1 - share) * np.log1p(-share))


def reliability(score: Floats, mutual: Flags) -> list[Band]:
    """Pairs by bands of BAND_POINTS, lowest first; empty bands are left out."""
    band = np.minimum(score // BAND_POINTS, 100 // BAND_POINTS - 1).astype(np.intp)
    return [
        Band(
            int(number) * BAND_POINTS,
            int(np.count_nonzero(band == number)),
            int(mutual[band == number].sum()),
            float(score[band == number].mean()),
        )
        for number in np.unique(band)
    ]


def expected_calibration_error(bands: Sequence[Band]) -> float:
    """Mean distance of a band's score, in percent, from the share that liked each other (Naeini 2015), 0 to 1."""
    pairs = sum(band.pairs for band in bands)
    return sum(band.pairs * abs(band.mean_score / 100 - band.share) for band in bands) / pairs if pairs else 0.0


def weighted_share(mutual: Flags, probability: Floats, weights: Floats) -> float:
    """The share of mutual likes among all eligible pairs, estimated from pairs drawn with known probability.

    The Hajek estimator (Hajek 1971): the weight of a pair is the inverse of its probability. NaN without weight.
    """
    inverse_weights = weights / probability
    total = inverse_weights.sum()
    return float(inverse_weights[mutual].sum() / total) if total else float("nan")


def intervals(a: Positions, b: Positions, statistics: Mapping[str, Statistic]) -> dict[str, Interval]:
    """Each statistic of the pairs (a[n], b[n]) with its interval over resampled members.

    Pairs share members, so members are resampled with replacement, and a pair counts as often as the product of its two
    members' counts: the bootstrap of two-way data (Owen 2007), which is slightly too wide rather than too narrow. Draws
    without a value, because a kind of pair is missing, are skipped. A statistic without a value for all pairs is left
    out.
    """
    whole = {name: statistic(np.ones(len(a))) for name, statistic in statistics.items()}
    known = {name: statistics[name] for name, value in whole.items() if value == value}
    drawn: dict[str, list[float]] = {name: [] for name in known}
    for weights in resampled(a, b):
        for name, statistic in known.items():
            value = statistic(weights)
            if value == value:
                drawn[name].append(value)
    return {name: interval(whole[name], values) for name, values in drawn.items()}


def resampled(a: Positions, b: Positions, draws: int = DRAWS) -> Iterator[Floats]:
    """The weights of the pairs in each of `draws` samples of members; deterministic."""
    members, places = np.unique(np.concatenate([a, b]), return_inverse=True)
    n = len(members)
    random = np.random.default_rng(_SEED)
    for _ in range(draws if n else 0):
        counts = np.bincount(random.integers(0, n, n), minlength=n).astype(np.float64)
        yield counts[places[: len(a)]] * counts[places[len(a) :]]
