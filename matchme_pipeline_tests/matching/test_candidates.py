"""Candidates are exact: every eligible pair is scored and the best are chosen, however the work is divided."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matchme_pipeline.matching.engine.candidates import Candidates, find_candidates
from matchme_pipeline.matching.engine.match_engine import Engine
from matchme_pipeline.matching.rules.compatibility import factors, score
from matchme_pipeline.matching.rules.eligibility import eligible_block
from matchme_pipeline_tests.matching.crowd import crowd
from matchme_pipeline_tests.matching.made import CUTOFF, row
from matchme_pipeline_tests.matching.plain_columns import all_scores

# A score is a float32 of vectors in whole steps; plain Python's is neither.
CLOSE = 0.02

seeds = st.integers(0, 10_000)
sizes = st.integers(2, 40)


def engine_of(seed: int, members: int) -> Engine:
    return Engine(crowd(seed, members), CUTOFF)


def eligible(engine: Engine, met: set[tuple[int, int]]) -> np.ndarray:
    may, _ = eligible_block(engine.profiles.members, engine.profiles.members)
    np.fill_diagonal(may, False)
    for a, b in met:
        may[a, b] = may[b, a] = False
    return may


def as_dict(found: Candidates) -> dict[tuple[int, int], float]:
    return dict(zip(zip(found.a.tolist(), found.b.tolist(), strict=True), found.score.tolist(), strict=True))


def some_pairs(seed: int, members: int, share: float) -> set[tuple[int, int]]:
    rng = np.random.default_rng([seed, 9])
    return {(a, b) for a in range(members) for b in range(a) if rng.random() < share}


@settings(max_examples=60, deadline=None)
@given(seeds, sizes, st.integers(1, 8), st.sampled_from([0.0, 0.3]))
def test_the_best_of_all_eligible_pairs_are_found(seed: int, members: int, per_member: int, share: float):
    engine = engine_of(seed, members)
    n = len(engine.profiles.members)
    met = some_pairs(seed, n, share)
    found = find_candidates(engine.profiles, met, per_member)
    may = eligible(engine, met)
    titles = [set(engine._titles.of(member)) for member in range(len(engine._titles))]
    truth = np.where(may, all_scores(engine.profiles, eligible(engine, set()), titles), -1.0)
    pairs = as_dict(found)
    assert all(a < b and may[a, b] and abs(truth[a, b] - value) < CLOSE for (a, b), value in pairs.items())
    limits = [_limit(truth[member][may[member]], per_member) for member in range(n)]
    clearly = {(a, b) for a, b in zip(*np.nonzero(may), strict=True) if truth[a, b] > limits[a] + CLOSE}
    assert {(min(pair), max(pair)) for pair in clearly} <= set(pairs)
    assert all(truth[a, b] > min(limits[a], limits[b]) - CLOSE for a, b in pairs)
    assert found.possibilities.tolist() == may.sum(axis=1).tolist()
    assert found.eligible_pairs == np.count_nonzero(np.triu(eligible(engine, set())))
    assert found.removed["met_before"] + np.count_nonzero(np.triu(may)) == found.eligible_pairs
    assert sum(found.removed.values()) - found.removed["met_before"] + found.eligible_pairs == n * (n - 1) // 2


def _limit(scores: np.ndarray, per_member: int) -> float:
    """The last score that is among the `per_member` best; 0 where there are not so many."""
    return float(np.sort(scores)[-per_member]) if len(scores) >= per_member else 0.0


@settings(max_examples=60, deadline=None)
@given(seeds, sizes, st.integers(1, 6), st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))
def test_no_way_of_cutting_up_the_work_changes_the_result(
    seed: int, members: int, per_member: int, block_rows: int, tile_columns: int, threads: int
):
    engine = engine_of(seed, members)
    met = some_pairs(seed, len(engine.profiles.members), 0.1)
    usual = find_candidates(engine.profiles, met, per_member)
    other = find_candidates(
        engine.profiles, met, per_member, block_rows=block_rows, tile_columns=tile_columns, threads=threads
    )
    assert as_dict(usual) == as_dict(other)
    assert usual.calibration == other.calibration
    assert usual.upper_bound == other.upper_bound
    assert usual.possibilities.tolist() == other.possibilities.tolist()
    assert usual.removed == other.removed


@settings(max_examples=40, deadline=None)
@given(seeds, sizes)
def test_compatibility_is_the_same_from_both_sides(seed: int, members: int):
    engine = engine_of(seed, members)
    found = find_candidates(engine.profiles, [])
    one = factors(engine.profiles, found.a, found.b, found.calibration)
    other = factors(engine.profiles, found.b, found.a, found.calibration)
    assert one.tolist() == other.tolist()
    assert score(one).tolist() == found.score.tolist()
    assert not one.size or (one.min() >= 0 and one.max() <= 1)


def test_equal_scores_go_to_the_lower_id():
    rows = [row("a", gender="male"), *(row(f"b{number}") for number in range(9))]
    known = replace(crowd(0, 2), rows=rows, vector_ids=[], vectors=np.zeros((0, 4), dtype=np.float32), dna={})
    engine = Engine(replace(known, approved={}), CUTOFF)
    found = find_candidates(engine.profiles, [], 3)
    assert len(set(found.score.tolist())) == 1
    # Every b keeps the one man there is; what he keeps himself shows in what a list of his would hold.
    assert found.b[:3].tolist() == [1, 2, 3]
    chosen = engine.match([]).matches
    assert [match.b for match in chosen] == ["b0", "b1", "b2", "b3", "b4"]


@settings(max_examples=30, deadline=None)
@given(seeds, sizes)
def test_the_order_in_which_members_are_read_changes_nothing(seed: int, members: int):
    known = crowd(seed, members)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(known.vector_ids))
    shuffled = replace(
        known,
        rows=[known.rows[place] for place in rng.permutation(len(known.rows))],
        vector_ids=[known.vector_ids[place] for place in order],
        vectors=known.vectors[order],
    )
    assert Engine(known, CUTOFF).match([]).matches == Engine(shuffled, CUTOFF).match([]).matches


@settings(max_examples=40, deadline=None)
@given(seeds, sizes, st.sampled_from([0.0, 0.2]))
def test_a_week_keeps_every_rule(seed: int, members: int, share: float):
    engine = engine_of(seed, members)
    ids = engine.profiles.members.user_ids
    met = some_pairs(seed, len(ids), share)
    may = eligible(engine, met)
    week = engine.match([(ids[a], ids[b]) for a, b in met])
    lists: dict[str, list[str]] = {user_id: [] for user_id in ids}
    for match in week.matches:
        assert match.a < match.b
        assert may[engine.position[match.a], engine.position[match.b]]
        assert sum(round(100 * part["contribution"]) for part in match.factors["factors"]) == round(100 * match.score)
        lists[match.a].append(match.b)
        lists[match.b].append(match.a)
    assert all(len(own) == len(set(own)) <= 5 for own in lists.values())
    assert week.covered == sum(bool(own) for own in lists.values())
    assert week.with_possibilities == np.count_nonzero(may.any(axis=1))
    assert week.largest_list == max((len(own) for own in lists.values()), default=0)
    assert 0 <= week.gini < 1
    assert week.share_of_upper_bound <= 1 + 1e-6


@pytest.mark.parametrize("members", [0, 1])
def test_nobody_is_matched_where_there_is_nobody_to_meet(members: int):
    week = Engine(replace(crowd(3, 5), rows=crowd(3, 5).rows[:members]), CUTOFF).match([])
    assert week.matches == []
    assert week.share_of_upper_bound == 1.0


@settings(max_examples=20, deadline=None)
@given(seeds, sizes)
def test_dimensions_that_nobody_uses_are_left_out_and_change_nothing(seed: int, members: int):
    known = crowd(seed, members)
    wide = np.zeros((len(known.vectors), 1_536), dtype=np.float32)
    wide[:, : known.vectors.shape[1]] = known.vectors
    engine, widened = Engine(known, CUTOFF), Engine(replace(known, vectors=wide), CUTOFF)
    assert widened.profiles.vectors.quantised.shape[1] <= 32
    assert widened.match([]).matches == engine.match([]).matches
