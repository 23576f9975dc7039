"""The scan of all pairs of two groups in shares, and where shares run: by default in threads of this process.

A share is a part of the blocks of rows. It has its own results and only reads the members' data; results are merged by
key and do not depend on how blocks are distributed.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.engine.pair_scan import ABSENT, Found, Known, Reach, meet
from matchme_pipeline.matching.engine.pruning import Bounds, group_bounds
from matchme_pipeline.matching.rules.compatibility import Calibration
from matchme_pipeline.matching.rules.eligibility import FILTER_RESULTS


class Scan(NamedTuple):
    """All pairs of `rows` and `columns` (positions); `one_side`: both are the same members, each pair counts once.

    `tiles`: the bounds of every `tile_columns` columns. `per_member`: the number of candidates to keep.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    one_side: bool
    tiles: Bounds
    calibration: Calibration
    per_member: int
    block_rows: int
    tile_columns: int

    @property
    def begins(self) -> range:
        """Where blocks of rows begin."""
        return range(0, len(self.rows), self.block_rows)


class ShareResult(NamedTuple):
    """A share's blocks (positions of rows, their best keys, their possibilities), and what it found of all columns."""

    blocks: list[tuple[NDArray[np.intp], NDArray[np.uint64], NDArray[np.int64]]]
    column_best: NDArray[np.uint64]
    column_possibilities: NDArray[np.int64]
    counts: NDArray[np.int64]


# Scans all pairs of two groups and reports the numbers of rows as they are finished.
ScanShares = Callable[[Scan, Callable[[int], None]], Iterable[ShareResult]]


class FanOut(Protocol):
    """A place where the shares of scans run."""

    def over(self, known: Known, bounds: Bounds) -> AbstractContextManager[ScanShares]:
        """A function that scans pairs of these members, whose bounds are `bounds`; usable within the block."""


class Threads:
    """Runs shares in threads of this process; `count` None: one for each processor that it may use."""

    def __init__(self, count: int | None = None) -> None:
        self.count = count or processors()

    @contextmanager
    def over(self, known: Known, bounds: Bounds) -> Iterator[ScanShares]:
        """As in `FanOut`."""
        with ThreadPoolExecutor(self.count) as pool:

            def scan(whole: Scan, advance: Callable[[int], None]) -> Iterable[ShareResult]:
                # A range's iterator returns each number once, also to several threads.
                begins = iter(whole.begins)
                return pool.map(lambda _: scan_share(known, bounds, whole, begins, advance), range(self.count))

            yield scan


def scan_share(
    known: Known,
    bounds: Bounds,
    scan: Scan,
    begins: Iterable[int],
    advance: Callable[[int], None] = lambda _rows: None,
) -> ShareResult:
    """Scan the blocks of rows that start at `begins` against all columns."""
    column_best = np.full((len(scan.columns), scan.per_member), ABSENT, dtype=np.uint64)
    column_possibilities = np.zeros(len(scan.columns), dtype=np.int64)
    counts = np.zeros(FILTER_RESULTS, dtype=np.int64)
    blocks = []
    for begin in begins:
        rows = scan.rows[begin : begin + scan.block_rows]
        row_best = np.full((len(rows), scan.per_member), ABSENT, dtype=np.uint64)
        row_possibilities = np.zeros(len(rows), dtype=np.int64)
        found = Found(row_best, column_best, row_possibilities, column_possibilities, counts)
        own = bounds[rows]
        reach = Reach(group_bounds(own, scan.block_rows), own, scan.tiles)
        after = begin + 1 if scan.one_side else -len(scan.rows)
        meet(known, rows, scan.columns, reach, after, scan.tile_columns, scan.calibration, found)
        blocks.append((rows, row_best, row_possibilities))
        advance(len(rows))
    return ShareResult(blocks, column_best, column_possibilities, counts)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
