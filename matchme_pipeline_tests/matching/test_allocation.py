"""Allocation: proven optimal, everybody who can be shown somebody is, equal lists, whatever the order."""

import itertools
import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matchme_pipeline.matching.engine import odd_regions, place_flow
from matchme_pipeline.matching.engine.allocation import Allocated, allocate, parts
from matchme_pipeline.matching.engine.allocation_problem import PLACE_VALUES, Objective, Problem
from matchme_pipeline.matching.engine.fairness import gini
from matchme_pipeline.matching.engine.place_flow import coverage_reward, serves_maximum
from matchme_pipeline_tests.matching.exact import Edges, best
from matchme_pipeline_tests.matching.residual import gains_nothing

# Some whole, so that many allocations tie; some with thousandths.
scores = st.one_of(st.integers(0, 100).map(float), st.integers(0, 100_000).map(lambda units: units / 1000))


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, Edges]:
    """Members of whom anybody may meet anybody: no two sides."""
    n = draw(st.integers(2, 9))
    pairs = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda pair: pair[0] < pair[1])
    return n, draw(st.dictionaries(pairs, scores, max_size=14))


@st.composite
def towns(draw: st.DrawFn) -> tuple[int, Edges]:
    """Men and women of whom each may meet some: a few of all pairs, or all."""
    men, women = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    density = draw(st.sampled_from([0.15, 0.3, 0.6, 1.0]))
    steps = draw(st.sampled_from([1, 10, 1000]))
    return men + women, {
        (a, men + b): int(rng.integers(0, 100 * steps)) / steps
        for a in range(men)
        for b in range(women)
        if rng.random() < density
    }


def run(n: int, edges: Edges, most: int, touched: list[tuple[int, int]] | None = None) -> Allocated:
    pairs = sorted(edges)
    a, b = (np.array([pair[end] for pair in pairs], dtype=np.intp) for end in (0, 1))
    score = np.array([edges[pair] for pair in pairs], dtype=np.float32)
    return allocate(n, a, b, score, touched or [], most)


def chosen_pairs(n: int, edges: Edges, most: int = 2, touched: list[tuple[int, int]] | None = None):
    pairs = sorted(edges)
    return [pairs[i] for i in run(n, edges, most, touched).chosen]


def worth(n: int, edges: Edges, pairs: list[tuple[int, int]], touched: list[tuple[int, int]]) -> tuple[int, int]:
    """Members served and the value of their lists, by the definition."""
    before, after = (Counter(itertools.chain.from_iterable(own)) for own in (touched, [*touched, *pairs]))
    served = sum(after[member] > 0 and before[member] == 0 for member in range(n))
    places = sum(sum(PLACE_VALUES[before[member] : after[member]]) for member in range(n))
    return served, 1000 * places + sum(round(1000 * edges[pair]) for pair in pairs)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(towns(), graphs()), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_other_processes_can_take_some_of_the_regions(regions: list[tuple[int, Edges]], random):
    n, edges = 0, {}
    for members, own in regions:
        edges |= {(n + a, n + b): score for (a, b), score in own.items()}
        n += members
    pairs = sorted(edges)
    a, b = (np.array([pair[end] for pair in pairs], dtype=np.intp) for end in (0, 1))
    units = np.array([round(1000 * edges[pair]) for pair in pairs], dtype=np.int64)
    whole = Problem(a, b, units, np.zeros(n, dtype=np.int64), 5)
    tasks = list(parts(whole))
    random.shuffle(tasks)
    reached, chosen = Objective(), np.zeros(len(pairs), dtype=bool)
    for task in tasks:
        # As another process would receive the part and return its result.
        chosen[task.pairs], own_reached, _ = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(task)).solve()))
        reached += own_reached
    assert reached == run(n, edges, 5).reached == place_flow.objective(whole, chosen)
    assert sorted(np.concatenate([[], *(task.pairs for task in tasks)]).tolist()) == list(range(len(pairs)))


