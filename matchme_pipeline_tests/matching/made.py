"""Made-up members for matching's tests."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from matchme_pipeline.matching.rules.limits import USUAL, Limits
from matchme_pipeline.matching.rules.member_columns import as_columns
from matchme_pipeline.matching.rules.members import MemberRow, Members
from matchme_pipeline.matching.rules.vocabulary import Unknown
from matchme_pipeline.settings import UNKNOWN_MAY_BE_STRICT

CUTOFF = datetime(2026, 1, 11, 2, tzinfo=UTC)


def row(user_id: str, **changes: Any) -> MemberRow:
    """A member whom anybody may meet, but for `changes`."""
    gender = changes.pop("gender", "female")
    values: dict[str, Any] = {
        "gender_preference": ["female" if gender == "male" else "male"],
        "birthdate": date(1996, 1, 1),
        "lat": 51.5,
        "lng": -0.1,
        "religion": None,
        "marital_status": "never_married",
        "has_children": False,
        "wants_children": None,
        "education_level": "MSc",
        "family_values": None,
        "onboarding_completed": True,
        "is_matchable": True,
        "profile_visibility": "members",
        "report_count": 0,
        "last_active_at": CUTOFF,
        "age_range_min": 18,
        "age_range_max": 60,
        "max_distance": 90,
        "education_preferences": [],
        "marital_status_preferences": [],
        "has_children_preference": "doesntMatter",
        "religiosity_preferences": [],
        "sect": "sunni",
        "prayer_frequency": "most",
        "partner_sect_preference": [],
        "partner_age_min": None,
        "partner_age_max": None,
        "partner_prayer_importance": None,
        "partner_hijab_required": None,
        "tags": [],
    }
    return MemberRow(user_id=user_id, gender=gender, **{**values, **changes})


STRICT = replace(USUAL, strict=frozenset(UNKNOWN_MAY_BE_STRICT))


def columns(*rows: MemberRow, limits: Limits = USUAL) -> Members:
    """These members as columns."""
    return as_columns(rows, CUTOFF, Unknown(), limits)
