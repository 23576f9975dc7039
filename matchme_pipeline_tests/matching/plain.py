"""The rules of matching once more in plain Python, one pair at a time, from what members state: slow and obvious."""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from matchme_pipeline.matching.rules.members import MemberRow

EARTH_KM = 6_371.0088
# What the made-up members' free texts mean, by the labels of the app's screens.
EDUCATION = {
    "B.Sc.": "Bachelor's Degree",
    "MSc": "Master's Degree",
    "ＭＳｃ": "Master's Degree",
    "HND": "Trade/Vocational",
    "Ph.D": "Doctorate/PhD",
    "A-levels": "High School",
}
MARITAL = {"never_married": "Never Married", "divorced": "Divorced", "widowed": "Widowed"}
PRAYER = {
    "five_daily": "Very Practicing",
    "most": "Practicing",
    "some": "Moderate",
    "jummah": "Cultural",
    "learning": "Flexible",
}
PRACTICE = {"very practicing": "Very Practicing", "dévout": "Very Practicing", "moderate": "Moderate"}
SECT = {"sunni": "sunni", "shia": "shia", "ahmadiyya": "ahmadiyya", "ahmadi": "ahmadiyya", "other": "other"}
SCREENS = {
    "gender": ("male", "female"),
    "education": ("High School", "Trade/Vocational", "Bachelor's Degree", "Master's Degree", "Doctorate/PhD", "Other"),
    "marital_status": ("Never Married", "Divorced", "Widowed"),
    "religiosity": ("Very Practicing", "Practicing", "Moderate", "Cultural", "Flexible"),
    "sect": ("sunni", "shia", "ahmadiyya", "other"),
}


def matchable(row: MemberRow, cutoff: datetime) -> bool:
    """Whether somebody is in anybody's list at all."""
    if row.birthdate is None:
        return False
    return (
        row.onboarding_completed is True
        and row.is_matchable in (True, None)
        and row.profile_visibility in {"public", "members", None}
        and (row.last_active_at is None or cutoff - row.last_active_at <= timedelta(days=60))
        and (row.report_count is None or row.report_count < 5)
        and row.gender in {"male", "female"}
        and age(row, cutoff.date()) >= 18
    )


def what_parts(a: MemberRow, b: MemberRow, on: date, strict: Collection[str] = ()) -> str | None:
    """The first filter that keeps two apart, whichever side states it; None where they may meet.

    A value that is not known keeps two apart only where its filter is among the `strict` ones.
    """
    for name, likes in FILTERS.items():
        for one, other in ((a, b), (b, a)):
            answer = likes(one, other, on)
            if answer is False or (answer is None and name in strict):
                return name
    return None


def not_stated(a: MemberRow, b: MemberRow, on: date) -> list[str]:
    """What `a` asks for and `b` has not stated."""
    return [name for name, likes in FILTERS.items() if likes(a, b, on) is None]


def age(row: MemberRow, on: date) -> int:
    """Completed years: how many birthdays have been; one of 29 February is on 1 March in other years."""
    assert row.birthdate is not None
    years = 0
    while _birthday(row.birthdate, row.birthdate.year + years + 1) <= on:
        years += 1
    return years


def kilometres(a: MemberRow, b: MemberRow) -> float | None:
    """The great circle's length by the spherical law of cosines; None where a place is not known."""
    if None in (a.lat, a.lng, b.lat, b.lng):
        return None
    la, ga, lb, gb = (math.radians(float(x)) for x in (a.lat, a.lng, b.lat, b.lng))  # type: ignore[arg-type]
    cosine = math.sin(la) * math.sin(lb) + math.cos(la) * math.cos(lb) * math.cos(ga - gb)
    return EARTH_KM * math.acos(max(-1.0, min(1.0, cosine)))


def score(
    a: MemberRow,
    b: MemberRow,
    on: date,
    vectors: Mapping[str, np.ndarray],
    titles: Mapping[str, set[str]],
    dna: Mapping[str, int],
    mean: float,
    deviation: float,
) -> tuple[float, ...]:
    """The factors in the order of WEIGHTS, each 0 to 1; `vectors` are centred and of length one."""
    similarity = 0.5
    if a.user_id in vectors and b.user_id in vectors:
        z = (float(vectors[a.user_id] @ vectors[b.user_id]) - mean) / deviation
        similarity = 1 / (1 + math.exp(-1.702 * z))
    mine, theirs = _soft_preferences(a, b, on), _soft_preferences(b, a, on)
    soft_preferences = [2 * x * y / (x + y) if x + y else 0.0 for x, y in zip(mine, theirs, strict=True)]
    stated = 1 - (len(not_stated(a, b, on)) + len(not_stated(b, a, on))) / (2 * (len(FILTERS) - 2))
    own, other = titles.get(a.user_id, set()), titles.get(b.user_id, set())
    shared = min(1.0, 2 * len(own & other) / math.sqrt(len(own) * len(other))) if own and other else 0.0
    known = a.user_id in dna and b.user_id in dna
    close = 1 - abs(dna[a.user_id] - dna[b.user_id]) / 100 if known else 0.5
    return similarity, *soft_preferences, stated, shared, close


def _birthday(birthdate: date, year: int) -> date:
    try:
        return birthdate.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