@settings(max_examples=200, deadline=None)
@given(towns(), st.integers(1, 5), st.floats(0, 1), st.randoms(use_true_random=False))
def test_whether_more_members_could_be_served_is_told_of_any_choice(
    town: tuple[int, Edges], most: int, share: float, random
):
    n, edges = town
    pairs = sorted(edges)
    taken = [random.choice([0, 0, 0, 1, most]) for _ in range(n)]
    places = Counter({member: most - count for member, count in enumerate(taken)})
    chosen = np.zeros(len(pairs), dtype=bool)
    for number in random.sample(range(len(pairs)), len(pairs)):
        if random.random() < share and all(places[member] for member in pairs[number]):
            chosen[number] = True
            places.subtract(pairs[number])
    a, b = (np.array([pair[end] for pair in pairs], dtype=np.intp) for end in (0, 1))
    problem = Problem(a, b, np.zeros(len(pairs), dtype=np.int64), np.array(taken, dtype=np.int64), most)
    first_side = np.isin(np.arange(n), a)
    served = int(np.count_nonzero((problem.taken == 0) & (problem.degrees(chosen) > 0)))
    # Beside what stands: partners from outside who take up the places.
    outside = itertools.count(n)
    touched = [(member, next(outside)) for member, count in enumerate(taken) for _ in range(count)]
    most_served, _ = best(n + len(touched), edges, most, touched)
    assert serves_maximum(problem, first_side, np.arange(len(pairs)), chosen) == (served == most_served)


@settings(max_examples=150, deadline=None)
@given(st.one_of(graphs(), towns()), st.integers(1, 5), st.randoms(use_true_random=False))
def test_coverage_and_objective_are_the_optimum(graph: tuple[int, Edges], most: int, random):
    n, edges = graph
    outside = [pair for pair in itertools.combinations(range(n), 2) if pair not in edges]
    touched = random.sample(outside, min(len(outside), random.choice([0, 0, 1, 3])))
    degrees = Counter(itertools.chain.from_iterable(touched))
    touched = [] if max(degrees.values(), default=0) > most else touched
    done = run(n, edges, most, touched)
    pairs = [sorted(edges)[i] for i in done.chosen]
    shown = Counter(itertools.chain.from_iterable([*pairs, *touched]))
    assert len(pairs) == len(set(pairs))
    assert max(shown.values(), default=0) <= most
    assert worth(n, edges, pairs, touched) == best(n, edges, most, touched)
    assert (done.reached.served, done.reached.value) == worth(n, edges, pairs, touched)
    assert done.share_of_optimum == 1.0


@settings(max_examples=60, deadline=None)
@given(st.one_of(graphs(), towns()), st.integers(1, 5), st.randoms(use_true_random=False))
def test_the_order_of_pairs_and_of_their_sides_changes_nothing(town: tuple[int, Edges], most: int, random):
    n, edges = town
    pairs = list(edges)
    random.shuffle(pairs)
    ends = [pair if random.random() < 0.5 else pair[::-1] for pair in pairs]
    a, b = (np.array([pair[end] for pair in ends], dtype=np.intp) for end in (0, 1))
    done = allocate(n, a, b, np.array([edges[pair] for pair in pairs], dtype=np.float32), [], most)
    assert sorted(pairs[i] for i in done.chosen) == chosen_pairs(n, edges, most)


@settings(max_examples=60, deadline=None)
@given(graphs(), st.integers(1, 3))
def test_a_large_region_without_two_sides_stays_within_its_bound_and_leaves_no_place(
    graph: tuple[int, Edges], most: int
):
    n, edges = graph
    with pytest.MonkeyPatch.context() as patch:
        # As where a region is too large for the proof.
        patch.setattr(odd_regions, "MAX_EXACT_PAIRS", 0)
        done = run(n, edges, most)
    pairs = [sorted(edges)[i] for i in done.chosen]
    degrees = Counter(itertools.chain.from_iterable(pairs))
    reached = worth(n, edges, pairs, [])
    assert reached <= best(n, edges, most) <= (done.bound.served, done.bound.value)
    assert done.share_of_optimum <= 1.0
    assert reached == best(n, edges, most) or done.share_of_optimum < 1.0
    assert not [pair for pair in edges if pair not in pairs and degrees[pair[0]] < most and degrees[pair[1]] < most]


