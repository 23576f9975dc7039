"""What a member's stored values mean for matching, part by part.

A part reads a few of the values of `MemberRow` and gives one or more columns of `Members`. Members state the same few
values, so a part is computed once for each different one.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, NamedTuple

from matchme_pipeline.database.stored_values import UnreadableValue
from matchme_pipeline.matching.rules import vocabulary as words
from matchme_pipeline.matching.rules.limits import Limits
from matchme_pipeline.matching.rules.members import ADULT_AGE, NO_LIMIT, whole_years
from matchme_pipeline.matching.rules.vocabulary import MISSING, Unknown
from matchme_pipeline.profile_vocabulary import plain
from matchme_pipeline.settings import UNKNOWN_MAY_BE_STRICT

OLDEST = 200
# The middle of a wider age range says nothing about the member's preference.
MAX_AGE_RANGE_YEARS = 40


class Reading(NamedTuple):
    """What values are read for: the reference day of ages, the limits, and a count of unknown values."""

    on: date
    limits: Limits
    unknown: Unknown


class Part(NamedTuple):
    """The values that `compute` takes, in this order after the reading, and the columns that it gives."""

    takes: tuple[str, ...]
    compute: Callable[..., Mapping[str, float]]


def _gender(reading: Reading, gender: Any, gender_preference: Any) -> Mapping[str, float]:
    """A bit for each gender that a member looks for; the other gender if no known preference is stated."""
    stated = reading.unknown.mask("gender_preference", gender_preference, words.GENDERS)
    other = sum(1 << code for code, name in enumerate(words.GENDERS) if name != gender)
    return {"gender": words.GENDERS.index(str(gender)), "wants_gender": stated or other}


def _age(reading: Reading, birthdate: Any) -> Mapping[str, float]:
    return {"age": whole_years(birthdate, reading.on) if birthdate else MISSING}


def _wanted_ages(_: Reading, range_min: Any, range_max: Any, firm_min: Any, firm_max: Any) -> Mapping[str, float]:
    """The ages that satisfy both of a member's statements: the screen's range and the firm one."""
    low = min(max(range_min or ADULT_AGE, firm_min or ADULT_AGE), OLDEST)
    high = min(range_max or OLDEST, firm_max or OLDEST)
    # Both ends are stated, not too far apart to mean an age between them.
    stated = (range_min or firm_min) and (range_max or firm_max)
    return {
        "age_min": low,
        "age_max": high,
        "states_age": int(bool(stated) and high - low <= MAX_AGE_RANGE_YEARS),
    }


def _distance(reading: Reading, max_distance: Any) -> Mapping[str, float]:
    """How far away a partner may live; the far end of the app's slider means anywhere."""
    anywhere = max_distance is None or max_distance >= reading.limits.anywhere_km
    strict = sum(1 << bit for bit, name in enumerate(UNKNOWN_MAY_BE_STRICT) if name in reading.limits.strict)
    return {"max_distance": NO_LIMIT if anywhere else float(max_distance), "strict": strict}


def _education(reading: Reading, level: Any, wanted: Any) -> Mapping[str, float]:
    unknown = reading.unknown
    return {
        "education": unknown.code("education_level", level, words.EDUCATION_CODE),
        "wants_education": unknown.mask("education_preferences", _list(wanted), words.EDUCATION_LABELS),
    }


def _marital_status(reading: Reading, status: Any, wanted: Any) -> Mapping[str, float]:
    unknown = reading.unknown
    return {
        "marital": unknown.code("marital_status", status, words.MARITAL_CODE),
        "wants_marital": unknown.mask("marital_status_preferences", _list(wanted), words.MARITAL_LABELS),
    }


def _children(_: Reading, has: Any, wants: Any, preference: Any) -> Mapping[str, float]:
    return {
        "children": MISSING if has is None else int(has),
        "wants_children": MISSING if wants is None else int(wants),
        # "yes" accepts a partner with children and requires nothing.
        "wants_partner_children": 0 if preference == "no" else MISSING,
    }


def _practice(reading: Reading, prayer_frequency: Any, religion: Any, wanted: Any) -> Mapping[str, float]:
    unknown = reading.unknown
    own = unknown.code("prayer_frequency", prayer_frequency, words.PRAYER_CODE)
    if own == MISSING:
        own = unknown.code("practiceLevel", _text(_object(religion).get("practiceLevel")), words.PRACTICE_CODE)
    return {"religiosity": own, "wants_religiosity": _wanted_practice(_list(wanted), own, unknown)}


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


def _sect(reading: Reading, sect: Any, religion: Any, wanted: Any) -> Mapping[str, float]:
    unknown = reading.unknown
    return {
        "sect": unknown.code("sect", sect or _text(_object(religion).get("sect")), words.SECT_CODE),
        "wants_sect": unknown.mask("partner_sect_preference", wanted, words.SECTS),
    }


def _family_values(reading: Reading, values: Any) -> Mapping[str, float]:
    return {"family_values": reading.unknown.code("family_values", values, words.FAMILY_VALUES_CODE)}


def _hijab(_: Reading, tags: Any, required: Any) -> Mapping[str, float]:
    # The app has no column for it; members state it in their tags.
    wears = "hijab" in {tag.casefold() for tag in tags or ()}
    return {"wears_hijab": int(wears), "requires_hijab": int(bool(required))}


def _prayer_importance(_: Reading, importance: Any) -> Mapping[str, float]:
    return {"prayer_importance": MISSING if importance is None else importance}


PARTS = (
    Part(("gender", "gender_preference"), _gender),
    Part(("birthdate",), _age),
    Part(("age_range_min", "age_range_max", "partner_age_min", "partner_age_max"), _wanted_ages),
    Part(("max_distance",), _distance),
    Part(("education_level", "education_preferences"), _education),
    Part(("marital_status", "marital_status_preferences"), _marital_status),
    Part(("has_children", "wants_children", "has_children_preference"), _children),
    Part(("prayer_frequency", "religion", "religiosity_preferences"), _practice),
    Part(("sect", "religion", "partner_sect_preference"), _sect),
    Part(("family_values",), _family_values),
    Part(("tags", "partner_hijab_required"), _hijab),
    Part(("partner_prayer_importance",), _prayer_importance),
)


def _list(value: Any) -> list[Any]:
    """A JSON array; empty for another type. Raises for an unreadable document."""
    if isinstance(value, UnreadableValue):
        # The document's preferences are unknown, and matching the member without them could break one.
        raise ValueError(value.reason)
    return value if isinstance(value, list) else []


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
