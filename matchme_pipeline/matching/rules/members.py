"""The members of a week as columns: one NumPy array per attribute, a row per member, ordered by id."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.rules import vocabulary as words
from matchme_pipeline.matching.rules.limits import USUAL, Limits
from matchme_pipeline.matching.rules.vocabulary import MISSING

ADULT_AGE = 18
NO_LIMIT = 20_000.0


@dataclass(frozen=True)
class MemberRow:
    """One member as stored in the app's tables; preferences are None if nothing is stated."""

    user_id: str
    gender: str | None
    gender_preference: Sequence[str] | None
    birthdate: date | None
    lat: float | None
    lng: float | None
    religion: Any
    marital_status: str | None
    has_children: bool | None
    wants_children: bool | None
    education_level: str | None
    family_values: str | None
    onboarding_completed: bool | None
    is_matchable: bool | None
    profile_visibility: str | None
    report_count: int | None
    last_active_at: datetime | None
    age_range_min: int | None
    age_range_max: int | None
    max_distance: int | None
    education_preferences: Any
    marital_status_preferences: Any
    has_children_preference: str | None
    religiosity_preferences: Any
    sect: str | None
    prayer_frequency: str | None
    partner_sect_preference: Sequence[str] | None
    partner_age_min: int | None
    partner_age_max: int | None
    partner_prayer_importance: int | None
    partner_hijab_required: bool | None
    tags: Sequence[str] | None


@dataclass(frozen=True)
class Members:
    """Columns of length n. Codes are those of `vocabulary`, MISSING (-1) for unknown values; masks hold a bit per
    accepted code, 0 means any; distances are kilometres, coordinates degrees (NaN: unknown).
    """

    user_ids: list[str]
    gender: NDArray[np.int8]
    wants_gender: NDArray[np.int8]
    age: NDArray[np.int16]
    age_min: NDArray[np.int16]
    age_max: NDArray[np.int16]
    lat: NDArray[np.float64]
    lng: NDArray[np.float64]
    max_distance: NDArray[np.float64]
    education: NDArray[np.int8]
    wants_education: NDArray[np.int8]
    marital: NDArray[np.int8]
    wants_marital: NDArray[np.int8]
    children: NDArray[np.int8]
    wants_partner_children: NDArray[np.int8]
    religiosity: NDArray[np.int8]
    wants_religiosity: NDArray[np.int8]
    sect: NDArray[np.int8]
    wants_sect: NDArray[np.int8]
    family_values: NDArray[np.int8]
    wants_children: NDArray[np.int8]
    prayer_importance: NDArray[np.int8]
    wears_hijab: NDArray[np.int8]
    requires_hijab: NDArray[np.int8]
    # Does the member state both ends of an age range that is narrow enough to have a meaningful middle?
    states_age: NDArray[np.int8]
    # A bit for each of `settings.UNKNOWN_MAY_BE_STRICT` whose unknown value fails this member's preference.
    strict: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.user_ids)

    def rows(self, where: NDArray[np.intp] | slice) -> "Members":
        """The members at these positions."""
        positions = np.arange(len(self))[where].tolist()
        columns = {f.name: getattr(self, f.name)[where] for f in fields(self) if f.name != "user_ids"}
        return Members([self.user_ids[i] for i in positions], **columns)


def why_not_matchable(row: MemberRow, cutoff: datetime, limits: Limits = USUAL) -> str | None:
    """The first reason that excludes a member from all lists; None for a matchable member.

    `member_columns` applies the same three rules to columns.
    """
    if unwilling := why_unwilling(row.onboarding_completed, row.is_matchable, row.profile_visibility):
        return unwilling
    # A member without any recorded activity counts as active, because nothing shows that they left.
    if row.last_active_at is not None and row.last_active_at < cutoff - timedelta(days=limits.active_within_days):
        return "inactive"
    return why_unfit(row.report_count, row.gender, row.birthdate, cutoff.date(), limits)


def why_unwilling(onboarding_completed: Any, is_matchable: Any, profile_visibility: Any) -> str | None:
    """Does a member not take part, by their own choice? The first reason, or None."""
    reasons = (
        ("not_onboarded", not onboarding_completed),
        # Both columns have a default; null means that nothing is stated.
        ("switched_off", is_matchable is False),
        ("hidden", (profile_visibility or "members") not in ("public", "members")),
    )
    return next((name for name, holds in reasons if holds), None)


def why_unfit(report_count: Any, gender: Any, birthdate: Any, on: date, limits: Limits) -> str | None:
    """What excludes a member who takes part and is active: the first reason, or None."""
    reasons = (
        ("reported", (report_count or 0) >= limits.report_threshold),
        ("gender_unknown", gender not in words.GENDERS),
        ("birthdate_unknown", birthdate is None),
        ("under_age", birthdate is not None and whole_years(birthdate, on) < ADULT_AGE),
    )
    return next((name for name, holds in reasons if holds), None)


def whole_years(birthdate: date, on: date) -> int:
    """Age in completed years."""
    return on.year - birthdate.year - ((on.month, on.day) < (birthdate.month, birthdate.day))


def unknown_shares(members: Members) -> dict[str, float]:
    """The share of members whose attribute is unknown, by attribute, 0 to 1; 0 without members."""
    missing = {
        "distance": np.isnan(members.lat) | np.isnan(members.lng),
        "education": members.education == MISSING,
        "marital_status": members.marital == MISSING,
        "children": members.children == MISSING,
        "religiosity": members.religiosity == MISSING,
        "sect": members.sect == MISSING,
    }
    return {name: round(float(unknown.mean()), 4) if len(members) else 0.0 for name, unknown in missing.items()}
