"""Allocation: at most five each, everybody who can be shown somebody is, near the optimum, whatever the order."""

import itertools
from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from matchme_pipeline.matching.allocation import allocate
from matchme_pipeline.matching.fairness import gini

graphs = st.integers(2, 9).flatmap(
    lambda n: st.tuples(
        st.just(n),
        st.dictionaries(
            st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda pair: pair[0] < pair[1]),
            st.integers(1, 100),
            max_size=12,
        ),
    )
)


def arrays(edges: dict[tuple[int, int], int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pairs = sorted(edges)
    return (
        np.array([a for a, _ in pairs], dtype=np.intp),
        np.array([b for _, b in pairs], dtype=np.intp),
        np.array([edges[pair] for pair in pairs], dtype=np.float32),
    )


def chosen_pairs(n: int, edges: dict[tuple[int, int], int], most: int = 2, fixed: list[tuple[int, int]] | None = None):
    a, b, score = arrays(edges)
    return [(int(a[i]), int(b[i])) for i in allocate(n, a, b, score, fixed or [], most)]


@settings(max_examples=200, deadline=None)
@given(graphs)
def test_nobody_gets_more_than_the_limit_and_no_pair_twice(graph: tuple[int, dict[tuple[int, int], int]]):
    n, edges = graph
    pairs = chosen_pairs(n, edges)
    assert len(pairs) == len(set(pairs))
    assert all(pair in edges for pair in pairs)
    assert max(Counter(itertools.chain.from_iterable(pairs)).values(), default=0) <= 2


@settings(max_examples=200, deadline=None)
@given(graphs)
def test_no_place_is_left_that_two_could_still_share(graph: tuple[int, dict[tuple[int, int], int]]):
    n, edges = graph
    pairs = set(chosen_pairs(n, edges))
    degree = Counter(itertools.chain.from_iterable(pairs))
    assert not [pair for pair in edges if pair not in pairs and degree[pair[0]] < 2 and degree[pair[1]] < 2]


@settings(max_examples=200, deadline=None)
@given(graphs)
def test_nobody_goes_without_while_a_partner_could_spare_a_place(graph: tuple[int, dict[tuple[int, int], int]]):
    n, edges = graph
    pairs = chosen_pairs(n, edges)
    degree = Counter(itertools.chain.from_iterable(pairs))
    for member in set(range(n)) - set(degree):
        partners = [sum(pair) - member for pair in edges if member in pair]
        spare = [pair for partner in partners for pair in pairs if partner in pair and degree[sum(pair) - partner] > 1]
        assert not spare


@settings(max_examples=100, deadline=None)
@given(graphs)
def test_as_many_are_shown_somebody_as_any_allocation_could_serve(graph: tuple[int, dict[tuple[int, int], int]]):
    n, edges = graph
    served = set(itertools.chain.from_iterable(chosen_pairs(n, edges)))
    assert len(served) == most_served(n, edges)


def test_the_total_comes_close_to_the_best_that_serves_as_many():
    shares = [share_of_optimum(seed) for seed in range(25)]
    assert min(shares) > 0.97
    assert np.mean(shares) > 0.99


def share_of_optimum(seed: int) -> float:
    """The allocation's total against the exact solver's on a small town with five places each."""
    rng = np.random.default_rng(seed)
    men, women = int(rng.integers(8, 16)), int(rng.integers(8, 16))
    # Some are liked by all, some live where few do: their lines are thinned out.
    liked, reach = rng.normal(0, 8, men + women), rng.uniform(0.15, 1, men + women)
    edges = {
        (a, men + b): int(np.clip(60 + liked[a] + liked[men + b] + rng.normal(0, 12), 1, 100))
        for a in range(men)
        for b in range(women)
        if rng.random() < reach[a] * reach[men + b]
    }
    total = sum(edges[pair] for pair in chosen_pairs(men + women, edges, most=5))
    return total / best_total(men + women, edges, 5)


def lines(n: int, edges: dict[tuple[int, int], int]) -> np.ndarray:
    """Which member is in which pair, (members, pairs)."""
    inside = np.zeros((n, len(edges)))
    for place, (a, b) in enumerate(sorted(edges)):
        inside[a, place] = inside[b, place] = 1
    return inside


def most_served(n: int, edges: dict[tuple[int, int], int], most: int = 2) -> int:
    """How many members an allocation can serve at most, by an exact solver."""
    if not edges:
        return 0
    inside = lines(n, edges)
    pairs = len(edges)
    # A member counts as served where at least one of their pairs is chosen.
    places = LinearConstraint(np.hstack([inside, np.zeros((n, n))]), ub=most)
    served = LinearConstraint(np.hstack([inside, -np.eye(n)]), lb=0)
    found = milp(
        np.concatenate([np.zeros(pairs), -np.ones(n)]),
        constraints=[places, served],
        integrality=np.ones(pairs + n),
        bounds=Bounds(0, 1),
    )
    return round(-found.fun)


def best_total(n: int, edges: dict[tuple[int, int], int], most: int) -> float:
    """The best total of all allocations that serve everybody who has a pair, by an exact solver."""
    inside = lines(n, edges)
    has_any = inside.any(axis=1).astype(float)
    found = milp(
        -np.array([edges[pair] for pair in sorted(edges)], dtype=float),
        constraints=LinearConstraint(inside, lb=has_any, ub=most),
        integrality=np.ones(len(edges)),
        bounds=Bounds(0, 1),
    )
    assert found.success
    return float(-found.fun)


def test_who_has_one_possibility_gets_it():
    edges = {(0, 1): 90, (0, 2): 10, (1, 3): 80}
    assert (0, 2) in chosen_pairs(4, edges, most=1)


def test_a_full_partner_gives_up_the_weakest_place_of_somebody_who_keeps_another():
    # 0 is wanted by three; 3 can meet nobody else, 1 and 2 also have each other's friends 4 and 5.
    edges = {(0, 1): 90, (0, 2): 80, (0, 3): 10, (1, 4): 50, (2, 5): 50}
    pairs = chosen_pairs(6, edges, most=2)
    assert (0, 3) in pairs
    assert set(itertools.chain.from_iterable(pairs)) == set(range(6))


def test_standing_pairs_take_up_places():
    assert chosen_pairs(3, {(0, 2): 50}, most=1, fixed=[(0, 1)]) == []


def test_gini_of_equal_lists_is_zero_and_grows_with_inequality():
    assert gini([5, 5, 5]) == 0
    assert 0 < gini([4, 5, 6]) < gini([0, 0, 15]) < 1
    assert gini([]) == gini([0, 0]) == 0
