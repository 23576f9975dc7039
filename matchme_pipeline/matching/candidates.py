"""The best candidates of every member, exactly: all pairs are looked at, block by block."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.compatibility import Calibration, Profiles, cosine, factors
from matchme_pipeline.matching.eligibility import eligible_block

# Rows of a block; a block of 1,024 x 100,000 pairs takes about half a gigabyte an array at float32.
BLOCK_ROWS = 1_024
# Kept per member: twelve times what a list holds, so that allocation has room to be fair.
KEPT_PER_MEMBER = 60


@dataclass(frozen=True)
class Candidates:
    """Pairs (`a` < `b`, positions of members) with their exact score 0-100, each pair once, ordered by (a, b).

    `possibilities` counts every member's eligible partners, kept or not.
    """

    a: NDArray[np.intp]
    b: NDArray[np.intp]
    score: NDArray[np.float32]
    possibilities: NDArray[np.int64]
    eligible_pairs: int
    calibration: Calibration
    removed: Counter[str] = field(default_factory=Counter)


def find_candidates(
    profiles: Profiles, excluded: Collection[tuple[int, int]], kept: int = KEPT_PER_MEMBER
) -> Candidates:
    """The `kept` best eligible partners of every member; `excluded` pairs (positions, either order) are left out.

    The similarity's calibration looks at all eligible pairs, the excluded ones too: whom a member has met before must
    not change what others' similarity means.
    """
    n = len(profiles.members)
    removed: Counter[str] = Counter()
    calibration = _calibrate(profiles)
    partners = _partners(excluded, n)
    found: list[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]] = []
    possibilities = np.zeros(n, dtype=np.int64)
    eligible = 0
    for begin in range(0, n, BLOCK_ROWS):
        block = profiles.rows(slice(begin, min(begin + BLOCK_ROWS, n)))
        may, kilometres = eligible_block(block.members, profiles.members, removed)
        rows = np.arange(len(block.members))
        may[rows, rows + begin] = False
        eligible += int(np.count_nonzero(may))
        for row in range(len(block.members)):
            before = partners.get(begin + row)
            if before:
                removed["met_before"] += int(np.count_nonzero(may[row, before]))
                may[row, before] = False
        possibilities[begin : begin + len(block.members)] = np.count_nonzero(may, axis=1)
        score = np.where(may, factors(block, profiles, kilometres, calibration).score(), np.float32(-1.0))
        found.append(_best_of_rows(score, begin, kept))
    a, b, score = (np.concatenate([part[i] for part in found]) if found else np.empty(0) for i in range(3))
    low, high = np.minimum(a, b), np.maximum(a, b)
    # A pair may be among the best of both its members: keep it once.
    _, first = np.unique(low * max(n, 1) + high, return_index=True)
    halved = Counter({name: count // 2 for name, count in removed.items()})
    return Candidates(
        low[first].astype(np.intp),
        high[first].astype(np.intp),
        score[first].astype(np.float32),
        possibilities,
        eligible // 2,
        calibration,
        halved,
    )


def _calibrate(profiles: Profiles) -> Calibration:
    count, total, squares = 0, 0.0, 0.0
    for begin in range(0, len(profiles.members), BLOCK_ROWS):
        block = profiles.rows(slice(begin, begin + BLOCK_ROWS))
        may, _ = eligible_block(block.members, profiles.members)
        rows = np.arange(len(block.members))
        may[rows, rows + begin] = False
        similarity = cosine(block, profiles)[may]
        known = similarity[~np.isnan(similarity)].astype(np.float64)
        count, total, squares = count + known.size, total + float(known.sum()), squares + float((known**2).sum())
    if count == 0:
        return Calibration(0.0, 1.0)
    mean = total / count
    return Calibration(mean, float(np.sqrt(max(squares / count - mean**2, 0.0))))


def _best_of_rows(
    score: NDArray[np.float32], begin: int, kept: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    width = min(kept, score.shape[1])
    # A stable sort of the negated scores breaks ties by position, that is by id.
    best = np.argsort(-score, axis=1, kind="stable")[:, :width]
    values = np.take_along_axis(score, best, axis=1)
    rows, places = np.nonzero(values >= 0)
    return (rows + begin).astype(np.intp), best[rows, places].astype(np.intp), values[rows, places]


def _partners(pairs: Collection[tuple[int, int]], n: int) -> dict[int, list[int]]:
    partners: dict[int, list[int]] = {}
    for a, b in sorted(pairs):
        if 0 <= a < n and 0 <= b < n:
            partners.setdefault(a, []).append(b)
            partners.setdefault(b, []).append(a)
    return partners
