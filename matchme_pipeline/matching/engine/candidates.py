"""The best candidates of every member, exactly: every pair is examined once, in blocks.

Members are processed by group (a gender and the genders it looks for). One compiled pass compares a block of rows with
all columns. It skips columns that ages or places exclude for the whole block (`pruning`), applies the hard filters to
every other pair, and computes the dot product only for eligible pairs.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import fsum, sqrt

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.engine.allocation_problem import MAX_MATCHES
from matchme_pipeline.matching.engine.fan_out import FanOut, Scan, Threads, processors
from matchme_pipeline.matching.engine.pair_scan import (
    ABSENT,
    Known,
    best_of,
    pairs_of_lower,
    score_of,
    similarity_sums,
    write_pairs,
)
from matchme_pipeline.matching.engine.pruning import Bounds, group_bounds, member_bounds, pairs_of_ages
from matchme_pipeline.matching.rules.compatibility import Calibration, Profiles
from matchme_pipeline.matching.rules.eligibility import (
    AGE,
    DISTANCE,
    ELIGIBLE,
    FILTER_RESULTS,
    FILTERS,
    MET_BEFORE,
    mutual_gender,
)
from matchme_pipeline.matching.rules.members import NO_LIMIT, Members

BLOCK_ROWS = 256
# Columns per tile: their vectors (3 KB each) stay in the processor's cache while a block of rows uses them.
TILE_COLUMNS = 128
# Kept per member: twelve times the length of a list, so that the allocation can be fair.
CANDIDATES_PER_MEMBER = 60
# The similarity's calibration uses all eligible partners of this many members, evenly spaced by id.
CALIBRATION_MEMBERS = 1_024
_CALIBRATED_AT_ONCE = 64
# Quantised vectors change a cosine by 1e-5: with a smaller deviation, differences are only rounding.
_MIN_DEVIATION = 1e-4


@dataclass(frozen=True)
class Candidates:
    """Pairs (`a` < `b`, positions of members) with their exact score 0-100, each pair once, ordered by (a, b).

    `possibilities` counts every member's eligible partners, candidates or not, without partners met before.
    `upper_bound` is half the sum of every member's MAX_MATCHES best scores; no allocation exceeds it.
    """

    a: NDArray[np.intp]
    b: NDArray[np.intp]
    score: NDArray[np.float32]
    possibilities: NDArray[np.int64]
    eligible_pairs: int
    upper_bound: float
    calibration: Calibration
    removed: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Meeting:
    """Two groups of members (positions) that look for each other, or one group twice if it looks for its own gender."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]

    @property
    def one_side(self) -> bool:
        """Whether both sides are the same members."""
        return self.rows is self.columns

    @property
    def pairs(self) -> int:
        """How many pairs the meeting has."""
        n = len(self.rows)
        return n * (n - 1) // 2 if self.one_side else n * len(self.columns)


def find_candidates(
    profiles: Profiles,
    excluded: Collection[tuple[int, int]] | NDArray[np.intp],
    per_member: int = CANDIDATES_PER_MEMBER,
    *,
    block_rows: int = BLOCK_ROWS,
    tile_columns: int = TILE_COLUMNS,
    threads: int | None = None,
    fan_out: FanOut | None = None,
    advance: Callable[[int, int], None] = lambda _done, _total: None,
) -> Candidates:
    """The `per_member` best eligible partners of every member, without `excluded` pairs (positions, either order).

    Equal scores go to the partner with the lower position. The result does not depend on the block size, the number of
    `threads` (None: all processors), or the `fan_out` (None: these threads). The similarity's calibration includes
    excluded pairs, because a member's history must not change the meaning of similarity. `advance` receives the
    numbers of finished rows and of all rows.
    """
    n = len(profiles.members)
    known = Known(profiles.records(), profiles.vectors.quantised, profiles.themes.bits, *met_before(excluded, n))
    meetings = list(_meetings(profiles.members))
    best = np.full((n, per_member), ABSENT, dtype=np.uint64)
    possibilities = np.zeros(n, dtype=np.int64)
    counts = np.zeros(FILTER_RESULTS, dtype=np.int64)
    bounds = member_bounds(known.records)
    total = sum(len(meeting.rows) for meeting in meetings)
    calibration = _calibrate(known, meetings, bounds, threads or processors())
    with (fan_out or Threads(threads)).over(known, bounds) as scan_shares:
        for meeting in meetings:
            tiles = group_bounds(bounds[meeting.columns], tile_columns)
            scan = Scan(
                meeting.rows,
                meeting.columns,
                meeting.one_side,
                tiles,
                calibration,
                per_member,
                block_rows,
                tile_columns,
            )
            for share in scan_shares(scan, lambda done: advance(done, total)):
                for rows, row_best, row_possibilities in share.blocks:
                    best[rows] = best_of(per_member, best[rows], row_best)
                    possibilities[rows] += row_possibilities
                columns = meeting.columns
                best[columns] = best_of(per_member, best[columns], share.column_best)
                possibilities[columns] += share.column_possibilities
                counts += share.counts
    a, b, score = _pairs(best)
    _count_pruned(profiles.members, meetings, counts)
    eligible = int(counts[ELIGIBLE] + counts[MET_BEFORE])
    bound = float(score_of(best[:, :MAX_MATCHES]).sum(dtype=np.float64)) / 2
    return Candidates(a, b, score, possibilities, eligible, bound, calibration, _removed(n, meetings, counts))


