"""The pair model: the probability that a likes b, from the score's factors and both members' tendencies; pure.

A logistic regression (scikit-learn, L2) with non-negative coefficients: a better factor never lowers the probability.
The pair's value is reciprocal, P(a likes b) x P(b likes a), calibrated on pairs with two answers. The model uses no
ethnicity, income, looks, photos or messages, because the factors do not.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.learning.tendencies import Answers, Floats, Positions, Tendencies, fit

# The inverse of the L2 penalty: factors are 0 to 1, so a coefficient beyond a few log-odds needs much evidence.
_STRENGTH = 0.5
# Calibration needs this many pairs with and without mutual likes.
_MIN_CALIBRATED = 30
# More answers would change the few coefficients by less than a hundredth.
_MAX_REGRESSED = 500_000
_EDGE = 1e-6


@dataclass(frozen=True)
class PairModel:
    """A learned model: coefficients of the features in log-odds, and the calibration.

    `calibration` is (intercept, slope) on the log-odds of a mutual like; (0, 1) changes nothing.
    """

    intercept: float
    factors: Floats
    tendency: float
    calibration: tuple[float, float]
    tendencies: Tendencies

    def chance(self, factors: Floats, a: Positions, b: Positions) -> Floats:
        """The probability that each member of `a` likes that of `b`; `factors` are the pairs', (pairs, factors)."""
        return chance_of(self._log_odds(factors, self.tendencies.log_odds(a, b)))

    def mutual_chance(self, factors: Floats, a: Positions, b: Positions) -> Floats:
        """The calibrated probability of a mutual like; equal from both sides."""
        both = self.chance(factors, a, b) * self.chance(factors, b, a)
        intercept, slope = self.calibration
        return chance_of(intercept + slope * logit(both))

    def _log_odds(self, factors: Floats, tendency: Floats) -> Floats:
        return np.asarray(self.intercept + factors @ self.factors + self.tendency * tendency)


def learn(
    members: int,
    answers: Answers,
    factors: NDArray[np.floating[Any]],
    weights: Floats | None = None,
    rows: Positions | None = None,
) -> PairModel | None:
    """The model of these answers; None if all of them are equal.

    `factors` are those of each answer's pair, 0 to 1: row `rows[n]` belongs to answer n (None: row n). `weights` are
    the answers' weights, 0 to 1 (None: 1 for all). Of millions of answers an even sample trains the few coefficients;
    tendencies use all.
    """
    order = np.lexsort((answers.shown, answers.liker))
    answers, own_row = answers.at(order), order if rows is None else rows[order]
    counts = np.ones(len(order)) if weights is None else weights[order]
    if len(np.unique(answers.liked)) < 2:
        return None
    tendencies, without = fit(members, answers, counts)
    some = _evenly(len(order))

    def regression(without: Floats) -> tuple[float, Floats]:
        x = np.column_stack([factors[own_row[some]], without[some]])
        return _not_negative(x, answers.liked[some], counts[some])

    _, coefficients = regression(without)
    # Once more, relative to how well each partner suits by the factors.
    # In the features' own precision, because a second copy of millions of rows would take a gigabyte.
    suits = np.einsum("ij,j->i", factors, coefficients[:-1].astype(factors.dtype))[own_row].astype(np.float64)
    tendencies, without = fit(members, answers, counts, suits - np.average(suits, weights=counts))
    intercept, coefficients = regression(without)
    model = PairModel(intercept, coefficients[:-1], float(coefficients[-1]), (0.0, 1.0), tendencies)
    first, second = _both_answered(members, answers)
    pairs = _evenly(len(first))
    first, second = first[pairs], second[pairs]
    log_odds = [model._log_odds(factors[own_row[side]].astype(np.float64), without[side]) for side in (first, second)]
    both = logit(chance_of(log_odds[0]) * chance_of(log_odds[1]))
    mutual = answers.liked[first] & answers.liked[second]
    return replace(model, calibration=calibrated(both, mutual, counts[first]) or (0.0, 1.0))


def _not_negative(x: Floats, liked: NDArray[np.bool_], counts: Floats) -> tuple[float, Floats]:
    """Intercept and non-negative coefficients: a feature with a negative coefficient is left out."""
    kept = np.flatnonzero(x.std(axis=0) > _EDGE)
    coefficients = np.zeros(x.shape[1])
    while len(kept):
        fitted = _regression(x[:, kept], liked, counts, _STRENGTH)
        if (fitted.coef_[0] >= 0).all():
            coefficients[kept] = fitted.coef_[0]
            return float(fitted.intercept_[0]), coefficients
        # Remove only the worst: others may become positive without it.
        kept = np.delete(kept, int(fitted.coef_[0].argmin()))
    return float(logit(np.array([liked.mean()]))[0]), coefficients


def _evenly(number: int) -> Positions:
    """At most _MAX_REGRESSED positions, evenly spaced."""
    return np.unique(np.linspace(0, max(number - 1, 0), min(number, _MAX_REGRESSED)).astype(np.intp))


def _both_answered(members: int, answers: Answers) -> tuple[Positions, Positions]:
    """The answers of pairs with two answers: those of the lower position, and those of the other."""
    there, back = answers.liker * members + answers.shown, answers.shown * members + answers.liker
    _, first, second = np.intersect1d(there, back, assume_unique=True, return_indices=True)
    once = answers.liker[first] < answers.shown[first]
    return first[once], second[once]


def calibrated(x: Floats, mutual: NDArray[np.bool_], counts: Floats) -> tuple[float, float] | None:
    """Intercept and slope of the log-odds of `mutual` over `x` (Platt 1999).

    None for too few pairs, or for a negative slope.
    """
    if min(int(mutual.sum()), int((~mutual).sum())) < _MIN_CALIBRATED:
        return None
    fitted = _regression(x[:, None], mutual, counts, 1.0)
    slope = float(fitted.coef_[0, 0])
    return (float(fitted.intercept_[0]), slope) if slope > 0 else None


def _regression(x: Floats, y: NDArray[np.bool_], counts: Floats, strength: float) -> Any:
    """A fitted logistic regression; on one thread, so that sums do not depend on the number of cores."""
    # scikit-learn takes a second to load; only a process that learns needs it.
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # Newton's method, which scikit-learn recommends for many answers and few features.
    with threadpool_limits(1):
        return LogisticRegression(C=strength, solver="newton-cholesky", tol=1e-8).fit(x, y, counts)


def chance_of(log_odds: Floats) -> Floats:
    """The chances of these log-odds."""
    return np.asarray(1 / (1 + np.exp(-log_odds)))


def logit(chance: Floats) -> Floats:
    """The log-odds of these probabilities, limited to keep away from 0 and 1."""
    inside = np.clip(chance, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(inside / (1 - inside)))
