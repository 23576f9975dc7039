"""Values of pairs by a learned version. They replace the score in the allocation and change nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.engine.pair_features import PairFeatures
from matchme_pipeline.matching.learning.versions import Version, mutual_points

if TYPE_CHECKING:
    from matchme_pipeline.matching.engine.candidates import Candidates

# Pairs whose features are in memory at once.
_PAIRS_AT_ONCE = 500_000


@dataclass(frozen=True)
class Learned:
    """A version, named by its training's week, with the tendencies of a week's members: (likes, liked) by id."""

    week: date
    version: Version
    base: float
    tendencies: Mapping[str, tuple[float, float]]

    def values(self, features: PairFeatures, candidates: "Candidates") -> NDArray[np.float32]:
        """The value of each candidate pair, 0 to 100 points."""
        own = [self.tendencies.get(user_id, (0.0, 0.0)) for user_id in features.profiles.members.user_ids]
        likes, liked = np.array(own, dtype=np.float64).reshape(-1, 2).T
        model = self.version.with_members(self.base, likes, liked)
        points = np.empty(len(candidates.a), dtype=np.float32)
        for begin in range(0, len(points), _PAIRS_AT_ONCE):
            rows = slice(begin, begin + _PAIRS_AT_ONCE)
            a, b = candidates.a[rows], candidates.b[rows]
            points[rows] = mutual_points(model, features.of(a, b, candidates.calibration), a, b)
        return points
