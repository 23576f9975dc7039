"""The allocation problem in integer units, and the objective that every solver reports."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

MAX_MATCHES = 5
# The value of a list's first to fifth place, in points of the score.
PLACE_VALUES = (40, 32, 24, 16, 8)
# Scores enter the objective in whole units of a thousandth of a point.
UNITS_PER_POINT = 1_000


@dataclass(frozen=True)
class RandomPlaces:
    """The random places of a match week; `share` of all places, 0 to 1."""

    match_week: date
    share: float


@dataclass(frozen=True)
class Problem:
    """One part of the allocation: members are 0 to n - 1; pairs (a[i], b[i]) are unique and ordered, with a < b.

    `units`: scores in thousandths. `taken`: places that touched pairs use, by member. `most`: places of a list.
    """

    a: NDArray[np.intp]
    b: NDArray[np.intp]
    units: NDArray[np.int64]
    taken: NDArray[np.int64]
    most: int

    def degrees(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many of the chosen pairs each member has."""
        ends = np.concatenate([self.a[chosen], self.b[chosen]])
        return np.bincount(ends, minlength=len(self.taken)).astype(np.int64)


@dataclass(frozen=True, order=True)
class Objective:
    """Members served, and the value of all lists in thousandths of a point; compared in this order."""

    served: float = 0
    value: float = 0

    def __add__(self, other: "Objective") -> "Objective":
        return Objective(self.served + other.served, self.value + other.value)
