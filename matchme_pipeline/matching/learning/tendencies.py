"""Members' tendencies: how often each likes and is liked, corrected for partners and ranks; pure.

A two-way mixed-effects logistic regression (crossed random effects; Breslow and Clayton 1993, PQL):

    logit P(a likes b) = base + rank effect + likes[a] + liked[b] + offset of the pair

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


def fit(
    members: int, answers: Answers, weights: Floats | None = None, offset: Floats | None = None
) -> tuple[Tendencies, Floats]:
    """The tendencies of `members` members, and each answer's log-odds as if it had not been given.

    `weights`: how much each answer counts, 0 to 1; 1 for all by default. `offset`: the log-odds that the pair has by
    other causes, so that a member who was shown unsuitable partners does not count as choosy.

    The second result takes one Newton step without the answer, and has no offset: a model trained on it cannot read the
    answer from the tendencies. Rows are as in `answers`, which must be ordered. Without answers all tendencies are 0.
    """
    counts = np.ones(len(answers.liked)) if weights is None else weights
    own = np.zeros(len(answers.liked)) if offset is None else offset
    ranks = int(answers.rank.max(initial=0)) + 1
    likes_in_all = float(counts[answers.liked].sum())
    base = float(np.log((likes_in_all + 0.5) / (counts.sum() - likes_in_all + 0.5)))
    effects = np.zeros(ranks)
    sums = _Sums(answers, counts, own)
    sides = likes, popular = _Side(answers.liker, members), _Side(answers.shown, members)
    for _ in range(_MAX_SWEEPS if len(answers.liked) else 0):
        residuals, information = sums.over(answers.rank, ranks, base, effects, sides)
        step = float(residuals.sum() / max(information.sum(), 1e-9))
        base, moved = base + step, abs(step)
        if ranks > 1:
            residuals, information = sums.over(answers.rank, ranks, base, effects, sides)
            change = (residuals - effects / _RANK_VARIANCE) / (information + 1 / _RANK_VARIANCE)
            change[0] = 0.0
            effects, moved = effects + change, max(moved, float(np.abs(change).max()))
        for side in sides:
            moved = max(moved, side.improve(*sums.over(side.member, members, base, effects, sides)))
        if moved < _SETTLED:
            break
    tendencies = Tendencies(base, effects, likes.effect, popular.effect, likes.variance, popular.variance)
    return tendencies, base + sums.without(base, effects, likes, popular)


class _Side:
    """One side's random effects: those of the likers, or of the shown members."""

    def __init__(self, member: Positions, members: int) -> None:
        self.member = member
        self.effect: Floats = np.zeros(members)
        self.information: Floats = np.ones(members)
        self.variance = _FIRST_VARIANCE
        self.answered = np.bincount(member, minlength=members) > 0

    def improve(self, residuals: Floats, weights: Floats) -> float:
        """One Newton step and one EM step of the variance; returns the largest change.

        `residuals` and `weights` are sums over each member's answers.
        """
        self.information = weights + 1 / self.variance
        change = (residuals - self.effect / self.variance) / self.information * self.answered
        self.effect = self.effect + change
        spread = (self.effect**2 + 1 / self.information)[self.answered]
        self.variance = max(float(spread.mean()), _MIN_VARIANCE)
        return float(np.abs(change).max(initial=0.0))


class _Sums:
    """Sums over the answers under changing effects."""

    def __init__(self, answers: Answers, counts: Floats, offset: Floats) -> None:
        self.answers, self.counts, self.offset = answers, counts, offset

    def over(
        self, by: Positions, groups: int, base: float, rank_effects: Floats, sides: "tuple[_Side, _Side]"
    ) -> tuple[Floats, Floats]:
        """Residuals and their weights, summed over the answers of each group."""
        # numba takes a third of a second to load; only a process that learns needs it.
        from matchme_pipeline.matching.learning.answer_sums import residual_sums

        liker, shown, liked, rank = self.answers
        effects = (rank_effects + base, sides[0].effect, sides[1].effect)
        return residual_sums(by, groups, self.offset, *effects, liker, shown, rank, liked, self.counts)

    def without(self, base: float, rank_effects: Floats, likes: _Side, popular: _Side) -> Floats:
        """Both members' effects for each answer, as if it had not been given."""
        from matchme_pipeline.matching.learning.answer_sums import without_own_answer

        liker, shown, liked, rank = self.answers
        effects = (rank_effects + base, likes.effect, popular.effect, likes.information, popular.information)
        return without_own_answer(self.offset, *effects, liker, shown, rank, liked, self.counts)
