"""The compiled pass over pairs: apply the filters, score eligible pairs, keep the best of both sides.

A candidate is stored as one number, its key: the bits of its score (a float32 of 0 or more, whose bits sort like its
values), then the complement of the partner's position. Larger keys are better; equal scores go to the lower position.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.engine.pruning import Bounds, cannot_meet
from matchme_pipeline.matching.rules.compatibility import (
    SOFT_PREFERENCE_POINTS,
    Calibration,
    dna_factor,
    in_common,
    shared_factor,
    similarity_factor,
    soft_preference_points,
    weighted,
)
from matchme_pipeline.matching.rules.eligibility import ELIGIBLE, MET_BEFORE, first_failed_filter
from matchme_pipeline.matching.rules.jit import entry, rule
from matchme_pipeline.matching.rules.member_records import Records
from matchme_pipeline.matching.rules.quantised_vectors import cosine

# The key of an empty place; member positions stay below its lower half.
ABSENT = np.uint64(0)
_SHIFT = np.uint64(32)
_LOWER = np.uint64(0xFFFFFFFF)
# The margin for comparisons with bounds, in points of the score; much larger than rounding errors.
_SPARE = 1e-3


class Known(NamedTuple):
    """Data of all members by position: records, vectors, themes, and partners met before.

    Partners of member m are met[met_starts[m]:met_starts[m + 1]], ascending.
    """

    records: Records
    quantised: NDArray[np.int16]
    themes: NDArray[np.uint64]
    met_starts: NDArray[np.intp]
    met: NDArray[np.intp]


class Found(NamedTuple):
    """What a pass has found: heaps of keys by row and by column, eligible partners by both, pairs by failed filter.

    `counts` contains only some of the pairs that age or distance excludes.
    """

    row_best: NDArray[np.uint64]
    column_best: NDArray[np.uint64]
    row_possibilities: NDArray[np.int64]
    column_possibilities: NDArray[np.int64]
    counts: NDArray[np.int64]


class Reach(NamedTuple):
    """Bounds of a pass: of the rows together, of each row, of each tile of columns."""

    block: Bounds
    rows: Bounds
    tiles: Bounds


@entry
def meet(
    known: Known,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    reach: Reach,
    after: int,
    tile: int,
    calibration: Calibration,
    found: Found,
) -> None:
    """Filter the pairs of `rows` and `columns` (positions), score the eligible ones, and keep the best of both in
    `found`.

    Columns are processed in tiles of `tile` columns whose vectors fit the processor's cache. Row i is paired with the
    columns from `after` + i on: if both are the same members, each pair is examined once. Tiles that age or distance
    excludes for a row are skipped.
    """
    records, quantised, themes = known.records, known.quantised, known.themes
    column_records = records[columns]
    as_float = np.empty(1, dtype=np.float32)
    as_bits = as_float.view(np.uint32)
    eligible = np.empty(tile, dtype=np.intp)
    mean, deviation = calibration.mean, calibration.deviation
    for first in range(0, len(columns), tile):
        bound = reach.tiles[first // tile]
        if cannot_meet(reach.block[0], bound):
            continue
        for i in range(len(rows)):
            if cannot_meet(reach.rows[i], bound):
                continue
            a = rows[i]
            one = records[a]
            count = 0
            for j in range(max(first, after + i), min(first + tile, len(columns))):
                said = first_failed_filter(one, column_records[j])
                if said == ELIGIBLE and have_met(known.met_starts, known.met, a, columns[j]):
                    said = MET_BEFORE
                found.counts[said] += 1
                if said == ELIGIBLE:
                    eligible[count] = j
                    count += 1
            found.row_possibilities[i] += count
            for j in eligible[:count]:
                b, other = columns[j], column_records[j]
                found.column_possibilities[j] += 1
                # Each side keeps a pair only if it beats the side's worst candidate. Once neither side can keep it,
                # scoring stops. Cheap factors come first.
                as_bits[0] = min(found.row_best[i, 0], found.column_best[j, 0]) >> _SHIFT
                worst = as_float[0] - _SPARE
                dna, shared = dna_factor(one, other), shared_factor(one, other, in_common(themes, a, b))
                if weighted(1.0, SOFT_PREFERENCE_POINTS, shared, dna) < worst:
                    continue
                soft_preferences = soft_preference_points(one, other)
                if weighted(1.0, soft_preferences, shared, dna) < worst:
                    continue
                similarity = similarity_factor(one, other, cosine(quantised, a, quantised, b), mean, deviation)
                as_float[0] = weighted(similarity, soft_preferences, shared, dna)
                key = np.uint64(as_bits[0]) << _SHIFT
                push(found.row_best, i, key | (_LOWER - np.uint64(b)))
                push(found.column_best, j, key | (_LOWER - np.uint64(a)))


@rule
def have_met(starts: NDArray[np.intp], met: NDArray[np.intp], a: int, b: int) -> bool:
    """Binary search: has `a` met `b`?"""
    low, high = starts[a], starts[a + 1]
    end = high
    while low < high:
        middle = (low + high) // 2
        if met[middle] < b:
            low = middle + 1
        else:
            high = middle
    return bool(low < end and met[low] == b)


@entry
def similarity_sums(
    known: Known, rows: NDArray[np.intp], columns: NDArray[np.intp], bounds: Bounds, tiles: Bounds, tile: int
) -> NDArray[np.float64]:
    """Number, sum and sum of squares of the cosines of each row with its eligible columns, (rows, 3).

    `bounds` are those of all members, `tiles` those of every `tile` columns.
    """
    sums = np.zeros((len(rows), 3))
    for i in range(len(rows)):
        a = rows[i]
        for first in range(0, len(columns), tile):
            if cannot_meet(bounds[a], tiles[first // tile]):
                continue
            for b in columns[first : first + tile]:
                one, other = known.records[a], known.records[b]
                if a != b and one.has_vector and other.has_vector and first_failed_filter(one, other) == ELIGIBLE:
                    value = cosine(known.quantised, a, known.quantised, b)
                    sums[i, 0] += 1.0
                    sums[i, 1] += value
                    sums[i, 2] += value * value
    return sums


@entry
def pairs_of_lower(best: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The number of pairs for each member as the lower of the two, among the best candidates of either."""
    counts = np.zeros(len(best), dtype=np.int64)
    for member in range(len(best)):
        for key in best[member]:
            if key != ABSENT:
                low = lower_of(best, member, key)
                if low >= 0:
                    counts[low] += 1
    return counts


