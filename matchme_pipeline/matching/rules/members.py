"""The members of a week as columns: one NumPy array per attribute, a row per member, ordered by id."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.database.stored_values import UnreadableValue
from matchme_pipeline.matching.rules import vocabulary as words
from matchme_pipeline.matching.rules.limits import USUAL, Limits
from matchme_pipeline.matching.rules.vocabulary import MISSING, Unknown
from matchme_pipeline.profile_vocabulary import plain
from matchme_pipeline.settings import UNKNOWN_MAY_BE_STRICT

ADULT_AGE = 18
NO_LIMIT = 20_000.0
OLDEST = 200
# The middle of a wider age range says nothing about the member's preference.
MAX_AGE_RANGE_YEARS = 40


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
    """The first reason that excludes a member from all lists; None for a matchable member."""
    active_since = cutoff - timedelta(days=limits.active_within_days)
    reasons = (
        ("not_onboarded", not row.onboarding_completed),
        # Both columns have a default; null means that nothing is stated.
        ("switched_off", row.is_matchable is False),
        ("hidden", (row.profile_visibility or "members") not in ("public", "members")),
        # A member without any recorded activity counts as active, because nothing shows that they left.
        ("inactive", row.last_active_at is not None and row.last_active_at < active_since),
        ("reported", (row.report_count or 0) >= limits.report_threshold),
        ("gender_unknown", row.gender not in words.GENDERS),
        ("birthdate_unknown", row.birthdate is None),
        ("under_age", row.birthdate is not None and whole_years(row.birthdate, cutoff.date()) < ADULT_AGE),
    )
    return next((name for name, holds in reasons if holds), None)


def whole_years(birthdate: date, on: date) -> int:
    """Age in completed years."""
    return on.year - birthdate.year - ((on.month, on.day) < (birthdate.month, birthdate.day))


def as_columns(rows: Iterable[MemberRow], cutoff: datetime, unknown: Unknown, limits: Limits = USUAL) -> Members:
    """Matchable members as columns, ordered by id; values outside the vocabulary are counted in `unknown`."""
    ordered = sorted(rows, key=lambda row: row.user_id)
    records = [_record(row, cutoff.date(), unknown, limits) for row in ordered]
    dtypes = {f.name: _dtype(f.name) for f in fields(Members) if f.name != "user_ids"}
    columns = {name: np.array([record[name] for record in records], dtype=kind) for name, kind in dtypes.items()}
    return Members([row.user_id for row in ordered], **columns)


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


def _dtype(name: str) -> Any:
    if name in ("lat", "lng", "max_distance"):
        return np.float64
    return np.int16 if name.startswith("age") or name == "strict" else np.int8


def _record(row: MemberRow, on: date, unknown: Unknown, limits: Limits) -> Mapping[str, float]:
    religion = row.religion if isinstance(row.religion, dict) else {}
    prayer = unknown.code("prayer_frequency", row.prayer_frequency, words.PRAYER_CODE)
    if prayer == MISSING:
        prayer = unknown.code("practiceLevel", _text(religion.get("practiceLevel")), words.PRACTICE_CODE)
    wanted_age = _age_range(row)
    return {
        "gender": words.GENDERS.index(str(row.gender)),
        "wants_gender": _wanted_genders(row, unknown),
        "age": whole_years(row.birthdate, on) if row.birthdate else MISSING,
        "age_min": wanted_age[0],
        "age_max": wanted_age[1],
        "states_age": int(_states_age(row, wanted_age)),
        "lat": math.nan if row.lat is None else float(row.lat),
        "lng": math.nan if row.lng is None else float(row.lng),
        "max_distance": _reach_km(row, limits),
        "education": unknown.code("education_level", row.education_level, words.EDUCATION_CODE),
        "wants_education": unknown.mask(
            "education_preferences", _list(row.education_preferences), words.EDUCATION_LABELS
        ),
        "marital": unknown.code("marital_status", row.marital_status, words.MARITAL_CODE),
        "wants_marital": unknown.mask(
            "marital_status_preferences", _list(row.marital_status_preferences), words.MARITAL_LABELS
        ),
        "children": MISSING if row.has_children is None else int(row.has_children),
        # "yes" accepts a partner with children and requires nothing.
        "wants_partner_children": 0 if row.has_children_preference == "no" else MISSING,
        "religiosity": prayer,
        "wants_religiosity": _wanted_practice(_list(row.religiosity_preferences), prayer, unknown),
        "sect": unknown.code("sect", row.sect or _text(religion.get("sect")), words.SECT_CODE),
        "wants_sect": unknown.mask("partner_sect_preference", row.partner_sect_preference, words.SECTS),
        "family_values": unknown.code("family_values", row.family_values, words.FAMILY_VALUES_CODE),
        "wants_children": MISSING if row.wants_children is None else int(row.wants_children),
        # The app has no column for it; members state it in their tags.
        "wears_hijab": int("hijab" in {tag.casefold() for tag in row.tags or ()}),
        "requires_hijab": int(bool(row.partner_hijab_required)),
        "strict": sum(1 << bit for bit, name in enumerate(UNKNOWN_MAY_BE_STRICT) if name in limits.strict),
        "prayer_importance": MISSING if row.partner_prayer_importance is None else row.partner_prayer_importance,
    }


def _wanted_genders(row: MemberRow, unknown: Unknown) -> int:
    """A bit for each gender that a member looks for; the other gender if no known preference is stated."""
    stated = unknown.mask("gender_preference", row.gender_preference, words.GENDERS)
    return stated or sum(1 << code for code, gender in enumerate(words.GENDERS) if gender != row.gender)


def _wanted_practice(labels: list[Any], own: int, unknown: Unknown) -> int:
    """A bit for each accepted level of practice. "Similar to mine" accepts the member's own level and its neighbours on
    the screen.

    For a member without a known level, "Similar to mine" requires nothing.
    """
    similar = [label for label in labels if plain(str(label)) == words.SIMILAR_TO_MINE]
    bits = unknown.mask(
        "religiosity_preferences", [label for label in labels if label not in similar], words.RELIGIOSITY_LABELS
    )
    if similar and own != MISSING:
        bits |= sum(1 << code for code in (own - 1, own, own + 1) if 0 <= code < len(words.RELIGIOSITY_LABELS))
    return bits


def _age_range(row: MemberRow) -> tuple[int, int]:
    """The ages that satisfy both of a member's statements: the screen's range and the firm one."""
    low = max(row.age_range_min or ADULT_AGE, row.partner_age_min or ADULT_AGE)
    return min(low, OLDEST), min(row.age_range_max or OLDEST, row.partner_age_max or OLDEST)


def _states_age(row: MemberRow, wanted: tuple[int, int]) -> bool:
    """Whether both ends are stated, not too far apart to mean an age between them."""
    stated = (row.age_range_min or row.partner_age_min) and (row.age_range_max or row.partner_age_max)
    return bool(stated) and wanted[1] - wanted[0] <= MAX_AGE_RANGE_YEARS


def _reach_km(row: MemberRow, limits: Limits) -> float:
    """How far away a partner may live; the far end of the app's slider means anywhere."""
    if row.max_distance is None or row.max_distance >= limits.anywhere_km:
        return NO_LIMIT
    return float(row.max_distance)


def _list(value: Any) -> list[Any]:
    """A JSON array; empty for another type. Raises for an unreadable document."""
    if isinstance(value, UnreadableValue):
        # The document's preferences are unknown, and matching the member without them could break one.
        raise ValueError(value.reason)
    return value if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
