"""Passing over what ages and places part changes no candidate: against the look at all pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matchme_pipeline.matching.engine import pruning
from matchme_pipeline.matching.engine.candidates import find_candidates
from matchme_pipeline.matching.engine.match_engine import Engine, Knowledge
from matchme_pipeline.matching.rules.eligibility import AGE, DISTANCE, filter_all_pairs
from matchme_pipeline.matching.rules.member_records import records
from matchme_pipeline_tests.matching import made
from matchme_pipeline_tests.matching.made import CUTOFF, columns

PLACES = [(51.5, -0.1), (51.6, 0.3), (53.5, -2.2), (-36.8, 174.8), (-17.7, 179.9), (-17.7, -179.9), (89.9, 10.0)]
SLIDER = [5, 30, 60, 99, 100, None]


@st.composite
def spread(draw: st.DrawFn, number: int) -> made.MemberRow:
    """A member of some place, or none that is known, with an age and a reach of their own."""
    lat, lng = draw(st.sampled_from([*PLACES, (None, None)]))
    near = 0 if lat is None else draw(st.floats(-0.3, 0.3))
    low = draw(st.integers(18, 40))
    return made.row(
        f"u{number:02}",
        gender=draw(st.sampled_from(["male", "female"])),
        birthdate=CUTOFF.date().replace(year=CUTOFF.year - draw(st.integers(18, 70))),
        lat=None if lat is None else max(-90.0, min(90.0, lat + near)),
        lng=lng,
        max_distance=draw(st.sampled_from(SLIDER)),
        age_range_min=low,
        age_range_max=draw(st.integers(low, 80)),
        gender_preference=draw(st.sampled_from([None, None, None, ["male", "female"]])),
    )


@st.composite
def populations(draw: st.DrawFn, most: int = 14) -> list[made.MemberRow]:
    return [draw(spread(number)) for number in range(draw(st.integers(1, most)))]


@settings(max_examples=150, deadline=None)
@given(populations(), populations(), st.integers(1, 4), st.integers(1, 4))
def test_groups_are_parted_only_where_age_or_distance_parts_every_pair(ones, others, size: int, other_size: int):
    a, b = records(columns(*ones)), records(columns(*others))
    failed_filters = np.empty((len(a), len(b)), dtype=np.uint8)
    filter_all_pairs(a, b, failed_filters)
    rows = pruning.group_bounds(pruning.member_bounds(a), size)
    tiles = pruning.group_bounds(pruning.member_bounds(b), other_size)
    for i, row in enumerate(rows.view(np.recarray)):
        for j, tile in enumerate(tiles.view(np.recarray)):
            if pruning.cannot_meet.py_func(row, tile):
                block = failed_filters[i * size : (i + 1) * size, j * other_size : (j + 1) * other_size]
                assert np.isin(block, [AGE, DISTANCE]).all()


@settings(max_examples=100, deadline=None)
@given(populations(), populations())
def test_pairs_of_ages_are_those_that_the_rule_admits(ones, others):
    for rows, others_ in ((columns(*ones), columns(*others)), (columns(*ones), None)):
        partners = rows if others_ is None else others_
        failed_filters = np.empty((len(rows), len(partners)), dtype=np.uint8)
        filter_all_pairs(records(rows), records(partners), failed_filters)
        admitted = failed_filters != AGE
        expected = np.triu(admitted, 1).sum() if others_ is None else admitted.sum()
        assert pruning.pairs_of_ages(rows, partners, one_side=others_ is None) == expected


@settings(max_examples=60, deadline=None)
@given(populations(30), st.integers(1, 6), st.integers(1, 6), st.integers(1, 4))
def test_candidates_over_many_places_are_those_of_the_look_at_all_pairs(
    rows, block_rows: int, tile_columns: int, per_member: int
):
    with pytest.MonkeyPatch.context() as patch:
        engine = Engine(Knowledge(rows, [], np.zeros((0, 4), dtype=np.float32), {}, {}), CUTOFF)
        found = find_candidates(engine.profiles, [], per_member, block_rows=block_rows, tile_columns=tile_columns)
        # A reach without end and every age: no pair is pruned.
        patch.setattr("matchme_pipeline.matching.engine.candidates.member_bounds", _without_bounds)
        whole = find_candidates(engine.profiles, [], per_member, block_rows=10_000, tile_columns=10_000)
    assert found.a.tolist() == whole.a.tolist()
    assert found.b.tolist() == whole.b.tolist()
    assert found.score.tolist() == whole.score.tolist()
    assert found.possibilities.tolist() == whole.possibilities.tolist()
    assert found.removed == whole.removed


def _without_bounds(members: np.ndarray) -> np.ndarray:
    bounds = pruning.member_bounds(members)
    bounds["reach"], bounds["age_low"], bounds["wanted_low"] = np.inf, 0, 0
    bounds["age_high"] = bounds["wanted_high"] = 10_000
    return bounds
