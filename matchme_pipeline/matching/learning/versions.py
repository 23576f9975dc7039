"""A version of the scoring model: the result of one week's training, without data of any member; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from matchme_pipeline.matching.learning.features import FEATURES, PAIR_FEATURES
from matchme_pipeline.matching.learning.pair_model import PairModel, calibrated, chance_of, learn
from matchme_pipeline.matching.learning.shown_sides import AnsweredPairs, ShownSides, answered_pairs
from matchme_pipeline.matching.learning.tendencies import Floats, Positions, Tendencies
from matchme_pipeline.matching.rules.weights import ALGORITHM_VERSION

_POINTS = 100.0


@dataclass(frozen=True)
class Version:
    """Learned coefficients in log-odds, by feature, and the calibrations of the model and of the untrained score.

    `untrained`: intercept and slope of the log-odds of mutual likes over the untrained score (a share of 100 points),
    learned from the same answers, for comparison. `base` and `rank_effects` belong to the tendencies; `likes_variance`
    and `liked_variance` are the variances between members.
    """

    intercept: float
    coefficients: Mapping[str, float]
    calibration: tuple[float, float]
    untrained: tuple[float, float]
    base: float
    rank_effects: tuple[float, ...]
    likes_variance: float
    liked_variance: float
    factors_version: str = field(default=ALGORITHM_VERSION)

    def as_json(self) -> dict[str, Any]:
        """The version as a JSON object; `from_json` restores it exactly."""
        return {
            "factors_version": self.factors_version,
            "intercept": self.intercept,
            "coefficients": dict(self.coefficients),
            "calibration": list(self.calibration),
            "untrained": list(self.untrained),
            "base": self.base,
            "rank_effects": list(self.rank_effects),
            "likes_variance": self.likes_variance,
            "liked_variance": self.liked_variance,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Version":
        """The version that `as_json` wrote."""
        (slope_0, slope_1), (untrained_0, untrained_1) = stored["calibration"], stored["untrained"]
        return cls(
            intercept=float(stored["intercept"]),
            coefficients={name: float(value) for name, value in stored["coefficients"].items()},
            calibration=(float(slope_0), float(slope_1)),
            untrained=(float(untrained_0), float(untrained_1)),
            base=float(stored["base"]),
            rank_effects=tuple(float(effect) for effect in stored["rank_effects"]),
            likes_variance=float(stored["likes_variance"]),
            liked_variance=float(stored["liked_variance"]),
            factors_version=str(stored["factors_version"]),
        )

    def with_members(self, base: float, likes: Floats, liked: Floats) -> PairModel:
        """The model with the tendencies of a week's members, by position."""
        effects = np.array(self.rank_effects)
        tendencies = Tendencies(base, effects, likes, liked, self.likes_variance, self.liked_variance)
        return PairModel(
            self.intercept,
            np.array([self.coefficients.get(name, 0.0) for name in PAIR_FEATURES]),
            self.coefficients.get("tendency", 0.0),
            self.calibration,
            tendencies,
        )

    def untrained_chance(self, score: Floats) -> Floats:
        """The chance that two members like each other by their untrained score, 0 to 100 points, alone."""
        intercept, slope = self.untrained
        return chance_of(intercept + slope * score / _POINTS)


@dataclass(frozen=True)
class Trained:
    """The result of a training: the version, its members' tendencies by position, and the number of answers."""

    version: Version
    tendencies: Tendencies
    shown_pairs: int
    answers: int
    mutual_pairs: int


def train(sides: ShownSides) -> Trained | None:
    """The version of these sides; None without answers, or if all are equal."""
    answers, rows, weights = sides.answers()
    model = learn(sides.members, answers, sides.features, weights, rows)
    if model is None:
        return None
    pairs = answered_pairs(sides)
    found = model.tendencies
    version = Version(
        intercept=model.intercept,
        coefficients=dict(zip(FEATURES, [*model.factors.tolist(), model.tendency], strict=True)),
        calibration=model.calibration,
        untrained=_untrained(pairs),
        base=found.base,
        rank_effects=tuple(found.rank_effects.tolist()),
        likes_variance=found.likes_variance,
        liked_variance=found.liked_variance,
    )
    return Trained(version, found, sides.shown_pairs, len(answers.liked), int(pairs.mutual.sum()))


def mutual_points(model: PairModel, factors: Floats, a: Positions, b: Positions) -> Floats:
    """The values of pairs, 0 to 100 points: the geometric mean, in percent, of the two probabilities of a like.

    Exactly equal from both sides.
    """
    low, high = np.minimum(a, b), np.maximum(a, b)
    return np.asarray(_POINTS * np.sqrt(model.mutual_chance(factors, low, high)))


def _untrained(pairs: AnsweredPairs) -> tuple[float, float]:
    """Intercept and slope of mutual likes over the untrained score; only the rate if the score has no effect."""
    found = calibrated(pairs.score / _POINTS, pairs.mutual, np.ones(len(pairs.mutual)))
    mutual = float(pairs.mutual.sum())
    return found or (float(np.log((mutual + 0.5) / (len(pairs.mutual) - mutual + 0.5))), 0.0)
