"""Who may meet whom: every wish holds both ways, a missing value satisfies no stated wish."""

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matchme_pipeline.matching.rules.eligibility import distance_km, eligible_block
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
from matchme_pipeline_tests.matching.made import CUTOFF, columns, row


def may_meet(a: MemberRow, b: MemberRow) -> bool:
    members = columns(a, b)
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
        ({"max_distance": 100}, {"lat": 53.48, "lng": -2.24, "max_distance": 20_000}),
        ({"max_distance": 100}, {"lat": None, "lng": None, "max_distance": 20_000}),
        ({"education_preferences": ["Doctorate/PhD"]}, {}),
        ({"education_preferences": ["Master's Degree"]}, {"education_level": None}),
        ({"education_preferences": ["Master's Degree"]}, {"education_level": "school of life"}),
        ({"marital_status_preferences": ["Divorced", "Widowed"]}, {}),
        ({"marital_status_preferences": ["Never Married"]}, {"marital_status": None}),
        ({"has_children_preference": "no"}, {"has_children": True}),
        ({"has_children_preference": "yes"}, {}),
        ({"has_children_preference": "no"}, {"has_children": None}),
        ({"religiosity_preferences": ["Very Practicing"]}, {}),
        ({"partner_sect_preference": ["shia"]}, {}),
        ({"partner_hijab_required": True}, {}),
    ],
)
def test_one_unmet_wish_of_either_side_keeps_them_apart(his: dict[str, Any], hers: dict[str, Any]):
    assert not may_meet(row("a", gender="male", **his), row("b", **hers))


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
        "max_distance": st.sampled_from([5, 100, 400, 20_000]),
        "education_level": st.sampled_from(["MSc", "phd", None, "?"]),
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
@given(wishes, wishes)
def test_blocks_agree_with_the_rules_said_one_by_one(his: dict[str, Any], hers: dict[str, Any]):
    a, b = row("a", gender="male", **his), row("b", **hers)
    if his["lat"] is None:
        a = row("a", gender="male", **{**his, "lng": None})
    assert may_meet(a, b) == (_plainly_likes(a, b) and _plainly_likes(b, a))


def _plainly_likes(a: MemberRow, b: MemberRow) -> bool:
    """The rules of one side, in plain Python, from the labels themselves."""
    education = {"MSc": "Master's Degree", "phd": "Doctorate/PhD"}.get(b.education_level or "")
    marital = {"never_married": "Never Married", "divorced": "Divorced"}.get(b.marital_status or "")
    children = {"yes": True, "no": False}.get(a.has_children_preference or "")
    assert b.birthdate is not None
    age = CUTOFF.year - b.birthdate.year - ((CUTOFF.month, CUTOFF.day) < (b.birthdate.month, b.birthdate.day))
    kilometres = float(distance_km(columns(a), columns(b))[0, 0])
    return (
        (a.age_range_min or 0) <= age <= (a.age_range_max or 0)
        and (a.max_distance == 20_000 or kilometres <= (a.max_distance or 0))
        and (not a.education_preferences or education in a.education_preferences)
        and (not a.marital_status_preferences or marital in a.marital_status_preferences)
        and (children is None or b.has_children is children)
        and (not a.partner_sect_preference or b.sect in a.partner_sect_preference)
    )
