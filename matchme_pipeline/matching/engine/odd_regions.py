"""The allocation where members who look for their own gender leave a region without two sides.

A flow does not solve such a region in integers. Therefore:

1. Bound: half of the optimal flow over the double cover (every member once on each side, every pair twice). No
   allocation exceeds it (the linear relaxation, half-integral; Nemhauser and Trotter 1975). The pairs that this flow
   takes in both directions are the first choice.
2. Improvement by exact flows: members are split into two sides; the chosen pairs within a side stay, and all pairs
   across are solved to optimality. The previous choice remains possible, so no step loses value. The first split is by
   gender; later splits move members with a pair inside their side at random, from a fixed seed.
3. If the bound is not reached, OR-tools' constraint solver (CP-SAT) proves the integer optimum of a region of at most
   MAX_EXACT_PAIRS pairs. In a larger region the remaining gap to the bound is reported.
"""

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.engine import place_flow
from matchme_pipeline.matching.engine.allocation_problem import Objective, Problem

_SEED = 16
# A round solves the region again, so a large region gets fewer rounds.
MAX_ROUNDS = 16
_PAIRS_SOLVED = 2_000_000
MAX_EXACT_PAIRS = 2_000
# The solver's deterministic measure of work, equal on every machine; about ten seconds.
_MAX_WORK = 10.0

Solved = tuple[NDArray[np.bool_], Objective, Objective]


def solve(problem: Problem, sides: NDArray[np.bool_]) -> Solved:
    """The selected pairs, their value, and an upper bound for any selection."""
    chosen, bound = relaxed(problem)
    rng = np.random.default_rng(_SEED)
    partition = sides
    within = sides[problem.a] == sides[problem.b]
    movable = np.zeros(len(sides), dtype=bool)
    movable[problem.a[within]] = movable[problem.b[within]] = True
    for _ in range(min(MAX_ROUNDS, 1 + _PAIRS_SOLVED // len(problem.a))):
        chosen = improved(problem, chosen, partition)
        if place_flow.objective(problem, chosen) >= bound:
            return chosen, bound, bound
        partition = sides ^ (movable & (rng.random(len(sides)) < 0.5))
    if len(problem.a) <= MAX_EXACT_PAIRS:
        return proven(problem, chosen, bound)
    chosen = filled(problem, chosen)
    return chosen, place_flow.objective(problem, chosen), bound


def relaxed(problem: Problem) -> tuple[NDArray[np.bool_], Objective]:
    """The pairs that the double cover's optimum contains in both directions, and half of its value."""
    n, m = len(problem.taken), len(problem.a)
    tail = np.concatenate([problem.a, problem.b])
    head = n + np.concatenate([problem.b, problem.a])
    double = Problem(tail, head, np.tile(problem.units, 2), np.tile(problem.taken, 2), problem.most)
    taken, reached = place_flow.solve(double, np.arange(2 * n) < n)
    return taken[:m] & taken[m:], Objective(reached.served / 2, reached.value / 2)


def improved(problem: Problem, chosen: NDArray[np.bool_], partition: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The best selection that keeps the selected pairs within either side of the partition."""
    fixed = chosen & (partition[problem.a] == partition[problem.b])
    taken = problem.taken + problem.degrees(fixed)
    around = Problem(problem.a, problem.b, problem.units, taken, problem.most)
    return np.asarray(fixed | place_flow.solve(around, partition)[0])


def filled(problem: Problem, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The choice with every pair that two members still have a place for, the best first."""
    places = problem.most - problem.taken - problem.degrees(chosen)
    made = chosen.copy()
    left = np.flatnonzero(~chosen & (places[problem.a] > 0) & (places[problem.b] > 0))
    for pair in left[np.argsort(-problem.units[left], kind="stable")]:
        a, b = problem.a[pair], problem.b[pair]
        if places[a] > 0 and places[b] > 0:
            made[pair] = True
            places[a] -= 1
            places[b] -= 1
    return made


def proven(problem: Problem, start: NDArray[np.bool_], bound: Objective) -> Solved:
    """The optimum by CP-SAT, starting from a first selection; at its work limit, the best selection found."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    pairs = [model.new_bool_var("") for _ in problem.a]
    own: list[list[cp_model.IntVar]] = [[] for _ in problem.taken]
    for variable, a, b, hint in zip(pairs, problem.a.tolist(), problem.b.tolist(), start.tolist(), strict=True):
        own[a].append(variable)
        own[b].append(variable)
        model.add_hint(variable, hint)
    places: list[list[cp_model.IntVar]] = [[] for _ in problem.taken]
    gained = []
    reward = place_flow.coverage_reward(len(problem.taken), int(problem.units.max(initial=0)))
    for member, worth in zip(*(column.tolist() for column in place_flow.free_places(problem, reward)), strict=True):
        places[member].append(model.new_bool_var(""))
        gained.append(worth * places[member][-1])
    for chosen_by, places_of in zip(own, places, strict=True):
        # Values fall from place to place, so the first places are filled first.
        model.add(sum(chosen_by) == sum(places_of))
    gained += [units * pair for units, pair in zip(problem.units.tolist(), pairs, strict=True)]
    model.maximize(sum(gained))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = _SEED
    solver.parameters.max_deterministic_time = _MAX_WORK
    status = solver.solve(model)
    found = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    chosen = np.array([solver.boolean_value(pair) for pair in pairs]) if found else start
    chosen = filled(problem, chosen)
    reached = place_flow.objective(problem, chosen)
    return chosen, reached, reached if status == cp_model.OPTIMAL else bound
