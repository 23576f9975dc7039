"""The engine on generated populations against the rules in plain Python: who meets whom, and with what score."""

import itertools
from collections import Counter
from dataclasses import replace
from decimal import Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from matchme_pipeline.llm.contracts import SharedInsight
from matchme_pipeline.matching.engine.match_engine import Allocation, Engine, Knowledge
from matchme_pipeline.matching.rules.eligibility import FILTERS
from matchme_pipeline.matching.rules.limits import USUAL
from matchme_pipeline.matching.rules.members import MemberRow, why_not_matchable
from matchme_pipeline.matching.rules.weights import WEIGHTS
from matchme_pipeline_tests.matching import plain
from matchme_pipeline_tests.matching.app_rows import populations
from matchme_pipeline_tests.matching.made import CUTOFF

ON = CUTOFF.date()
TITLES = ("Values honesty", "Loves hiking", "Reads history", "Close to family")


@st.composite
def knowledge(draw: st.DrawFn) -> Knowledge:
    """A population, of whom some have a vector, a DNA score, approved insights."""
    rows = draw(populations())
    rows = [MemberRow(**{**vars(row), "wants_children": draw(st.sampled_from([True, False, None]))}) for row in rows]
    with_vector = [row.user_id for row in rows if draw(st.integers(0, 3))]
    vectors = np.random.default_rng(draw(st.integers(0, 1000))).normal(1, 1, (len(with_vector), 8)).astype(np.float32)
    return Knowledge(
        rows,
        with_vector,
        vectors,
        {row.user_id: draw(st.integers(0, 100)) for row in rows if draw(st.booleans())},
        {row.user_id: [_insight(title) for title in draw(st.sets(st.sampled_from(TITLES)))] for row in rows},
    )


def _insight(title: str) -> SharedInsight:
    return SharedInsight(title, "values", title, "")


def may_meet(rows: list[MemberRow]) -> set[tuple[str, str]]:
    able = sorted((row for row in rows if plain.matchable(row, CUTOFF)), key=lambda row: row.user_id)
    return {(a.user_id, b.user_id) for a, b in itertools.combinations(able, 2) if plain.what_parts(a, b, ON) is None}


@settings(max_examples=150, deadline=None)
@given(knowledge())
def test_who_can_be_matched_and_who_may_meet_is_what_the_rules_say(known: Knowledge):
    engine = Engine(known, CUTOFF)
    able = [row for row in known.rows if plain.matchable(row, CUTOFF)]
    assert sorted(engine.position) == sorted(row.user_id for row in able)
    assert sum(engine.not_matchable.values()) == len(known.rows) - len(able)
    found = engine.candidates([])
    ids = engine.profiles.members.user_ids
    assert {(ids[a], ids[b]) for a, b in zip(found.a, found.b, strict=True)} == may_meet(known.rows)
    parted = Counter(plain.what_parts(a, b, ON) for a, b in itertools.combinations(able, 2))
    assert found.eligible_pairs == parted.pop(None, 0)
    assert {name: found.removed[name] for name in FILTERS} == {name: parted[name] for name in FILTERS}
    possibilities = Counter(itertools.chain.from_iterable(may_meet(known.rows)))
    assert [int(n) for n in found.possibilities] == [possibilities[user_id] for user_id in ids]


@settings(max_examples=150, deadline=None)
@given(knowledge())
def test_every_score_is_the_formulas_and_the_same_from_both_sides(known: Knowledge):
    engine = Engine(known, CUTOFF)
    found = engine.candidates([])
    rows = {row.user_id: row for row in known.rows}
    able = set(engine.position)
    own = {u: v for u, v in zip(known.vector_ids, known.vectors, strict=True) if u in able}
    vectors = plain.centred(own)
    pairs = sorted(may_meet(list(known.rows)))
    cosines = [float(vectors[a] @ vectors[b]) for a, b in pairs if a in vectors and b in vectors]
    # Where all pairs are alike the scale is rounding's: nothing to compare.
    mean, deviation = plain.mean_and_deviation(cosines)
    comparable = deviation > 1e-3
    titles = {u: {insight.title for insight in insights} for u, insights in known.approved.items()}
    there = engine.explained(found.a, found.b, found.calibration)
    back = engine.explained(found.b, found.a, found.calibration)
    assert [(pair.a, pair.b) for pair in there] == pairs
    for pair, other_way in zip(there, back, strict=True):
        assert (pair.score, pair.factors) == (other_way.score, other_way.factors)
        expected = plain.score(rows[pair.a], rows[pair.b], ON, vectors, titles, known.dna, mean, deviation)
        for factor, value, (name, weight) in zip(pair.factors["factors"], expected, WEIGHTS.items(), strict=True):
            assert (factor["name"], factor["weight"]) == (name, weight)
            if comparable or name != "similarity":
                assert abs(factor["value"] - value) < 2e-3
            assert factor["sentence"]
        without = not {pair.a, pair.b} <= set(known.vector_ids)
        assert pair.factors["factors"][0]["sentence"].startswith("One of you has not shared enough") == without
        parts = [Decimal(str(factor["contribution"])) for factor in pair.factors["factors"]]
        assert sum(parts) == pair.score == Decimal(str(pair.factors["score"]))
        assert 0 <= pair.score <= 100
        assert set(pair.factors["shared"]) == titles[pair.a] & titles[pair.b]


