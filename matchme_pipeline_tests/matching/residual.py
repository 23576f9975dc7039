"""The certificate of an optimal flow: its residual network has no cycle that gains.

Built from the definitions of the objective, not from the network that is solved. Where no such cycle is left,
Bellman and Ford's distances are dual prices that prove the optimum (Ahuja, Magnanti and Orlin 1993, theorem 9.1).
"""

import numpy as np

from matchme_pipeline.matching.engine.allocation_problem import PLACE_VALUES


def gains_nothing(
    n: int, a: np.ndarray, b: np.ndarray, units: np.ndarray, chosen: np.ndarray, first_side: np.ndarray, most: int
) -> bool:
    """Whether no exchange of pairs between the two sides, however long, makes the allocation better."""
    source, sink = n, n + 1
    served = 1 + int(units.sum()) + 1000 * n * sum(PLACE_VALUES)
    worth = [1000 * value + served * (place == 0) for place, value in enumerate(PLACE_VALUES[:most])]
    arcs = [(source, sink, 0), (sink, source, 0)]
    for one, other, unit, taken in zip(a.tolist(), b.tolist(), units.tolist(), chosen.tolist(), strict=True):
        tail, head = (one, other) if first_side[one] else (other, one)
        arcs.append((head, tail, unit) if taken else (tail, head, -unit))
    degrees = np.bincount(np.concatenate([a[chosen], b[chosen]]), minlength=n).tolist()
    for member, degree in enumerate(degrees):
        into, out = (source, member) if first_side[member] else (member, sink)
        if degree < most:
            arcs.append((into, out, -worth[degree]))
        if degree > 0:
            arcs.append((out, into, worth[degree - 1]))
    tails, heads, costs = np.array(arcs, dtype=np.int64).T
    prices = np.zeros(n + 2, dtype=np.int64)
    for _ in range(n + 3):
        reached = prices.copy()
        np.minimum.at(reached, heads, prices[tails] + costs)
        if (reached == prices).all():
            return True
        prices = reached
    return False
