"""Made-up members in the app's tables, and strategies for whole populations of them."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.matching.rules.members import MemberRow
from matchme_pipeline.matching.rules.vocabulary import (
    EDUCATION_LABELS,
    MARITAL_LABELS,
    RELIGIOSITY_LABELS,
    SECTS,
)
from matchme_pipeline_tests.matching.made import CUTOFF, row


def save(connection: Connection, rows: Sequence[MemberRow]) -> None:
    """Write members into the app's tables; who has stated no preference has no row of preferences."""
    with connection.cursor() as cursor:
        for member in rows:
            values = {**vars(member), "religion": Jsonb(member.religion), "joined": CUTOFF - timedelta(days=90)}
            cursor.execute(
                """
                insert into profiles (
                    clerk_user_id, gender, gender_preference, birthdate, lat, lng, religion, marital_status,
                    has_children, wants_children, education_level, family_values, onboarding_completed, is_matchable,
                    profile_visibility, report_count, last_active_at, tags, created_at
                )
                values (
                    %(user_id)s, %(gender)s, %(gender_preference)s, %(birthdate)s, %(lat)s, %(lng)s, %(religion)s,
                    %(marital_status)s, %(has_children)s, %(wants_children)s, %(education_level)s, %(family_values)s,
                    %(onboarding_completed)s, %(is_matchable)s, %(profile_visibility)s, %(report_count)s,
                    %(last_active_at)s, %(tags)s, %(joined)s
                )
                """,
                values,
            )
            if member.age_range_min is not None:
                wishes = ("education_preferences", "marital_status_preferences", "religiosity_preferences")
                cursor.execute(
                    """
                    insert into match_preferences (
                        clerk_user_id, age_range_min, age_range_max, max_distance, education_preferences,
                        marital_status_preferences, has_children_preference, religiosity_preferences
                    )
                    values (
                        %(user_id)s, %(age_range_min)s, %(age_range_max)s, %(max_distance)s,
                        %(education_preferences)s, %(marital_status_preferences)s, %(has_children_preference)s,
                        %(religiosity_preferences)s
                    )
                    """,
                    values | {name: Jsonb(getattr(member, name)) for name in wishes},
                )
            if member.sect is not None:
                cursor.execute(
                    """
                    insert into islamic_preferences (
                        clerk_user_id, muslim_since, sect, madhab, prayer_frequency, partner_sect_preference,
                        partner_age_min, partner_age_max, partner_prayer_importance, partner_hijab_required
                    )
                    values (
                        %(user_id)s, 'birth', %(sect)s, 'hanafi', %(prayer_frequency)s, %(partner_sect_preference)s,
                        %(partner_age_min)s, %(partner_age_max)s, %(partner_prayer_importance)s,
                        %(partner_hijab_required)s
                    )
                    """,
                    values,
                )


def _some(values: Sequence[Any], most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=most, unique=True)


