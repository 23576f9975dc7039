"""Members' tendencies: how often each likes and is liked, corrected for partners and ranks; pure.

A two-way mixed-effects logistic regression (crossed random effects; Breslow and Clayton 1993, PQL):

    logit P(a likes b) = base + rank effect + likes[a] + liked[b]

`likes` and `liked` are drawn from normal distributions around 0 whose variances are estimated from the answers
(empirical Bayes, by EM): with little data, or pure noise, all values stay near 0, the population's mean.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Positions = NDArray[np.intp]
_MAX_SWEEPS = 200
_SETTLED = 1e-4
_FIRST_VARIANCE = 0.5
_MIN_VARIANCE = 1e-4
# Ranks are few and well observed; their effects are limited to a plausible odds ratio.
_RANK_VARIANCE = 1.0


class Answers(NamedTuple):
    """Answers, one row each: member `liker` (a position) was shown `shown` at `rank` (0: unknown) and liked, or not.

    A pair of liker and shown has at most one row, so that repeated answers count once.
    """

    liker: Positions
    shown: Positions
    liked: NDArray[np.bool_]
    rank: Positions

    def ordered(self) -> "Answers":
        """The same answers by liker and shown: sums then do not depend on the order of the input."""
        return self.at(np.lexsort((self.shown, self.liker)))

    def at(self, rows: Positions) -> "Answers":
        """The answers at these rows."""
        return Answers(self.liker[rows], self.shown[rows], self.liked[rows], self.rank[rows])


@dataclass(frozen=True)
class Tendencies:
    """Tendencies in log-odds, by member's position, the base, and the rank effects by rank."""

    base: float
    rank_effects: Floats
    likes: Floats
    liked: Floats
    likes_variance: float
    liked_variance: float

    def log_odds(self, a: Positions, b: Positions) -> Floats:
        """The log-odds, by tendencies alone and without a rank, that each member of `a` likes that of `b`."""
        return np.asarray(self.base + self.likes[a] + self.liked[b])


def fit(members: int, answers: Answers, weights: Floats | None = None) -> tuple[Tendencies, Floats]:
    """The tendencies of `members` members, and each answer's log-odds as if it had not been given.

    `weights`: how much each answer counts, 0 to 1; 1 for all by default.

    The second result takes one Newton step without the answer: a model trained on it cannot read the answer from the
    tendencies. Rows are as in `answers`, which must be ordered. Without answers all tendencies are 0.
    """
    liker, shown, liked, rank = answers
    y = liked.astype(np.float64)
    counts = np.ones(len(y)) if weights is None else weights
    ranks = int(rank.max(initial=0)) + 1
    likes_in_all = float((y * counts).sum())
    base = float(np.log((likes_in_all + 0.5) / (counts.sum() - likes_in_all + 0.5)))
    effects = np.zeros(ranks)
    sides = [_Side(liker, members), _Side(shown, members)]
    for _ in range(_MAX_SWEEPS if len(y) else 0):
        moved = 0.0
        residual, weight = _residual(base, effects[rank], sides, y, counts)
        step = float(residual.sum() / max(weight.sum(), 1e-9))
        base, moved = base + step, abs(step)
        residual, weight = _residual(base, effects[rank], sides, y, counts)
        if ranks > 1:
            gain = np.bincount(rank, residual, ranks) - effects / _RANK_VARIANCE
            change = gain / (np.bincount(rank, weight, ranks) + 1 / _RANK_VARIANCE)
            change[0] = 0.0
            effects, moved = effects + change, max(moved, float(np.abs(change).max()))
        for side in sides:
            residual, weight = _residual(base, effects[rank], sides, y, counts)
            moved = max(moved, side.improve(residual, weight))
        if moved < _SETTLED:
            break
    likes, popular = sides
    tendencies = Tendencies(base, effects, likes.effect, popular.effect, likes.variance, popular.variance)
    residual, _ = _residual(base, effects[rank], sides, y, counts)
    without = likes.without(residual) + popular.without(residual)
    return tendencies, np.asarray(base + without)


class _Side:
    """One side's random effects: those of the likers, or of the shown members."""

    def __init__(self, member: Positions, members: int) -> None:
        self.member = member
        self.effect: Floats = np.zeros(members)
        self.information: Floats = np.ones(members)
        self.variance = _FIRST_VARIANCE
        self.answered = np.bincount(member, minlength=members) > 0

    def improve(self, residual: Floats, weight: Floats) -> float:
        """One Newton step and one EM step of the variance; returns the largest change."""
        members = len(self.effect)
        gain = np.bincount(self.member, residual, members) - self.effect / self.variance
        self.information = np.bincount(self.member, weight, members).astype(np.float64) + 1 / self.variance
        change = np.asarray(gain / self.information * self.answered, dtype=np.float64)
        self.effect = self.effect + change
        spread = (self.effect**2 + 1 / self.information)[self.answered]
        self.variance = max(float(spread.mean()), _MIN_VARIANCE)
        return float(np.abs(change).max(initial=0.0))

    def without(self, residual: Floats) -> Floats:
        """Each answer's effect after one Newton step without the answer."""
        return np.asarray(self.effect[self.member] - residual / self.information[self.member])


def _residual(
    base: float, rank_effect: Floats, sides: "list[_Side]", y: Floats, counts: Floats
) -> tuple[Floats, Floats]:
    """The residuals of the answers, and their weights."""
    log_odds = base + rank_effect
    for side in sides:
        log_odds = log_odds + side.effect[side.member]
    chance = 1 / (1 + np.exp(-log_odds))
    return counts * (y - chance), counts * chance * (1 - chance)