def _meetings(members: Members) -> Iterator[Meeting]:
    groups = []
    for gender, wants in np.unique(np.stack([members.gender, members.wants_gender]), axis=1).T:
        group = np.flatnonzero((members.gender == gender) & (members.wants_gender == wants))
        groups.append(group[_neighbours_first(members.rows(group))])
    for place, rows in enumerate(groups):
        for columns in groups[place:]:
            if mutual_gender(members.rows(rows[:1]), members.rows(columns[:1]))[0, 0]:
                yield Meeting(rows, columns)


def _neighbours_first(members: Members) -> NDArray[np.intp]:
    """A sort order for cache locality; it does not affect results.

    Neighbours in this order have similar ages and places: tiles have narrow bounds, and vectors that are used together
    are adjacent. Members with a maximum distance are sorted by degree of place, then age; the others by age, then
    place.
    """
    anywhere = members.max_distance >= NO_LIMIT
    latitude, longitude = np.nan_to_num(members.lat, nan=99.0), np.nan_to_num(members.lng, nan=199.0)
    first_age = np.where(anywhere, members.age, 0)
    ids = np.arange(len(members))
    return np.lexsort((ids, members.age, np.round(longitude), np.round(latitude), first_age, anywhere))


def _calibrate(known: Known, meetings: list[Meeting], bounds: Bounds, threads: int) -> Calibration:
    """Mean and deviation of the similarity over the eligible partners of at most CALIBRATION_MEMBERS members.

    The members are evenly spaced by id, which is independent of their attributes: a deterministic systematic sample
    (Cochran 1977, chapter 8). A smaller population is used completely.
    """
    n = len(known.records)
    sampled = np.unique(np.linspace(0, max(n - 1, 0), min(n, CALIBRATION_MEMBERS)).round().astype(np.intp))
    both_ways = [(meeting.rows, meeting.columns) for meeting in meetings]
    both_ways += [(meeting.columns, meeting.rows) for meeting in meetings if not meeting.one_side]
    tasks = [
        (known, chosen[begin : begin + _CALIBRATED_AT_ONCE], columns, bounds, tiles, TILE_COLUMNS)
        for rows, columns in both_ways
        for tiles in [group_bounds(bounds[columns], TILE_COLUMNS)]
        for chosen in [rows[np.isin(rows, sampled)]]
        for begin in range(0, len(chosen), _CALIBRATED_AT_ONCE)
    ]
    with ThreadPoolExecutor(threads) as pool:
        sums = np.concatenate([np.zeros((0, 3)), *pool.map(lambda task: similarity_sums(*task), tasks)])
    # Correctly rounded sums, so that the order of rows does not matter.
    count, total, squares = (fsum(sums[:, column]) for column in range(3))
    mean = total / count if count else 0.0
    deviation = sqrt(max(squares / count - mean**2, 0.0)) if count else 0.0
    return Calibration(mean, deviation if deviation > _MIN_DEVIATION else 1.0)


def met_before(
    excluded: Collection[tuple[int, int]] | NDArray[np.intp], n: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The partners that each member has met: those of member m are partners[starts[m]:starts[m + 1]], ascending."""
    given = excluded if isinstance(excluded, np.ndarray) else np.array(list(excluded), dtype=np.intp).reshape(-1, 2)
    low, high = given.min(axis=1), given.max(axis=1)
    inside = (low >= 0) & (high < n) & (low != high)
    low, high = np.divmod(np.unique(low[inside] * n + high[inside]), max(n, 1))
    both = np.sort(np.concatenate([low * n + high, high * n + low]))
    members, partners = np.divmod(both, max(n, 1))
    starts = np.concatenate([[0], np.cumsum(np.bincount(members, minlength=n))]).astype(np.intp)
    return starts, partners.astype(np.intp)


def _pairs(best: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Every pair that is among the best of one of its members, once, ordered; every row of `best` is, best first."""
    starts = np.concatenate([[0], np.cumsum(pairs_of_lower(best))]).astype(np.intp)
    high, score = np.empty(starts[-1], dtype=np.intp), np.empty(starts[-1], dtype=np.float32)
    write_pairs(best, starts, high, score)
    return np.repeat(np.arange(len(best)), np.diff(starts)), high, score


def _count_pruned(members: Members, meetings: list[Meeting], counts: NDArray[np.int64]) -> None:
    """Count the pairs that age and distance exclude: the first by counting ages, the second by subtraction."""
    of_ages = sum(
        pairs_of_ages(members.rows(meeting.rows), members.rows(meeting.columns), one_side=meeting.one_side)
        for meeting in meetings
    )
    counts[AGE] = sum(meeting.pairs for meeting in meetings) - of_ages
    counts[DISTANCE] = 0
    counts[DISTANCE] = of_ages - (counts.sum() - counts[AGE])


def _removed(n: int, meetings: list[Meeting], counts: NDArray[np.int64]) -> Counter[str]:
    """How many pairs each filter removed, in the order of FILTERS, and how many had met before."""
    removed = Counter({FILTERS[place]: int(counts[place]) for place in range(1, len(FILTERS))})
    removed["gender"] = n * (n - 1) // 2 - sum(meeting.pairs for meeting in meetings)
    removed["met_before"] = int(counts[MET_BEFORE])
    return removed
