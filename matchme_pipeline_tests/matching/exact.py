"""The best allocation by another exact solver (HiGHS): the referee of small instances."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from matchme_pipeline.matching.engine.allocation_problem import PLACE_VALUES

Edges = dict[tuple[int, int], float]


def best(n: int, edges: Edges, most: int, touched: Sequence[tuple[int, int]] = ()) -> tuple[int, int]:
    """How many members can be served at once, and the most that their lists can then be worth, in thousandths."""
    pairs = sorted(edges)
    taken = [sum(member in pair for pair in touched) for member in range(n)]
    # One variable for each pair, then one for each free place.
    places = [(member, place) for member in range(n) for place in range(taken[member], most)]
    width = len(pairs) + len(places)
    degrees = np.zeros((n, width))
    for column, pair in enumerate(pairs):
        degrees[list(pair), column] = 1
    for column, (member, _) in enumerate(places, start=len(pairs)):
        degrees[member, column] = -1
    rules = [LinearConstraint(degrees, 0, 0)]
    # Who has no place left can have no pair.
    possible = Bounds(0, np.array([all(taken[m] < most for m in pair) for pair in pairs] + [1] * len(places)))
    first = np.array([0.0] * len(pairs) + [float(place == 0) for _, place in places])
    value = np.array(
        [float(round(1000 * edges[pair])) for pair in pairs] + [1000.0 * PLACE_VALUES[place] for _, place in places]
    )
    if not pairs:
        return 0, 0
    served = _most(first, rules, possible)
    return served, _most(value, [*rules, LinearConstraint(first[None, :], served, served)], possible)


def _most(gain: np.ndarray, rules: list[LinearConstraint], possible: Bounds) -> int:
    found = milp(
        -gain, constraints=rules, integrality=np.ones(len(gain)), bounds=possible, options={"mip_rel_gap": 0.0}
    )
    assert found.success, found.message
    return round(-found.fun)
