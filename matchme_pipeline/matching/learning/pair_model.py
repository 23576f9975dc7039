"""What makes a pair work: the chance that a likes b, from the score's factors and both members' tendencies; pure.

A logistic regression (scikit-learn, L2) whose coefficients are not negative: a factor that is better never lowers the
chance. The pair's value is reciprocal, P(a likes b) x P(b likes a), calibrated on pairs of which both have answered.
Factors say nothing of ethnicity, income, looks, photos or messages, so neither does the model.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.learning.tendencies import Answers, Floats, Positions, Tendencies, fit

# The inverse of the L2 penalty: factors are 0 to 1, so a coefficient beyond a few log-odds needs much evidence.
_STRENGTH = 0.5
# Calibration needs so many pairs of each kind, mutual and not.
_LEAST_CALIBRATED = 30
_EDGE = 1e-6


@dataclass(frozen=True)
class PairModel:
    """A learned model: coefficients of the factors and of the tendencies, in log-odds, and the calibration.

    `calibration` is (intercept, slope) on the log-odds of both liking each other; (0, 1) leaves them as they are.
    """

    intercept: float
    factors: Floats
    tendency: float
    calibration: tuple[float, float]
    tendencies: Tendencies

    def chance(self, factors: Floats, a: Positions, b: Positions) -> Floats:
        """The chance that each member of `a` likes that of `b`; `factors` are the pairs', (pairs, factors)."""
        return chance_of(self._log_odds(factors, self.tendencies.log_odds(a, b)))

    def mutual_chance(self, factors: Floats, a: Positions, b: Positions) -> Floats:
        """The calibrated chance that both like each other; the same from both sides."""
        both = self.chance(factors, a, b) * self.chance(factors, b, a)
        intercept, slope = self.calibration
        return chance_of(intercept + slope * logit(both))

    def _log_odds(self, factors: Floats, tendency: Floats) -> Floats:
        return np.asarray(self.intercept + factors @ self.factors + self.tendency * tendency)


def learn(members: int, answers: Answers, factors: Floats, weights: Floats | None = None) -> PairModel | None:
    """The model of these answers; None where all of them are alike, from which nothing can be learned.

    `factors` are those of each answer's pair, (answers, factors), 0 to 1, rows as in `answers`; `weights` say how much
    each answer counts, 0 to 1 (None: all of them in full).
    """
    order = np.lexsort((answers.shown, answers.liker))
    answers, factors = answers.at(order), factors[order]
    counts = np.ones(len(order)) if weights is None else weights[order]
    if len(np.unique(answers.liked)) < 2:
        return None
    tendencies, without = fit(members, answers, counts)
    intercept, coefficients = _not_negative(np.column_stack([factors, without]), answers.liked, counts)
    model = PairModel(intercept, coefficients[:-1], float(coefficients[-1]), (0.0, 1.0), tendencies)
    return replace(model, calibration=_calibrate(model, answers, factors, without, counts))


def _not_negative(x: Floats, liked: NDArray[np.bool_], counts: Floats) -> tuple[float, Floats]:
    """Intercept and coefficients, none below 0: a column whose coefficient would be negative is left out."""
    # scikit-learn takes a second to load; only a process that learns pays for it.
    from sklearn.linear_model import LogisticRegression

    kept = np.flatnonzero(x.std(axis=0) > _EDGE)
    coefficients = np.zeros(x.shape[1])
    while len(kept):
        fitted = LogisticRegression(C=_STRENGTH, max_iter=500, tol=1e-6).fit(x[:, kept], liked, counts)
        if (fitted.coef_[0] >= 0).all():
            coefficients[kept] = fitted.coef_[0]
            return float(fitted.intercept_[0]), coefficients
        # The worst alone: others may turn positive without it.
        kept = np.delete(kept, int(fitted.coef_[0].argmin()))
    return float(logit(np.array([liked.mean()]))[0]), coefficients


def _calibrate(
    model: PairModel, answers: Answers, factors: Floats, without: Floats, counts: Floats
) -> tuple[float, float]:
    """Platt's calibration of the reciprocal chance, on pairs of which both have answered."""
    chance = chance_of(model._log_odds(factors, without))
    members = len(model.tendencies.likes)
    there, back = answers.liker * members + answers.shown, answers.shown * members + answers.liker
    _, first, second = np.intersect1d(there, back, assume_unique=True, return_indices=True)
    once = answers.liker[first] < answers.shown[first]
    first, second = first[once], second[once]
    mutual = answers.liked[first] & answers.liked[second]
    log_odds = logit(chance[first] * chance[second])
    return calibrated(log_odds, mutual, counts[first]) or (0.0, 1.0)


def calibrated(x: Floats, mutual: NDArray[np.bool_], counts: Floats) -> tuple[float, float] | None:
    """Intercept and slope of the log-odds of `mutual` over `x` (Platt 1999).

    None where pairs are too few, or where more of `x` would mean less chance.
    """
    from sklearn.linear_model import LogisticRegression

    if min(int(mutual.sum()), int((~mutual).sum())) < _LEAST_CALIBRATED:
        return None
    fitted = LogisticRegression(C=1.0, max_iter=500, tol=1e-6).fit(x[:, None], mutual, counts)
    slope = float(fitted.coef_[0, 0])
    return (float(fitted.intercept_[0]), slope) if slope > 0 else None


def chance_of(log_odds: Floats) -> Floats:
    """The chances of these log-odds."""
    return np.asarray(1 / (1 + np.exp(-log_odds)))


def logit(chance: Floats) -> Floats:
    """The log-odds of these chances, which are kept off 0 and 1."""
    inside = np.clip(chance, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(inside / (1 - inside)))