@entry
def write_pairs(
    best: NDArray[np.uint64], starts: NDArray[np.intp], high: NDArray[np.intp], score: NDArray[np.float32]
) -> None:
    """Fill the pairs of each lower member m, high[starts[m]:starts[m + 1]], ascending, and their scores."""
    filled = starts[:-1].copy()
    as_bits = np.empty(1, dtype=np.uint32)
    as_float = as_bits.view(np.float32)
    # Members come in order, so a member's own best candidates are sorted at the end.
    for member in range(len(best)):
        for key in best[member]:
            if key != ABSENT:
                low = lower_of(best, member, key)
                if low >= 0:
                    as_bits[0] = np.uint32(key >> _SHIFT)
                    partner = np.intp(_LOWER - (key & _LOWER))
                    high[filled[low]] = member if low == partner else partner
                    score[filled[low]] = as_float[0]
                    filled[low] += 1
    for low in range(len(best)):
        own = slice(starts[low], starts[low + 1])
        order = np.argsort(high[own])
        high[own] = high[own][order]
        score[own] = score[own][order]


@rule
def lower_of(best: NDArray[np.uint64], member: int, key: np.uint64) -> int:
    """The lower member of a pair among the best of `member`, if this member writes the pair; otherwise -1.

    The lower member writes their own best candidates; the higher member writes pairs that only they keep.
    """
    partner = np.intp(_LOWER - (key & _LOWER))
    if member < partner:
        return member
    # The pair's key for the lower member, compared with that member's worst key.
    seen_from_there = (key >> _SHIFT << _SHIFT) | (_LOWER - np.uint64(member))
    return int(partner) if seen_from_there < best[partner, -1] else -1


@rule
def push(heaps: NDArray[np.uint64], row: int, key: np.uint64) -> None:
    """Replace the smallest key of the min-heap heaps[row] by `key` if `key` is larger."""
    if key <= heaps[row, 0]:
        return
    place, size = 0, heaps.shape[1]
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and heaps[row, child + 1] < heaps[row, child]:
            child += 1
        if heaps[row, child] >= key:
            break
        heaps[row, place] = heaps[row, child]
        place = child
    heaps[row, place] = key


def best_of(per_member: int, *bests: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The `per_member` best keys of several heaps, row by row, best first."""
    together = np.concatenate(bests, axis=1)
    together.sort(axis=1)
    return np.ascontiguousarray(together[:, : -per_member - 1 : -1])


def score_of(keys: NDArray[np.uint64]) -> NDArray[np.float32]:
    """The scores in keys."""
    return (keys >> _SHIFT).astype(np.uint32).view(np.float32)