_BIRTHDAYS = st.one_of(
    st.dates(date(1966, 1, 1), date(2008, 6, 1)),
    # Around the cutoff's own day, where a birthday is or is not yet over; leap days.
    st.builds(date, st.integers(1970, 2008), st.just(1), st.integers(10, 12)),
    st.sampled_from([date(1996, 2, 29), date(2004, 2, 29), None]),
)
_PLACES = st.one_of(
    st.tuples(st.floats(50, 55).map(lambda x: round(x, 4)), st.floats(-3, 0).map(lambda x: round(x, 4))),
    st.sampled_from([(None, None), (51.5, None), (51.5, -0.1), (-51.5, 179.9), (51.5, -180.0)]),
)
_RELIGIONS = st.sampled_from(
    [
        None,
        {},
        [],
        "sunni",
        {"practiceLevel": "Very Practicing", "sect": "shia"},
        {"practiceLevel": "moderate", "sect": "Sunni"},
        {"practiceLevel": "Dévout", "sect": "Ahmadi"},
        {"practiceLevel": 3, "sect": 4},
        {"practiceLevel": "often"},
    ]
)
_EDUCATION_WISHES = st.one_of(
    _some([*EDUCATION_LABELS, "bachelors degree", "MSc"]),
    _some(EDUCATION_LABELS),
    st.sampled_from([[], {}, "Other", None, [1, None]]),
)
_NOTHING_WISHED = dict.fromkeys(
    (
        "age_range_min", "age_range_max", "max_distance", "education_preferences", "marital_status_preferences",
        "has_children_preference", "religiosity_preferences",
    )
)  # fmt: skip
_NOTHING_OF_FAITH = dict.fromkeys(
    (
        "sect", "prayer_frequency", "partner_sect_preference", "partner_age_min", "partner_age_max",
        "partner_prayer_importance", "partner_hijab_required",
    )
)  # fmt: skip
# What may be different about a member; each draws all of its fields.
_ASPECTS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "gender": {
        "gender": st.sampled_from(["male", "female", None]),
        "gender_preference": st.sampled_from([None, [], ["male"], ["female"], ["Male", "female"], ["woman"]]),
    },
    "age": {"birthdate": _BIRTHDAYS},
    "ages": {"age_range_min": st.integers(18, 32), "age_range_max": st.integers(32, 70)},
    "firm ages": {
        "partner_age_min": st.sampled_from([None, 18, 25, 30]),
        "partner_age_max": st.sampled_from([None, 30, 35, 60]),
    },
    "place": {"place": _PLACES, "max_distance": st.sampled_from([5, 60, 400, 19_999, 20_000])},
    "education": {
        "education_level": st.sampled_from(
            ["B.Sc.", "ＭＳｃ", "Ph.D", "A-levels", "HND", "school of life", "", "  ", None]
        ),
        "education_preferences": _EDUCATION_WISHES,
    },
    "marital status": {
        "marital_status": st.sampled_from(["never_married", "divorced", "widowed", None]),
        "marital_status_preferences": _some([*MARITAL_LABELS, "never married", "Single"]),
    },
    "children": {
        "has_children": st.sampled_from([True, False, None]),
        "has_children_preference": st.sampled_from(["yes", "no", "doesntMatter"]),
    },
    "religiosity": {
        "prayer_frequency": st.sampled_from(["five_daily", "most", "some", "jummah", "learning"]),
        "religiosity_preferences": _some([*RELIGIOSITY_LABELS, "very practicing", "Devout", "Similar to mine"]),
    },
    "sect": {
        "sect": st.sampled_from(SECTS),
        "partner_sect_preference": st.one_of(st.none(), _some([*SECTS, "Sunni", "ahmadi", "sufi order"])),
    },
    "hijab": {
        "tags": st.sampled_from([None, [], ["Hijab"], ["hijab", "tea"], ["hijabi"]]),
        "partner_hijab_required": st.sampled_from([None, False, True, True]),
    },
    "no wishes": {name: st.none() for name in _NOTHING_WISHED},
    "no faith": {name: st.none() for name in _NOTHING_OF_FAITH} | {"religion": _RELIGIONS},
    "matchable": {
        "onboarding_completed": st.sampled_from([True, True, True, False, None]),
        "is_matchable": st.sampled_from([True, True, True, False, None]),
        "profile_visibility": st.sampled_from(["public", "members", "public", "hidden", "private"]),
        "report_count": st.sampled_from([None, 0, 4, 4, 5, 9]),
        "last_active_at": st.sampled_from(
            [CUTOFF, CUTOFF, CUTOFF - timedelta(days=60), CUTOFF - timedelta(days=60, seconds=1), None]
        ),
    },
}


@st.composite
def members(draw: st.DrawFn, number: int) -> dict[str, Any]:
    """What one member states: men and women in turn, whom anybody may meet, but for up to four aspects."""
    said: dict[str, Any] = {"gender": ("male", "female")[number % 2]}
    said["gender_preference"] = [("female", "male")[number % 2]]
    for aspect in draw(st.lists(st.sampled_from(sorted(_ASPECTS)), max_size=4, unique=True)):
        said |= {name: draw(values) for name, values in _ASPECTS[aspect].items()}
    if "place" in said:
        said["lat"], said["lng"] = said.pop("place")
    # The app's tables have a row of wishes, or of faith, whole or not at all.
    if any(said.get(name, 1) is None for name in ("age_range_min", "max_distance", "has_children_preference")):
        said |= _NOTHING_WISHED
    if said.get("sect", 1) is None or said.get("prayer_frequency", 1) is None:
        said |= _NOTHING_OF_FAITH
    return said


@st.composite
def populations(draw: st.DrawFn, most: int = 8) -> list[MemberRow]:
    """Two members or more, each with an id of their own."""
    return [row(f"u{n}", **draw(members(n))) for n in range(draw(st.integers(2, most)))]
