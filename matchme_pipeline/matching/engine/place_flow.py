"""The allocation between two sides as a minimum-cost flow, solved by OR-tools.

source -> members of the first side -> members of the second side -> sink

A member's places are parallel arcs of capacity 1 from the source (or to the sink). Their costs are the negated values
of the places; values fall from place to place, so a minimum-cost flow fills them in order. The first place of a member
without a touched pair has an additional reward that exceeds everything else, because members served come first in the
objective. A pair is an arc of capacity 1 whose cost is its negated score. An arc from source to sink carries the
remaining flow.

Costs are whole thousandths of a point. The solver uses 64-bit costs times the number of nodes. The reward grows with
half of the members, so this suffices for about six million members in one region; `solve` raises beyond that.
"""

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.errors import PipelineError
from matchme_pipeline.matching.engine.allocation_problem import PLACE_VALUES, UNITS_PER_POINT, Objective, Problem

_PLACE_UNITS = np.array(PLACE_VALUES, dtype=np.int64) * UNITS_PER_POINT
# Serving one more member rarely needs a longer chain of pairs.
_LIKELY_PAIRS_TRADED = 8


def solve(problem: Problem, first_side: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], Objective]:
    """The best choice among the pairs that run between the sides, and the objective that it reaches."""
    across = np.flatnonzero(first_side[problem.a] != first_side[problem.b])
    chosen = np.zeros(len(problem.a), dtype=bool)
    if not len(across):
        return chosen, Objective()
    most_units = int(problem.units.max())
    enough = coverage_reward(len(problem.taken), most_units)
    # Small costs are solved faster. If a small reward serves as many members as possible, a larger one is not needed.
    for reward in (min(enough, _LIKELY_PAIRS_TRADED * most_units + 4 * int(_PLACE_UNITS[0])), enough):
        chosen[across] = _flow(problem, first_side, across, reward)
        if reward == enough or serves_maximum(problem, first_side, across, chosen):
            break
    return chosen, objective(problem, chosen)


def serves_maximum(
    problem: Problem, first_side: NDArray[np.bool_], across: NDArray[np.intp], chosen: NDArray[np.bool_]
) -> bool:
    """Does no selection among the pairs `across` serve more members than `chosen`, which also runs across?

    Each side is examined separately. From the members with empty lists, alternating paths (Berge 1957) lead over any
    pair to a partner, and from there over selected pairs back. If they reach a partner with a free place, or a member
    whose list has another match, one more member can be served. Otherwise all places of the reached partners belong to
    reached members, one each, and no selection serves more of these.
    """
    degrees = problem.taken + problem.degrees(chosen)
    a, b, is_chosen = problem.a[across], problem.b[across], chosen[across]
    from_a = first_side[a]
    for own, other in (
        (np.where(from_a, a, b), np.where(from_a, b, a)),
        (np.where(from_a, b, a), np.where(from_a, a, b)),
    ):
        met = np.zeros(len(degrees), dtype=bool)
        met[own[degrees[own] == 0]] = True
        chosen_own, chosen_other = own[is_chosen], other[is_chosen]
        count = 0
        while (now := int(np.count_nonzero(met))) > count:
            count = now
            partners = np.zeros(len(degrees), dtype=bool)
            partners[other[met[own]]] = True
            back = chosen_own[partners[chosen_other]]
            if (degrees[partners] < problem.most).any() or (degrees[back] > 1).any():
                return False
            met[back] = True
    return True


def objective(problem: Problem, chosen: NDArray[np.bool_]) -> Objective:
    """The objective of a selection of pairs."""
    degrees = problem.degrees(chosen)
    served = int(np.count_nonzero((problem.taken == 0) & (degrees > 0)))
    worth = np.concatenate([[0], np.cumsum(_PLACE_UNITS)])
    places = (worth[problem.taken + degrees] - worth[problem.taken])[degrees > 0]
    return Objective(served, int(places.sum()) + int(problem.units[chosen].sum()))


def coverage_reward(members: int, most_units: int) -> int:
    """The reward for serving one more member, in thousandths of a point: larger than any other gain.

    Two flows differ by cycles that visit each node at most once. Such a cycle exchanges at most members / 2 + 1 pairs
    and two places on either side, so it cannot lose more than these are worth.
    """
    return (members // 2 + 1) * max(most_units, 1) + 4 * int(_PLACE_UNITS[0]) + 1


def free_places(problem: Problem, reward: int) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Every free place: its member, and its value including the reward for serving the member."""
    n = len(problem.taken)
    place = np.arange(problem.most)
    is_free = place[None, :] >= problem.taken[:, None]
    member = np.broadcast_to(np.arange(n)[:, None], is_free.shape)[is_free]
    worth = np.broadcast_to(_PLACE_UNITS[: problem.most] + reward * (place == 0), is_free.shape)[is_free]
    return member, worth


def _flow(problem: Problem, first_side: NDArray[np.bool_], across: NDArray[np.intp], reward: int) -> NDArray[np.bool_]:
    from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

    n = len(problem.taken)
    a, b = problem.a[across], problem.b[across]
    member, worth = free_places(problem, reward)
    from_source, from_a = first_side[member], first_side[a]
    supply = int(np.count_nonzero(from_source))
    flow = SimpleMinCostFlow()
    flow.add_arcs_with_capacity_and_unit_cost(
        np.where(from_a, a, b), np.where(from_a, b, a), np.ones(len(a), dtype=np.int64), -problem.units[across]
    )
    flow.add_arcs_with_capacity_and_unit_cost(
        np.where(from_source, n, member),
        np.where(from_source, member, n + 1),
        np.ones(len(member), dtype=np.int64),
        -worth,
    )
    flow.add_arc_with_capacity_and_unit_cost(n, n + 1, supply, 0)
    flow.set_nodes_supplies(np.array([n, n + 1]), np.array([supply, -supply]))
    status = flow.solve()
    if status != SimpleMinCostFlow.OPTIMAL:
        raise PipelineError(
            f"OR-tools does not solve the allocation of {n:,} members over {len(a):,} pairs ({status.name}). "
            "Set MATCHME_LEAST_SCORE, so that fewer weak pairs join regions to one another."
        )
    return np.asarray(flow.flows(np.arange(len(a))) > 0)
