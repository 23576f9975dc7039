"""A member's vector: newer and deeper weighs more, whatever the order; an unchanged member is recognised."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from matchme_pipeline.embeddings.member_vector import (
    HALF_LIFE_WEEKS,
    Part,
    input_hash,
    insight_weight,
    item_weight,
    mean_vectors,
)
from matchme_pipeline.embeddings.members import MemberParts, spoken_answer
from matchme_pipeline.embeddings.queries import ItemOfMember

CUTOFF = datetime(2026, 1, 11, 2, tzinfo=UTC)
UNIT = st.integers(1, 8).flatmap(
    lambda rows: arrays.arrays(np.float32, (rows, 16), elements=st.floats(-1, 1, width=32, allow_subnormal=False))
)


def test_a_post_of_a_half_life_ago_weighs_half():
    old = CUTOFF - timedelta(weeks=HALF_LIFE_WEEKS)
    assert item_weight(old, 1, CUTOFF) == pytest.approx(0.5 * item_weight(CUTOFF, 1, CUTOFF))
    assert insight_weight(old, CUTOFF) == pytest.approx(0.5 * insight_weight(CUTOFF, CUTOFF))


@given(st.integers(0, 200), st.integers(0, 200), st.integers(1, 4), st.integers(1, 4))
def test_newer_and_deeper_never_weigh_less(days: int, more_days: int, depth: int, deeper: int):
    depth, deeper = sorted((depth, deeper))
    newer, older = CUTOFF - timedelta(days=days), CUTOFF - timedelta(days=days + more_days)
    assert item_weight(newer, deeper, CUTOFF) >= item_weight(older, depth, CUTOFF) > 0


@given(UNIT, st.data())
def test_the_mean_has_unit_length_and_is_blind_to_order(vectors: np.ndarray, data: st.DataObject):
    weights = data.draw(st.lists(st.floats(0.1, 4), min_size=len(vectors), max_size=len(vectors)))
    pairs = list(enumerate(weights))
    (mean,) = mean_vectors([pairs], vectors)
    (shuffled,) = mean_vectors([data.draw(st.permutations(pairs))], vectors)
    assert mean.dtype == np.float32
    exact = np.asarray(weights) @ vectors.astype(np.float64)
    if np.linalg.norm(exact) > 1e-3:
        assert np.linalg.norm(mean) == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(mean, exact / np.linalg.norm(exact), atol=1e-6)
        np.testing.assert_allclose(mean, shuffled, atol=1e-6)


def test_who_has_nothing_gets_zeros():
    assert not mean_vectors([[]], np.ones((1, 16), dtype=np.float32)).any()


def test_the_input_hash_tells_what_a_vector_was_made_of():
    parts = [Part("a" * 64, 1.0, "items"), Part("b" * 64, 2.0, "bio")]
    assert input_hash(parts, "m") == input_hash(parts[::-1], "m")
    assert len({input_hash(parts, "m"), input_hash(parts, "n"), input_hash(parts[:1], "m")}) == 3
    assert input_hash(parts, "m") != input_hash([Part("a" * 64, 1.5, "items"), parts[1]], "m")


def test_parts_without_a_vector_are_left_out_and_their_members_too():
    collected = MemberParts(CUTOFF)
    shared = {"item_type": "post", "item_id": None, "shared_at": CUTOFF, "depth_level": 1}
    collected.add_items(
        [
            ItemOfMember(user_id="a", content_hash="1" * 64, has_vector=True, **shared),  # type: ignore[arg-type]
            ItemOfMember(user_id="a", content_hash="2" * 64, has_vector=False, **shared),  # type: ignore[arg-type]
            ItemOfMember(user_id="b", content_hash="2" * 64, has_vector=False, **shared),  # type: ignore[arg-type]
        ]
    )
    collected.add_biographies([("a", "I bake"), ("c", "  "), ("d", None)])
    assert collected.unembedded == {"2" * 64}
    own = collected.of_members(without=collected.unembedded)
    assert list(own) == ["a"]
    assert {part.source for part in own["a"]} == {"items", "bio"}
    assert list(collected.of_members()) == ["a", "b"]


@pytest.mark.parametrize(
    ("answer", "spoken"),
    [("often", "often"), (4, "4"), (["tea", "maps"], "tea, maps"), (True, ""), (None, ""), ({"b": 1}, '{"b": 1}')],
)
def test_answers_become_words(answer: object, spoken: str):
    assert spoken_answer(answer) == spoken


def test_weights_are_finite_for_a_post_of_any_age():
    assert math.isfinite(item_weight(datetime(1970, 1, 1, tzinfo=UTC), 4, CUTOFF))