def _ages(row: MemberRow) -> tuple[int, int]:
    low = max(row.age_range_min or 18, row.partner_age_min or 18)
    return low, min(row.age_range_max or 200, row.partner_age_max or 200)


def _soft_preferences(a: MemberRow, b: MemberRow, on: date) -> list[float]:
    """How far b meets the soft soft_preferences of a: age, distance, practice, family values, children."""
    low, high = _ages(a)
    middle, half = float(age(a, on)), 10.0
    if (a.age_range_min or a.partner_age_min) and (a.age_range_max or a.partner_age_max) and high - low <= 40:
        middle, half = (low + high) / 2, max(1.0, (high - low) / 2)
    years = max(0.0, 1 - abs(age(b, on) - middle) / half)
    apart = kilometres(a, b)
    near = 0.5 if apart is None else 1 - min(1.0, apart / _reach(a)) * (0.5 if _reach(a) == 20_000 else 1.0)
    mine, theirs = _religiosity(a), _religiosity(b)
    practice = 0.5
    if mine and theirs:
        steps = abs(SCREENS["religiosity"].index(mine) - SCREENS["religiosity"].index(theirs))
        practice = max(0.0, 1 - (a.partner_prayer_importance or 5) / 10 * steps / 2)
    family = 0.5
    if a.family_values and b.family_values:
        views = ("traditional", "balanced", "modern")
        family = 1 - abs(views.index(a.family_values) - views.index(b.family_values)) / 2
    children = 0.5
    if a.wants_children is not None and b.wants_children is not None:
        children = float(a.wants_children == b.wants_children)
    return [years, near, practice, family, children]


def _reach(row: MemberRow) -> float:
    return 20_000 if row.max_distance is None or row.max_distance >= 100 else row.max_distance


def _letters(text: Any) -> str:
    return re.sub("[^a-z]", "", str(text).lower())


def _wants(labels: Any, screen: str, value: str | None) -> bool | None:
    """Whether a stated wish is met; None where the value is not known."""
    wished = labels if isinstance(labels, list) else []
    known = {name for name in SCREENS[screen] if _letters(name) in {_letters(label) for label in wished}}
    if not known:
        return True
    return None if value is None else value in known


def _genders(row: MemberRow) -> set[str]:
    stated = {_letters(label) for label in row.gender_preference or ()} & {"male", "female"}
    return stated or {"male", "female"} - {row.gender or ""}


def _religiosity(row: MemberRow) -> str | None:
    if row.prayer_frequency:
        return PRAYER[row.prayer_frequency]
    level = row.religion.get("practiceLevel") if isinstance(row.religion, dict) else None
    return PRACTICE.get(level.lower()) if isinstance(level, str) else None


def _wished_practice(row: MemberRow) -> Any:
    labels = row.religiosity_preferences
    own, screen = _religiosity(row), SCREENS["religiosity"]
    if not isinstance(labels, list) or "Similar to mine" not in labels or own is None:
        return labels
    place = screen.index(own)
    return [*labels, *screen[max(0, place - 1) : place + 2]]


def _sect(row: MemberRow) -> str | None:
    said = row.sect or (row.religion.get("sect") if isinstance(row.religion, dict) else None)
    return SECT.get(said.lower()) if isinstance(said, str) else None


def _near(a: MemberRow, b: MemberRow, on: date) -> bool | None:
    if _reach(a) == 20_000:
        return True
    apart = kilometres(a, b)
    return None if apart is None else apart <= _reach(a)


def _childless(a: MemberRow, b: MemberRow, on: date) -> bool | None:
    if a.has_children_preference != "no":
        return True
    return None if b.has_children is None else not b.has_children


def _hijab(a: MemberRow, b: MemberRow, on: date) -> bool | None:
    return True if not a.partner_hijab_required or "hijab" in {tag.lower() for tag in b.tags or ()} else None


FILTERS = {
    "gender": lambda a, b, on: b.gender in _genders(a),
    "age": lambda a, b, on: _ages(a)[0] <= age(b, on) <= _ages(a)[1],
    "distance": _near,
    "education": lambda a, b, on: _wants(a.education_preferences, "education", EDUCATION.get(b.education_level or "")),
    "marital_status": lambda a, b, on: _wants(
        a.marital_status_preferences, "marital_status", MARITAL.get(b.marital_status or "")
    ),
    "children": _childless,
    "religiosity": lambda a, b, on: _wants(_wished_practice(a), "religiosity", _religiosity(b)),
    "sect": lambda a, b, on: _wants(a.partner_sect_preference, "sect", _sect(b)),
    "hijab": _hijab,
}


def centred(vectors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Vectors less their mean, at length one."""
    if not vectors:
        return {}
    mean = np.mean([vector.astype(np.float64) for vector in vectors.values()], axis=0)
    moved = {user_id: vector - mean for user_id, vector in vectors.items()}
    return {
        user_id: vector / np.linalg.norm(vector) for user_id, vector in moved.items() if np.linalg.norm(vector) > 1e-6
    }


def mean_and_deviation(cosines: Sequence[float]) -> tuple[float, float]:
    """Of the cosines of all eligible pairs; a deviation of nothing counts as one."""
    if not cosines:
        return 0.0, 1.0
    deviation = math.sqrt(max(sum(x * x for x in cosines) / len(cosines) - (sum(cosines) / len(cosines)) ** 2, 0.0))
    return sum(cosines) / len(cosines), deviation or 1.0
