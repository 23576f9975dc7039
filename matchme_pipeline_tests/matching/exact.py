"""The best allocation by an exact solver (HiGHS): for small instances, to hold the allocation against."""

from collections.abc import Collection

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

Edges = dict[tuple[int, int], int]


def best_total(n: int, edges: Edges, most: int, served: Collection[int] = ()) -> float:
    """The largest total of scores with at most `most` pairs a member and at least one for those to be `served`."""
    return -_solve(n, edges, most, [-edges[pair] for pair in sorted(edges)], [0] * n, served)


def most_covered(n: int, edges: Edges, most: int) -> int:
    """How many members can have a pair at once."""
    return round(-_solve(n, edges, most, [0] * len(edges), [-1] * n, ()))


def _solve(
    n: int, edges: Edges, most: int, of_pairs: list[int], of_members: list[int], served: Collection[int]
) -> float:
    """Minimise over pairs (chosen or not) and members (served or not): integer linear programming."""
    pairs = sorted(edges)
    if not pairs:
        return 0.0
    at = np.zeros((n, len(pairs)))
    for column, (a, b) in enumerate(pairs):
        at[a, column] = at[b, column] = 1
    nothing, each = np.zeros((n, n)), np.eye(n)
    rules = [
        LinearConstraint(np.hstack([at, nothing]), 0, most),
        # A member counts as served only with a pair.
        LinearConstraint(np.hstack([at, -each]), 0, np.inf),
    ]
    cost = np.array([*of_pairs, *of_members], dtype=float)
    least = np.zeros(len(cost))
    least[[len(pairs) + member for member in served]] = 1
    found = milp(cost, constraints=rules, integrality=np.ones(len(cost)), bounds=Bounds(least, 1))
    assert found.success, found.message
    return float(found.fun)
