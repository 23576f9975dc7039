"""Allocation: at most five each, everybody who can be shown somebody is, near the optimum, whatever the order."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matchme_pipeline.matching.engine.allocation import allocate
from matchme_pipeline.matching.engine.fairness import gini
from matchme_pipeline_tests.matching.exact import best_total, most_covered

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


@st.composite
def towns(draw: st.DrawFn) -> tuple[int, dict[tuple[int, int], int]]:
    """Men and women of whom each may meet some; about half of all pairs, or few."""
    men, women = draw(st.integers(2, 8)), draw(st.integers(2, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    density = draw(st.sampled_from([0.15, 0.3, 0.6, 1.0]))
    return men + women, {
        (a, men + b): int(rng.integers(30, 100)) for a in range(men) for b in range(women) if rng.random() < density
    }


@settings(max_examples=100, deadline=None)
@given(towns(), st.integers(1, 5))
def test_as_many_are_served_as_any_allocation_can_serve(town: tuple[int, dict[tuple[int, int], int]], most: int):
    n, edges = town
    served = set(itertools.chain.from_iterable(chosen_pairs(n, edges, most)))
    assert len(served) == most_covered(n, edges, most)


@settings(max_examples=100, deadline=None)
@given(towns(), st.integers(2, 5))
def test_the_total_is_near_the_best_of_all_that_serve_the_same_members(
    town: tuple[int, dict[tuple[int, int], int]], most: int
):
    n, edges = town
    pairs = chosen_pairs(n, edges, most)
    served = set(itertools.chain.from_iterable(pairs))
    assert sum(edges[pair] for pair in pairs) >= 0.8 * best_total(n, edges, most, served)


def test_the_total_is_98_percent_of_the_optimum_in_the_mean():
    rng = np.random.default_rng(3)
    shares = []
    for _ in range(60):
        men, women, density = (int(x) for x in rng.integers((4, 4, 3), (13, 13, 11)))
        edges = {
            (a, men + b): int(rng.integers(30, 100))
            for a in range(men)
            for b in range(women)
            if rng.random() * 10 < density
        }
        n, most = men + women, int(rng.integers(2, 6))
        pairs = chosen_pairs(n, edges, most)
        served = set(itertools.chain.from_iterable(pairs))
        shares.append(sum(edges[pair] for pair in pairs) / best_total(n, edges, most, served))
    assert max(shares) <= 1 + 1e-9
    assert np.mean(shares) > 0.98


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


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_gini_is_half_the_mean_difference_of_all_pairs_over_the_mean(counts: list[int]):
    mean = sum(counts) / len(counts)
    differences = sum(abs(a - b) for a in counts for b in counts) / len(counts) ** 2
    assert gini(counts) == pytest.approx(differences / (2 * mean) if mean else 0.0)


def test_gini_of_equal_lists_is_zero_and_grows_with_inequality():
    assert gini([5, 5, 5]) == 0
    assert 0 < gini([4, 5, 6]) < gini([0, 0, 15]) < 1
    assert gini([]) == gini([0, 0]) == 0
