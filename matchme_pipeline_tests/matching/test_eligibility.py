"""Who may meet whom: a known value against a wish always keeps two apart, an unknown one where that is set."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from math import acos, cos, radians, sin
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matchme_pipeline.matching.rules.eligibility import (
    distance_km,
    eligible_block,
    eligible_pairs,
    not_stated,
    unknown_asked,
)
from matchme_pipeline.matching.rules.explanation import stated_names
from matchme_pipeline.matching.rules.jit import plain as plain_rule
from matchme_pipeline.matching.rules.limits import USUAL, Limits
from matchme_pipeline.matching.rules.member_records import records
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


GENDERS, LOOKS_FOR = ("male", "female"), (["male"], ["female"], ["male", "female"], None)


def test_genders_suit_only_if_each_looks_for_the_other():
    everybody = [
        row(f"{gender} {wish}", gender=gender, gender_preference=wish) for gender in GENDERS for wish in LOOKS_FOR
    ]
    everybody.sort(key=lambda member: member.user_id)
    members = columns(*everybody)
    assert members.user_ids == [member.user_id for member in everybody]
    block, _ = eligible_block(members, members)

    def looks_for(a: MemberRow, b: MemberRow) -> bool:
        # Without a stated gender: the other one.
        return b.gender in a.gender_preference if a.gender_preference else a.gender != b.gender

    said = [[looks_for(a, b) and looks_for(b, a) for b in everybody] for a in everybody]
    assert block.tolist() == said
    rows, partners = (side.ravel() for side in np.indices(block.shape))
    assert eligible_pairs(members, rows, partners).tolist() == block.ravel().tolist()


@settings(max_examples=60, deadline=None)
@given(wishes, wishes, wishes)
def test_named_pairs_are_eligible_where_the_block_of_all_pairs_says_so(one, two, three):
    genders = {"a": "male", "b": "female", "c": "male"}
    rows = [
        row(name, gender=genders[name], **(own if own["lat"] is not None else {**own, "lng": None}))
        for name, own in zip(genders, (one, two, three), strict=True)
    ]
    members = columns(*rows)
    block, _ = eligible_block(members, members)
    for a in range(3):
        for b in range(3):
            assert eligible_pairs(members, np.array([a]), np.array([b]))[0] == block[a, b]


PLACES = st.tuples(st.floats(-89, 89), st.floats(-180, 180))


@settings(max_examples=100, deadline=None)
@given(PLACES, st.floats(-3, 3), st.floats(-3, 3), st.integers(1, 99))
def test_a_limit_of_distance_is_in_kilometres_of_the_great_circle(place, north: float, east: float, most: int):
    lat, lng = place
    other = (max(-89.9, min(89.9, lat + north)), max(-180.0, min(180.0, lng + east)))
    angle = acos(
        max(-1.0, min(1.0, sin(radians(lat)) * sin(radians(other[0]))
            + cos(radians(lat)) * cos(radians(other[0])) * cos(radians(lng - other[1]))))
    )  # fmt: skip
    kilometres = 6_371.0088 * angle
    him = row("a", gender="male", lat=lat, lng=lng, max_distance=most)
    her = row("b", lat=other[0], lng=other[1], max_distance=20_000)
    # Near the limit rounding decides.
    if abs(kilometres - most) > 0.05:
        assert may_meet(him, her) == (kilometres < most)
    found = distance_km(columns(him), columns(her))[0, 0]
    assert found == pytest.approx(kilometres, abs=0.05)


def test_a_removed_pair_is_counted_under_the_first_filter_that_it_fails():
    him = row(
        "a", gender="male", age_range_max=29, max_distance=50, education_preferences=["Doctorate/PhD"],
        marital_status_preferences=["Widowed"], has_children_preference="no",
        religiosity_preferences=["Very Practicing"], partner_sect_preference=["shia"], partner_hijab_required=True,
    )  # fmt: skip
    # What she must be for each filter to let her pass, in the order of the filters.
    suits: list[tuple[str, dict[str, Any]]] = [
        ("gender", {"gender_preference": ["male"]}),
        ("age", {"birthdate": date(1999, 1, 1)}),
        ("distance", {"lat": 51.5, "lng": -0.1}),
        ("education", {"education_level": "Ph.D"}),
        ("marital_status", {"marital_status": "widowed"}),
        ("children", {"has_children": False}),
        ("religiosity", {"religion": {"practiceLevel": "very_practicing"}, "prayer_frequency": "always"}),
        ("sect", {"sect": "shia"}),
        ("hijab", {"tags": ["Hijab"]}),
    ]
    she: dict[str, Any] = {
        "gender_preference": ["female"], "lat": 53.4, "lng": -2.2, "has_children": True, "prayer_frequency": "never",
        "max_distance": 20_000,
    }  # fmt: skip
    for name, passes in suits:
        removed: Counter[str] = Counter()
        block, _ = eligible_block(columns(him, limits=STRICT), columns(row("b", **she), limits=STRICT), removed)
        assert (dict(+removed), block.item()) == ({name: 1}, False)
        she |= passes
    removed = Counter()
    block, _ = eligible_block(columns(him, limits=STRICT), columns(row("b", **she), limits=STRICT), removed)
    assert (dict(+removed), block.item()) == ({}, True)


@settings(max_examples=60, deadline=None)
@given(wishes, wishes)
def test_what_one_side_asks_for_and_the_other_has_not_stated_is_counted_and_named(
    his: dict[str, Any], hers: dict[str, Any]
):
    if his["lat"] is None:
        his = {**his, "lng": None}
    if hers["lat"] is None:
        hers = {**hers, "lng": None}
    members = columns(row("a", gender="male", **his), row("b", **hers))
    made = records(members).view(np.recarray)
    apart = float(distance_km(members, members)[0, 1])
    asked = plain_rule(unknown_asked)
    one, other = asked(made[0], made[1], apart), asked(made[1], made[0], apart)
    (bits,) = not_stated(members, np.array([0]), np.array([1])).tolist()
    said = {
        name for a, b in ((his, hers), (hers, his))
        for name, asks, states in (
            ("distance", a["max_distance"] < 100, his["lat"] is not None and hers["lat"] is not None),
            ("education", bool(a["education_preferences"]), b["education_level"] in ("MSc", "Ph.D")),
            ("marital_status", bool(a["marital_status_preferences"]), b["marital_status"] is not None),
            ("children", a["has_children_preference"] == "no", b["has_children"] is not None),
            ("sect", bool(a["partner_sect_preference"]), b["sect"] is not None),
        )
        if asks and not states
    }  # fmt: skip
    assert set(stated_names(bits)) == said
    assert max(one, other) <= len(said) <= one + other
