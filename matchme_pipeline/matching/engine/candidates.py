"""The best candidates of every member, exactly: every pair is examined once, in blocks.

Members are processed by group (a gender and the genders it looks for). One compiled pass compares a block of rows with
all columns. It skips columns that ages or places exclude for the whole block (`pruning`), applies the hard filters to
every other pair, and computes the dot product only for eligible pairs.
"""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import fsum, sqrt

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.engine.allocation_problem import MAX_MATCHES
from matchme_pipeline.matching.engine.pair_scan import (
    ABSENT,
    Found,
    Known,
    Reach,
    best_of,
    meet,
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
    advance: Callable[[int, int], None] = lambda _done, _total: None,
) -> Candidates:
    """The `per_member` best eligible partners of every member, without `excluded` pairs (positions, either order).

    Equal scores go to the partner with the lower position. The result does not depend on the block size or the number
    of `threads` (None: all processors). The similarity's calibration includes excluded pairs, because a member's
    history must not change the meaning of similarity. `advance` receives the numbers of finished rows and of all rows.
    """
    n = len(profiles.members)
    known = Known(profiles.records(), profiles.vectors.quantised, profiles.themes.bits, *met_before(excluded, n))
    meetings = list(_meetings(profiles.members))
    best = np.full((n, per_member), ABSENT, dtype=np.uint64)
    possibilities = np.zeros(n, dtype=np.int64)
    counts = np.zeros(FILTER_RESULTS, dtype=np.int64)
    bounds = member_bounds(known.records)
    workers = threads or _processors()
    total = sum(len(meeting.rows) for meeting in meetings)
    with ThreadPoolExecutor(workers) as pool:
        calibration = _calibrate(known, meetings, bounds, pool)
        for meeting in meetings:
            begins = iter(range(0, len(meeting.rows), block_rows))
            tiles = group_bounds(bounds[meeting.columns], tile_columns)
            shares = [_Share(meeting, known, bounds, tiles, calibration, per_member) for _ in range(workers)]

            def work(share: _Share, begins: Iterator[int] = begins) -> list[_RowsDone]:
                return share.work(begins, block_rows, tile_columns, lambda done: advance(done, total))

            for rows_done in pool.map(work, shares):
                for rows, row_best, row_possibilities in rows_done:
                    best[rows] = best_of(per_member, best[rows], row_best)
                    possibilities[rows] += row_possibilities
            columns = meeting.columns
            best[columns] = best_of(per_member, best[columns], *(share.column_best for share in shares))
            for share in shares:
                possibilities[columns] += share.column_possibilities
                counts += share.counts
    a, b, score = _pairs(best)
    _count_pruned(profiles.members, meetings, counts)
    eligible = int(counts[ELIGIBLE] + counts[MET_BEFORE])
    bound = float(score_of(best[:, :MAX_MATCHES]).sum(dtype=np.float64)) / 2
    return Candidates(a, b, score, possibilities, eligible, bound, calibration, _removed(n, meetings, counts))


# Positions of rows, their bests and their possibilities.
_RowsDone = tuple[NDArray[np.intp], NDArray[np.uint64], NDArray[np.int64]]


class _Share:
    """What one thread does of a meeting; no two threads write to the same place."""

    def __init__(
        self, meeting: Meeting, known: Known, bounds: Bounds, tiles: Bounds, calibration: Calibration, per_member: int
    ) -> None:
        self.meeting, self.known, self.calibration = meeting, known, calibration
        self.bounds, self.tiles = bounds, tiles
        self.column_best = np.full((len(meeting.columns), per_member), ABSENT, dtype=np.uint64)
        self.column_possibilities = np.zeros(len(meeting.columns), dtype=np.int64)
        self.counts = np.zeros(FILTER_RESULTS, dtype=np.int64)

    def work(
        self, begins: Iterator[int], block_rows: int, tile_columns: int, advance: Callable[[int], None]
    ) -> list[_RowsDone]:
        """Take blocks of rows from `begins` until none is left; their positions, bests and possibilities."""
        done = []
        # A range's iterator hands out each number once, whatever thread asks.
        for begin in begins:
            rows = self.meeting.rows[begin : begin + block_rows]
            row_best = np.full((len(rows), self.column_best.shape[1]), ABSENT, dtype=np.uint64)
            row_possibilities = np.zeros(len(rows), dtype=np.int64)
            found = Found(row_best, self.column_best, row_possibilities, self.column_possibilities, self.counts)
            own = self.bounds[rows]
            reach = Reach(group_bounds(own, block_rows), own, self.tiles)
            after = begin + 1 if self.meeting.one_side else -len(self.meeting.rows)
            meet(self.known, rows, self.meeting.columns, reach, after, tile_columns, self.calibration, found)
            done.append((rows, row_best, row_possibilities))
            advance(len(rows))
        return done


def _processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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


def _calibrate(known: Known, meetings: list[Meeting], bounds: Bounds, pool: ThreadPoolExecutor) -> Calibration:
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
