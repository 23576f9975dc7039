"""Selects one of several equally good allocations; compiled.

The solver receives the pairs in the order of ids and runs in one thread, so the same members and pairs always give the
same allocation. Among members who tie for a place, the lower id then gets it: a pair is replaced by another pair of the
same member with the same score if its partner has a lower id and, without the place, a list as long as the first
partner would keep. The objective does not change.
"""

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.engine.allocation_problem import Problem
from matchme_pipeline.matching.rules.jit import entry


def lower_ids_first(problem: Problem, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The choice of pairs with ties given to the lower id."""
    settled = chosen.copy()
    degrees = problem.taken + problem.degrees(chosen)
    starts = np.concatenate([[0], np.cumsum(problem.degrees(np.ones(len(chosen), dtype=bool)))])
    move_to_lower_ids(problem.a, problem.b, problem.units, starts, degrees, settled)
    return settled


@entry
def move_to_lower_ids(
    a: NDArray[np.intp],
    b: NDArray[np.intp],
    units: NDArray[np.int64],
    starts: NDArray[np.int64],
    degrees: NDArray[np.int64],
    chosen: NDArray[np.bool_],
) -> None:
    """Move places to lower ids until no move is possible; every move lowers the sum of the selected ids."""
    # Every member's pairs, by the other side's id: pairs are ordered by (a, b).
    filled = starts[:-1].copy()
    own = np.empty(2 * len(a), dtype=np.intp)
    for pair in range(len(a)):
        own[filled[b[pair]]] = pair
        filled[b[pair]] += 1
    for pair in range(len(a)):
        own[filled[a[pair]]] = pair
        filled[a[pair]] += 1
    moved = True
    while moved:
        moved = False
        for member in range(len(degrees)):
            for place in range(starts[member], starts[member + 1]):
                pair = own[place]
                if not chosen[pair]:
                    continue
                old_partner = a[pair] + b[pair] - member
                for lower in own[starts[member] : place]:
                    winner = a[lower] + b[lower] - member
                    if (
                        not chosen[lower]
                        and units[lower] == units[pair]
                        and degrees[winner] == degrees[old_partner] - 1
                    ):
                        chosen[lower], chosen[pair] = True, False
                        degrees[winner] += 1
                        degrees[old_partner] -= 1
                        moved = True
                        break
