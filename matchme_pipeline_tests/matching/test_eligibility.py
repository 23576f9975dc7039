"""Who may meet whom: a known value against a wish always keeps two apart, an unknown one where that is set."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matchme_pipeline.matching.rules.eligibility import distance_km, eligible_block, not_stated
from matchme_pipeline.matching.rules.explanation import stated_names
from matchme_pipeline.matching.rules.limits import USUAL, Limits
from matchme_pipeline.matching.rules.members import MemberRow, why_not_matchable
from matchme_pipeline.matching.rules.vocabulary import (
    EDUCATION_CODE,
    EDUCATION_LABELS,
    MARITAL_CODE,
    MARITAL_LABELS,
    PRAYER_CODE,
    RELIGIOSITY_LABELS,
    SECTS,
    Unknown,
)
from matchme_pipeline.settings import UNKNOWN_MAY_BE_STRICT
from matchme_pipeline_tests.matching import plain
from matchme_pipeline_tests.matching.made import CUTOFF, STRICT, columns, row


def may_meet(a: MemberRow, b: MemberRow, limits: Limits = USUAL) -> bool:
    members = columns(a, b, limits=limits)
    block, _ = eligible_block(members, members)
    assert block[0, 1] == block[1, 0]
    return bool(block[0, 1])


HE, SHE = row("a", gender="male"), row("b")


def test_two_who_want_nothing_special_may_meet():
    assert may_meet(HE, SHE)


@pytest.mark.parametrize(
    ("his", "hers"),
    [
        ({"gender_preference": ["male"]}, {}),
        ({}, {"gender": "male", "gender_preference": None}),
        ({"gender_preference": None}, {"gender": "male", "gender_preference": ["male"]}),
        ({"age_range_max": 29}, {}),
        ({"age_range_min": 31}, {}),
        ({"partner_age_max": 29}, {}),
        ({"max_distance": 99}, {"lat": 53.48, "lng": -2.24, "max_distance": 20_000}),
        ({"education_preferences": ["Doctorate/PhD"]}, {}),
        ({"marital_status_preferences": ["Divorced", "Widowed"]}, {}),
        ({"has_children_preference": "no"}, {"has_children": True}),
        ({"religiosity_preferences": ["Very Practicing"]}, {}),
        ({"partner_sect_preference": ["shia"]}, {}),
    ],
)
def test_one_unmet_wish_of_either_side_keeps_them_apart(his: dict[str, Any], hers: dict[str, Any]):
    for limits in (USUAL, STRICT):
        assert not may_meet(row("a", gender="male", **his), row("b", **hers), limits)


NO_FAITH = {"prayer_frequency": None, "sect": None, "religion": None}


@pytest.mark.parametrize(
    ("attribute", "his", "hers"),
    [
        ("distance", {"max_distance": 99}, {"lat": None, "lng": None}),
        ("distance", {"max_distance": 99}, {"lat": 51.5, "lng": None}),
        ("education", {"education_preferences": ["Master's Degree"]}, {"education_level": None}),
        ("education", {"education_preferences": ["Master's Degree"]}, {"education_level": "school of life"}),
        ("marital_status", {"marital_status_preferences": ["Never Married"]}, {"marital_status": None}),
        ("children", {"has_children_preference": "no"}, {"has_children": None}),
        ("religiosity", {"religiosity_preferences": ["Very Practicing"]}, NO_FAITH),
        ("sect", {"partner_sect_preference": ["shia"]}, NO_FAITH),
        ("hijab", {"partner_hijab_required": True}, {}),
    ],
)
def test_an_unknown_value_keeps_apart_only_where_its_attribute_is_strict(
    attribute: str, his: dict[str, Any], hers: dict[str, Any]
):
    # The other member's own distance is no matter.
    him, her = row("a", gender="male", **his), row("b", **{"max_distance": None, **hers})
    assert may_meet(him, her)
    for name in UNKNOWN_MAY_BE_STRICT:
        assert may_meet(him, her, replace(USUAL, strict=frozenset({name}))) == (name != attribute)
    members = columns(him, her)
    both_ways = (np.array([0, 1]), np.array([1, 0]))
    assert [stated_names(bits) for bits in not_stated(members, *both_ways).tolist()] == [[attribute], [attribute]]


def test_open_to_a_partner_with_children_is_no_filter():
    for has_children in (True, False, None):
        for limits in (USUAL, STRICT):
            her = row("b", has_children=has_children)
            assert may_meet(row("a", gender="male", has_children_preference="yes"), her, limits)


def test_the_far_end_of_the_slider_means_anywhere():
    him, far = row("a", gender="male", max_distance=100), row("b", lat=25.2, lng=55.3, max_distance=100)
    assert may_meet(him, far)
    assert may_meet(him, row("b", lat=None, lng=None, max_distance=None), STRICT)
    assert not may_meet(him, far, replace(USUAL, anywhere_km=101))


@pytest.mark.parametrize(
    ("his", "hers"),
    [
        ({"education_preferences": ["Master's Degree"]}, {"education_level": "Masters"}),
        ({"marital_status_preferences": ["Never Married"]}, {}),
        ({"has_children_preference": "no"}, {}),
        ({"religiosity_preferences": ["Practicing"]}, {}),
        (
            {"religiosity_preferences": ["Practicing"]},
            {"prayer_frequency": None, "religion": {"practiceLevel": "practicing"}},
        ),
        ({"partner_sect_preference": ["sunni"]}, {}),
        ({"partner_hijab_required": True}, {"tags": ["Hijab"]}),
        ({"max_distance": 20_000}, {"lat": None, "lng": None, "max_distance": 20_000}),
        ({"has_children_preference": "yes"}, {"has_children": True}),
        ({"education_preferences": ["a label that no screen has"]}, {}),
    ],
)
def test_a_wish_that_is_met_keeps_nobody_apart(his: dict[str, Any], hers: dict[str, Any]):
    assert may_meet(row("a", gender="male", **his), row("b", **hers))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"onboarding_completed": False}, "not_onboarded"),
        ({"is_matchable": False}, "switched_off"),
        ({"profile_visibility": "hidden"}, "hidden"),
        ({"profile_visibility": "private"}, "hidden"),
        ({"last_active_at": CUTOFF - timedelta(days=61)}, "inactive"),
        ({"last_active_at": None}, None),
        ({"is_matchable": None, "profile_visibility": None}, None),
        ({"report_count": 5}, "reported"),
        ({"gender": None}, "gender_unknown"),
        ({"birthdate": None}, "birthdate_unknown"),
        ({"birthdate": date(2008, 1, 12)}, "under_age"),
        ({"birthdate": date(2008, 1, 11)}, None),
        ({}, None),
    ],
)
def test_who_is_in_nobodys_list_and_why(changes: dict[str, Any], reason: str | None):
    assert why_not_matchable(row("a", **changes), CUTOFF) == reason


def test_distance_is_the_great_circles():
    london, manchester = row("a"), row("b", lat=53.4808, lng=-2.2426)
    kilometres = distance_km(columns(london), columns(manchester))[0, 0]
    assert 260 < kilometres < 265


def test_every_label_of_the_screens_is_understood():
    unknown = Unknown()
    for attribute, labels in (
        ("education", EDUCATION_LABELS),
        ("marital", MARITAL_LABELS),
        ("religiosity", RELIGIOSITY_LABELS),
        ("sect", SECTS),
    ):
        assert unknown.mask(attribute, labels, labels) == 2 ** len(labels) - 1
    assert set(MARITAL_CODE.values()) == set(range(len(MARITAL_LABELS)))
    assert set(PRAYER_CODE.values()) == set(range(len(RELIGIOSITY_LABELS)))
    assert set(EDUCATION_CODE.values()) == set(range(len(EDUCATION_LABELS)))
    assert not unknown.values


def test_an_unknown_value_is_reported():
    unknown = Unknown()
    assert unknown.code("education_level", "school of life", EDUCATION_CODE) == -1
    assert unknown.mask("sect", ["sunni", "sufi order"], SECTS) == 1
    assert unknown.values == Counter({"education_level: school of life": 1, "sect: sufi order": 1})


wishes = st.fixed_dictionaries(
    {
        "birthdate": st.dates(date(1966, 1, 1), date(2007, 1, 1)),
        "age_range_min": st.integers(18, 40),
        "age_range_max": st.integers(40, 70),
        "lat": st.one_of(st.none(), st.floats(50, 55)),
        "lng": st.floats(-3, 0),
        "max_distance": st.sampled_from([5, 60, 99, 100, 20_000]),
        "education_level": st.sampled_from(["MSc", "Ph.D", None, "?"]),
        "education_preferences": st.lists(st.sampled_from(EDUCATION_LABELS), max_size=3),
        "marital_status": st.sampled_from(["never_married", "divorced", None]),
        "marital_status_preferences": st.lists(st.sampled_from(MARITAL_LABELS), max_size=2),
        "has_children": st.sampled_from([True, False, None]),
        "has_children_preference": st.sampled_from(["yes", "no", "doesntMatter"]),
        "sect": st.sampled_from(["sunni", "shia", None]),
        "partner_sect_preference": st.lists(st.sampled_from(SECTS), max_size=2),
    }
)


@settings(max_examples=150, deadline=None)
@given(wishes, wishes, st.frozensets(st.sampled_from(sorted(UNKNOWN_MAY_BE_STRICT))))
def test_blocks_agree_with_the_rules_said_one_by_one(his: dict[str, Any], hers: dict[str, Any], strict: frozenset[str]):
    if his["lat"] is None:
        his = {**his, "lng": None}
    a, b = row("a", gender="male", **his), row("b", **hers)
    assert may_meet(a, b, replace(USUAL, strict=strict)) == (plain.what_parts(a, b, CUTOFF.date(), strict) is None)
