"""Scores learned from a file of answers: the weekly run's model with the file's data instead of the tables'."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.engine.match_engine import Engine
from matchme_pipeline.matching.engine.matches import Match
from matchme_pipeline.matching.learning.features import PAIR_FEATURES
from matchme_pipeline.matching.learning.pair_model import PairModel, learn
from matchme_pipeline.matching.learning.tendencies import Answers

if TYPE_CHECKING:
    from matchme_pipeline.matching.rules.compatibility import Calibration

# Candidates kept per member, many times the length of a list, so that the model has a choice.
CANDIDATES_PER_MEMBER = 300
_HUNDREDTHS = 100
# By (member, partner): did the member like the partner?
Liked = Mapping[tuple[str, str], bool]


@dataclass(frozen=True)
class LearnedScore:
    """The learned score of pairs: the geometric mean, in percent, of the two probabilities of a like.

    Both probabilities depend on the factors and on both members' tendencies. The score is the same from both sides.
    """

    engine: Engine
    model: PairModel
    calibration: "Calibration"
    answers: int

    def points(self, a: NDArray[np.intp], b: NDArray[np.intp]) -> NDArray[np.float64]:
        """The scores, 0 to 100, of the pairs of positions (a[n], b[n])."""
        # From the lower position, so that rounding is the same from both sides.
        low, high = np.minimum(a, b), np.maximum(a, b)
        values = self.engine.pair_features.of(low, high, self.calibration)
        return np.asarray(100 * np.sqrt(self.model.mutual_chance(values, low, high)))

    def scored(self, matches: Sequence[Match]) -> list[Match]:
        """The matches with their learned scores; `answers` holds what the answers add to the factors' points."""
        pairs = [(self.engine.position[match.a], self.engine.position[match.b]) for match in matches]
        a, b = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
        hundredths = np.rint(self.points(a, b) * _HUNDREDTHS).astype(np.int64)
        return [
            _with_points(match, Decimal(own).scaleb(-2))
            for match, own in zip(matches, hundredths.tolist(), strict=True)
        ]

    def summary(self) -> dict[str, Any]:
        """The learned coefficients for the command's summary: log-odds by factor, and the variance between members."""
        return {
            "answers": self.answers,
            "log_odds_by_factor": {
                name: round(float(value), 4) for name, value in zip(PAIR_FEATURES, self.model.factors, strict=True)
            },
            "log_odds_by_tendency": round(self.model.tendency, 4),
            "likes_variance": round(self.model.tendencies.likes_variance, 4),
            "liked_variance": round(self.model.tendencies.liked_variance, 4),
        }


def _with_points(match: Match, points: Decimal) -> Match:
    factors = {**match.factors, "score": float(points), "answers": float(points - match.score)}
    return Match(match.a, match.b, points, factors)


def learned_score(engine: Engine, liked: Liked, calibration: "Calibration") -> LearnedScore | None:
    """The score learned from the answers of matchable members; None if there are too few answers or all are equal."""
    place = engine.position
    known = sorted((place[a], place[b], likes) for (a, b), likes in liked.items() if a in place and b in place)
    if not known:
        return None
    liker, shown, likes = (np.array(column) for column in zip(*known, strict=True))
    answers = Answers(liker.astype(np.intp), shown.astype(np.intp), likes.astype(bool), np.zeros(len(liker), np.intp))
    values = engine.pair_features.of(np.minimum(liker, shown), np.maximum(liker, shown), calibration)
    model = learn(len(place), answers, values)
    return None if model is None else LearnedScore(engine, model, calibration, len(liker))
