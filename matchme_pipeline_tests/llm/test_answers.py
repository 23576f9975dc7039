"""Reading answers: whatever a model sends, only what is valid and grounded is kept."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matchme_pipeline.llm.tasks.answer_parsing import (
    CATEGORIES,
    UnreadableAnswerError,
    read_insights,
    read_object,
    read_previews,
)

TEXT = "I love hiking in the rain. My mother taught me patience. Mail me at a@example.com."


def entry(**changes):
    valid = {
        "post_id": "p1",
        "category": "interests",
        "title": "Loves hiking",
        "description": "They walk in any weather.",
        "source_quote": "I love hiking",
        "confidence": 90,
    }
    return {name: value for name, value in {**valid, **changes}.items() if value is not ...}


def test_a_valid_insight_is_kept():
    read, elsewhere = read_insights([entry()], {"p1": TEXT})
    assert [i.title for i in read["p1"].insights] == ["Loves hiking"]
    assert not read["p1"].dropped
    assert not elsewhere


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"title": ...}, "missing_field"),
        ({"title": "  "}, "missing_field"),
        ({"category": "looks"}, "unknown_category"),
        ({"title": "x" * 500}, "too_long"),
        ({"confidence": 101}, "confidence_out_of_range"),
        ({"confidence": "high"}, "missing_field"),
        ({"confidence": True}, "missing_field"),
        ({"source_quote": "I love swimming"}, "ungrounded"),
        ({"source_quote": "."}, "ungrounded"),
        ({"source_quote": "Mail me at [email]"}, "masked"),
        ({"source_quote": "Mail me at a@example.com"}, "masked"),
        ({"title": "Write to a@example.com"}, "masked"),
    ],
)
def test_what_is_invalid_is_dropped_with_its_reason(changes, reason):
    read, _ = read_insights([entry(**changes)], {"p1": TEXT})
    assert read["p1"].insights == []
    assert read["p1"].dropped == {reason: 1}


def test_an_insight_about_a_post_that_was_not_asked_about_is_dropped():
    read, elsewhere = read_insights([entry(post_id="p2"), 7, None], {"p1": TEXT})
    assert read["p1"].silent
    assert elsewhere == {"unknown_post": 1, "malformed": 2}


def test_duplicates_within_an_item_count_once():
    entries = [entry(), entry(), entry(title="Likes rain"), entry(source_quote="My mother taught me patience")]
    read, _ = read_insights(entries, {"p1": TEXT})
    assert len(read["p1"].insights) == 1
    assert read["p1"].dropped == {"duplicate": 3}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
wild_entries = st.lists(
    json_values
    | st.fixed_dictionaries(
        {},
        optional={
            "post_id": st.sampled_from(["p1", "p2", "p9"]) | json_values,
            "category": st.sampled_from(CATEGORIES) | json_values,
            "title": st.text(max_size=100) | json_values,
            "description": st.text(max_size=30) | json_values,
            "source_quote": st.sampled_from(["I love", "rain.", "I never", "a@example.com"]) | json_values,
            "confidence": st.integers(-10, 110) | json_values,
        },
    ),
    max_size=8,
)


@given(wild_entries)
def test_whatever_comes_back_what_is_kept_is_valid_and_grounded(entries):
    texts = {"p1": TEXT, "p2": "Something else, with love."}
    read, _ = read_insights(entries, texts)
    assert set(read) == set(texts)
    for post_id, answer in read.items():
        for insight in answer.insights:
            assert insight.source_quote in texts[post_id]
            assert insight.category in CATEGORIES
            assert 0 <= insight.confidence <= 100
            assert insight.title
            assert insight.description
            assert "@" not in insight.source_quote


@given(st.none() | st.text(max_size=60) | json_values.map(json.dumps))
def test_any_content_is_either_read_or_refused_with_a_reason(content):
    try:
        read = read_object(content, "insights")
    except UnreadableAnswerError:
        return
    assert isinstance(read, list)


def test_a_preview_needs_two_starters_on_each_level():
    good = {"pair_id": "m1", "level_1": ["One?", "Two?"], "level_2": ["Three?", "Four?"]}
    short = {"pair_id": "m2", "level_1": ["One?", "One?"], "level_2": ["Three?", "Four?"]}
    contact = {"pair_id": "m3", "level_1": ["One?", "Call 07700 900123?"], "level_2": ["Three?", "Four?"]}
    read = read_previews([good, short, contact, None, {"pair_id": "m9"}], {"m1", "m2", "m3", "m4"})
    assert read["m1"]["level_2"] == ["Three?", "Four?"]
    assert isinstance(read["m2"], str)
    assert isinstance(read["m3"], str)
    assert isinstance(read["m4"], str)
