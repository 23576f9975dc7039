"""Shown matches and their outcomes as columns: sides with an answer, and pairs with two answers; pure."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.learning.tendencies import Answers, Floats

# The half-life of an answer in weeks, because members and their partners change.
HALF_LIFE_WEEKS = 8.0


class ShownSides(NamedTuple):
    """Sides of shown pairs, one row each: member, partner, week, rank and action.

    `liker` and `shown` are positions of members; `week` counts weeks from any start; `score` is 0 to 100 points,
    `features` 0 to 1, (sides, features). A pair that was shown twice has only its newest week.
    """

    members: int
    week: NDArray[np.int32]
    liker: NDArray[np.int32]
    shown: NDArray[np.int32]
    rank: NDArray[np.int8]
    viewed: NDArray[np.bool_]
    engaged: NDArray[np.bool_]
    liked: NDArray[np.bool_]
    passed: NDArray[np.bool_]
    began: NDArray[np.bool_]
    reported: NDArray[np.bool_]
    score: NDArray[np.float32]
    features: NDArray[np.float32]

    def at(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "ShownSides":
        """The sides at these rows."""
        columns: list[Any] = list(self[1:])
        return ShownSides(self.members, *(column[rows] for column in columns))

    @property
    def likes(self) -> NDArray[np.bool_]:
        """Which answers are a like? The member liked or wrote first, and neither passed nor reported them."""
        return (self.liked | self.began) & ~self.passed & ~self.reported

    @property
    def has_answered(self) -> NDArray[np.bool_]:
        """Which sides have an answer? The member viewed the match; an unnamed action is no answer."""
        unnamed = self.engaged & ~(self.liked | self.passed | self.began)
        return np.asarray(self.viewed & (~unnamed | self.reported))

    def answers(self) -> tuple[Answers, NDArray[np.intp], Floats]:
        """The answers, their rows, and their weights by age, ordered by liker and shown."""
        rows = np.flatnonzero(self.has_answered)
        rows = rows[np.lexsort((self.shown[rows], self.liker[rows]))]
        answers = Answers(
            self.liker[rows].astype(np.intp),
            self.shown[rows].astype(np.intp),
            self.likes[rows],
            self.rank[rows].astype(np.intp),
        )
        newest = int(self.week.max(initial=0))
        weights = 0.5 ** ((newest - self.week[rows]) / HALF_LIFE_WEEKS)
        return answers, rows, weights.astype(np.float64)

    @property
    def shown_pairs(self) -> int:
        """How many pairs were shown."""
        return int(np.count_nonzero(self.liker < self.shown))


class AnsweredPairs(NamedTuple):
    """Pairs with two answers, one row each, `a` < `b`; `mutual`: both like each other."""

    week: NDArray[np.int32]
    a: NDArray[np.intp]
    b: NDArray[np.intp]
    mutual: NDArray[np.bool_]
    score: Floats
    features: Floats

    def at(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "AnsweredPairs":
        """The pairs at these rows."""
        columns: list[Any] = list(self)
        return AnsweredPairs(*(column[rows] for column in columns))


def answered_pairs(sides: ShownSides) -> AnsweredPairs:
    """The pairs with two answers, ordered by week, `a` and `b`."""
    known = np.flatnonzero(sides.has_answered)
    week, liker, shown = (column[known].astype(np.int64) for column in (sides.week, sides.liker, sides.shown))
    span = np.int64(max(sides.members, 1))
    low, high = np.minimum(liker, shown), np.maximum(liker, shown)
    keys = (week * span + low) * span + high
    first, second = liker < shown, liker > shown
    _, one, other = np.intersect1d(keys[first], keys[second], assume_unique=True, return_indices=True)
    one, other = known[first][one], known[second][other]
    likes = sides.likes
    return AnsweredPairs(
        sides.week[one],
        sides.liker[one].astype(np.intp),
        sides.shown[one].astype(np.intp),
        likes[one] & likes[other],
        sides.score[one].astype(np.float64),
        sides.features[one].astype(np.float64),
    )