@settings(max_examples=100, deadline=None)
@given(knowledge(), st.randoms(use_true_random=False))
def test_matches_are_pairs_who_may_meet_and_have_not_met_at_most_five_each_beside_what_stands(known: Knowledge, random):
    engine = Engine(known, CUTOFF)
    possible = sorted(may_meet(list(known.rows)))
    met = {pair for pair in possible if random.random() < 0.2}
    # What stands is shown whatever the rules say by now.
    everybody = sorted(engine.position)
    touched = {pair for pair in itertools.combinations(everybody, 2) if random.random() < 0.1} - met
    touched = {pair for n, pair in enumerate(sorted(touched)) if n < 3}
    result = engine.match([(b, a) for a, b in met], touched)
    pairs = [(match.a, match.b) for match in result.matches]
    assert len(set(pairs)) == len(pairs)
    assert set(pairs) <= set(possible) - met - touched
    lists = Counter(itertools.chain.from_iterable([*pairs, *touched]))
    assert max(lists.values(), default=0) <= 5
    assert result.largest_list == max(
        (lists[u] for u in _with_possibilities(result, possible, met, touched)), default=0
    )
    # No two members who may still meet both have a place to spare.
    left = set(possible) - met - touched - set(pairs)
    assert not [pair for pair in left if lists[pair[0]] < 5 and lists[pair[1]] < 5]
    assert engine.match(met, touched).matches == result.matches


@settings(max_examples=60, deadline=None)
@given(knowledge(), st.sampled_from([0.0, 30.0, 45.5, 60.25, 100.0]))
def test_no_match_is_shown_below_the_least_score_and_the_places_left_are_counted(known: Knowledge, least: float):
    usual = Engine(known, CUTOFF)
    result = Engine(known, CUTOFF, replace(USUAL, least_score=least)).match([])
    assert all(match.score >= least for match in result.matches)
    shown = [one.score for one in usual.explained(*_all_candidates(usual))]
    assert len(result.matches) <= sum(score >= least for score in shown)
    if least == 0:
        assert result.matches == usual.match([]).matches
        assert result.places_left_empty == 0
    if least == 100:
        # Everybody keeps the places that their possibilities could have filled.
        assert result.places_left_empty == sum(min(5, int(n)) for n in usual.candidates([]).possibilities) - 2 * len(
            result.matches
        )


@settings(max_examples=40, deadline=None)
@given(knowledge(), st.randoms(use_true_random=False))
def test_a_pair_of_exactly_the_least_score_is_good_enough(known: Knowledge, random):
    usual = Engine(known, CUTOFF)
    found = usual.candidates([])
    shown = [one.score for one in usual.explained(found.a, found.b, found.calibration)]
    for least in random.sample(shown, min(3, len(shown))):
        strict = Engine(known, CUTOFF, replace(USUAL, least_score=float(least)))
        assert strict.good_enough(found).tolist() == [n for n, score in enumerate(shown) if score >= least]


def _all_candidates(engine: Engine):
    found = engine.candidates([])
    return found.a, found.b, found.calibration


def _with_possibilities(result: Allocation, possible, met, touched) -> set[str]:
    able = set(itertools.chain.from_iterable(set(possible) - met - touched))
    assert len(able) == result.with_possibilities
    return able


@settings(max_examples=60, deadline=None)
@given(knowledge(), st.randoms(use_true_random=False))
def test_the_order_in_which_members_are_read_changes_nothing(known: Knowledge, random):
    rows = list(known.rows)
    order = list(range(len(known.vector_ids)))
    random.shuffle(rows)
    random.shuffle(order)
    shuffled = Knowledge(rows, [known.vector_ids[n] for n in order], known.vectors[order], known.dna, known.approved)
    assert Engine(shuffled, CUTOFF).match([]).matches == Engine(known, CUTOFF).match([]).matches


@settings(max_examples=100, deadline=None)
@given(populations())
def test_reasons_not_to_be_matched_are_given_to_those_who_are_not_and_nobody_else(rows: list[MemberRow]):
    for row in rows:
        assert (why_not_matchable(row, CUTOFF) is None) == plain.matchable(row, CUTOFF)
