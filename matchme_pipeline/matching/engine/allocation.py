"""Selects the pairs that members are shown: a mutual b-matching with at most five partners each, solved to proven
optimality.

The objective is lexicographic:

1. the number of members with at least one partner;

2. the value of all lists in points: PLACE_VALUES for the filled places plus the scores of the selected pairs. The
values fall from the first place to the fifth (concave), so a place is worth more in a shorter list: equal exposure is
part of the objective;

3. the lower id, see `tie_breaking`.

If all pairs of a region run between two sides (men and women), the problem is a minimum-cost flow (`place_flow`) with
an exact integer optimum. Regions without common pairs are separate problems. Members who look for their own gender can
create a region without two sides; `odd_regions` solves it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.engine.allocation_problem import MAX_MATCHES, UNITS_PER_POINT, Objective, Problem

# Small regions are solved together. The arrays of a network take about 150 bytes per pair.
_PAIRS_AT_ONCE = 1_000_000
# A part with this many times fewer pairs than there are members finds its members by sorting its own pairs.
_SMALL_PART = 16


@dataclass(frozen=True)
class Allocated:
    """The selected pairs' numbers, ascending; their value, and an upper bound for any allocation.

    Value and bound are equal if the optimum is proven. Touched pairs count in neither.
    """

    chosen: NDArray[np.intp]
    reached: Objective
    bound: Objective

    @property
    def share_of_optimum(self) -> float:
        """A lower bound on the share of the optimum, for members served and for value; 1 if the optimum is proven."""
        served = self.reached.served / self.bound.served if self.bound.served else 1.0
        value = self.reached.value / self.bound.value if self.bound.value else 1.0
        return min(served, value, 1.0)


def allocate(
    members: int,
    a: NDArray[np.intp],
    b: NDArray[np.intp],
    score: NDArray[np.float32],
    touched: Sequence[tuple[int, int]] | NDArray[np.intp] = (),
    most: int = MAX_MATCHES,
    side: NDArray[np.bool_] | None = None,
) -> Allocated:
    """Select among the pairs (a[i], b[i]), each listed once, so that no member has more than `most`.

    `score`: 0 to 100 points. `touched` pairs take up their members' places. `side`: the first partition to try in a
    region without two sides, for example by gender. The order of the pairs does not matter.
    """
    taken = np.bincount(np.asarray(touched, dtype=np.intp).reshape(-1), minlength=members).astype(np.int64)
    low, high = (a, b) if (a < b).all() else (np.minimum(a, b), np.maximum(a, b))
    open_pairs = np.flatnonzero((taken[low] < most) & (taken[high] < most))
    order = _ordered(open_pairs, low, high, members)
    units = np.rint(score[order].astype(np.float64) * UNITS_PER_POINT).astype(np.int64)
    whole = Problem(low[order], high[order], units, taken, most)
    chosen = np.zeros(len(order), dtype=bool)
    reached = bound = Objective()
    for part in parts(whole, side):
        chosen[part.pairs], part_reached, part_bound = part.solve()
        reached, bound = reached + part_reached, bound + part_bound
    from matchme_pipeline.matching.engine.tie_breaking import lower_ids_first

    return Allocated(np.sort(order[lower_ids_first(whole, chosen)]), reached, bound)


def _ordered(pairs: NDArray[np.intp], low: NDArray[np.intp], high: NDArray[np.intp], members: int) -> NDArray[np.intp]:
    """The pairs' numbers in the order of (low, high); candidates already have this order."""
    keys = low[pairs] * members + high[pairs]
    return pairs if (np.diff(keys) > 0).all() else pairs[np.argsort(keys, kind="stable")]


@dataclass(frozen=True)
class Part:
    """An independent part of a problem: its pairs' numbers in the whole problem, and its members' sides.

    `is_odd`: no choice of sides makes all pairs run between the sides.
    """

    pairs: NDArray[np.intp]
    problem: Problem
    sides: NDArray[np.bool_]
    is_odd: bool

    def solve(self) -> tuple[NDArray[np.bool_], Objective, Objective]:
        """The part's selected pairs, their value, and an upper bound for any selection."""
        # OR-tools and numba are loaded only by a process that allocates.
        from matchme_pipeline.matching.engine import odd_regions, place_flow

        if self.is_odd:
            return odd_regions.solve(self.problem, self.sides)
        chosen, reached = place_flow.solve(self.problem, self.sides)
        return chosen, reached, reached


def parts(whole: Problem, side: NDArray[np.bool_] | None = None) -> Iterator[Part]:
    """The problem's independent parts, ordered by their lowest members.

    Parts share neither members nor pairs: they can be solved in any process, and the results are merged by number.
    """
    from matchme_pipeline.matching.engine.regions import regions

    region, first_side, is_odd = regions(len(whole.taken), whole.a, whole.b)
    own = region[whole.a]
    order = np.argsort(own, kind="stable")
    starts = np.flatnonzero(np.diff(own[order], prepend=-1)).tolist()
    begin = 0
    for start, end in zip(starts, [*starts, len(order)][1:], strict=True):
        label = own[order[start]]
        if is_odd[label]:
            if start > begin:
                yield _part(whole, order[begin:start], first_side, is_odd=False)
            yield _part(whole, order[start:end], first_side if side is None else side, is_odd=True)
            begin = end
        elif end - begin >= _PAIRS_AT_ONCE or end == len(order):
            yield _part(whole, order[begin:end], first_side, is_odd=False)
            begin = end


def _part(whole: Problem, pairs: NDArray[np.intp], sides: NDArray[np.bool_], *, is_odd: bool) -> Part:
    pairs = np.sort(pairs)
    a, b = whole.a[pairs], whole.b[pairs]
    if len(pairs) * _SMALL_PART < len(whole.taken):
        members = np.unique(np.concatenate([a, b]))
        a, b = np.searchsorted(members, a), np.searchsorted(members, b)
    else:
        there = np.zeros(len(whole.taken), dtype=bool)
        there[a] = there[b] = True
        members = np.flatnonzero(there)
        number = np.cumsum(there) - 1
        a, b = number[a], number[b]
    problem = Problem(a, b, whole.units[pairs], whole.taken[members], whole.most)
    return Part(pairs, problem, sides[members], is_odd)
