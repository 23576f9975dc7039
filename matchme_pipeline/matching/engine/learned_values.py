"""Values of pairs by a learned version. They replace the score in the allocation and change nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.engine.pair_features import PairFeatures
from matchme_pipeline.matching.learning.versions import Version, mutual_points

if TYPE_CHECKING:
    from matchme_pipeline.matching.engine.candidates import Candidates

# The scan keeps the best by the score. A version chooses among more of them, because its order is another one.
SCANNED_PER_MEMBER = 200
# Values are compared in ten thousandths of a point; 100 points fit into this number of bits.
_VALUE_UNITS, _VALUE_BITS = 10_000, 21
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

    def best(self, features: PairFeatures, candidates: "Candidates", count: int) -> "Candidates":
        """The candidates that are among the `count` most valuable ones of either member; equal values all stay."""
        rows = best_of_either(len(features.profiles.members), candidates, self.values(features, candidates), count)
        return replace(candidates, a=candidates.a[rows], b=candidates.b[rows], score=candidates.score[rows])


def best_of_either(members: int, candidates: "Candidates", values: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """The numbers of the candidates whose value (0 to 100 points) is among the `count` highest of `a` or of `b`."""
    behind = (100 * _VALUE_UNITS - np.rint(values.astype(np.float64) * _VALUE_UNITS)).astype(np.int64)
    keys = [side.astype(np.int64) << _VALUE_BITS | behind for side in (candidates.a, candidates.b)]
    ordered = np.sort(np.concatenate(keys))
    starts = np.searchsorted(ordered, np.arange(members + 1, dtype=np.int64) << _VALUE_BITS)
    # The last key that a member keeps; members with fewer candidates keep all.
    last = np.minimum(starts[:-1] + count, starts[1:]) - 1
    limit = ordered[np.maximum(last, 0)] if len(ordered) else np.zeros(members, dtype=np.int64)
    return np.flatnonzero((keys[0] <= limit[candidates.a]) | (keys[1] <= limit[candidates.b]))