@pytest.mark.parametrize("seed", range(3))
def test_no_exchange_however_long_makes_a_town_better(seed: int):
    rng = np.random.default_rng(seed)
    men, women = 150, 100
    a, b = np.nonzero(rng.random((men, women)) < 0.1)
    score = rng.uniform(20, 100, len(a)).astype(np.float32)
    done = allocate(men + women, a, men + b, score)
    units = np.rint(score.astype(np.float64) * 1000).astype(np.int64)
    chosen = np.zeros(len(a), dtype=bool)
    chosen[done.chosen] = True
    first_side = np.arange(men + women) < men
    assert gains_nothing(men + women, a, men + b, units, chosen, first_side, 5)
    # The certificate notices a choice that is not the best.
    worse = chosen.copy()
    worse[done.chosen[0]] = False
    assert not gains_nothing(men + women, a, men + b, units, worse, first_side, 5)


def test_regions_are_solved_apart_as_they_are_together():
    rng = np.random.default_rng(5)
    towns = [np.nonzero(rng.random((12, 9)) < 0.3) for _ in range(6)]
    scores = [rng.uniform(0, 100, len(a)).astype(np.float32) for a, _ in towns]
    together = allocate(
        6 * 21,
        np.concatenate([21 * number + a for number, (a, _) in enumerate(towns)]),
        np.concatenate([21 * number + 12 + b for number, (_, b) in enumerate(towns)]),
        np.concatenate(scores),
    )
    apart = [allocate(21, a, 12 + b, score) for (a, b), score in zip(towns, scores, strict=True)]
    assert together.reached.served == sum(done.reached.served for done in apart)
    assert together.reached.value == sum(done.reached.value for done in apart)


def test_costs_of_five_million_members_in_one_region_fit_the_solvers_64_bits():
    members = 5_000_000
    # The solver multiplies costs by the number of nodes.
    assert coverage_reward(members, 100_000) * (members + 3) < 2**62


def test_a_long_chain_of_losses_is_worth_one_more_member_served():
    # Members in a row, each with two neighbours but the ends: serving both ends takes every second pair, the poor ones.
    length = 60
    edges = {(n, n + 1): 1.0 if n % 2 == 0 else 100.0 for n in range(length - 1)}
    assert chosen_pairs(length, edges, most=1) == [(n, n + 1) for n in range(0, length, 2)]


def test_who_has_one_possibility_gets_it():
    edges = {(0, 1): 90, (0, 2): 10, (1, 3): 80}
    assert (0, 2) in chosen_pairs(4, edges, most=1)


@pytest.mark.parametrize(("lead", "winner"), [(7.9, 1), (8.1, 0)])
def test_a_place_goes_to_the_shorter_list_unless_scores_differ_by_more_than_places(lead: float, winner: int):
    # The one place that 2 has left is a third one for 0 (24 points), a second one for 1 (32 points).
    touched = [(0, 3), (0, 4), (1, 3), *((2, other) for other in range(5, 9))]
    assert chosen_pairs(9, {(0, 2): 50 + lead, (1, 2): 50}, 5, touched) == [(winner, 2)]


def test_ties_go_to_the_lower_id():
    edges = {(member, 9): 50.0 for member in range(9)}
    assert chosen_pairs(10, edges, most=5) == [(member, 9) for member in range(5)]
    assert chosen_pairs(10, {(0, other): 50.0 for other in range(1, 10)}, most=3) == [(0, 1), (0, 2), (0, 3)]


def test_standing_pairs_take_up_places():
    assert chosen_pairs(3, {(0, 2): 50}, most=1, touched=[(0, 1)]) == []


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
