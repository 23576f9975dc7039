"""The columns of the files: the allowed values of each, and the default of an absent column."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from matchme_pipeline.matching.csv_files import cells
from matchme_pipeline.matching.rules import vocabulary as words
from matchme_pipeline.matching.rules.members import NO_LIMIT
from matchme_pipeline.matching.rules.vocabulary import MISSING, Unknown

_ANY_AGE = cells.whole(18, 200)
_KILOMETRES = cells.whole(1, int(NO_LIMIT))


@dataclass(frozen=True)
class Column:
    """One column: how a cell is parsed, its meaning, and the default if the column is absent.

    A `required` column must exist; a `filled` column has no empty cell. `unknown_values` returns the parts of a value
    that are outside the vocabulary: they are reported and count as missing.
    """

    name: str
    read: Callable[[str], Any]
    meaning: str
    absent: Any = None
    required: bool = False
    filled: bool = False
    unknown_values: Callable[[Any], Collection[str]] | None = None


def _codes(codes: dict[str, int]) -> Callable[[Any], Collection[str]]:
    return lambda value: [value] if Unknown().code("", value, codes) == MISSING else []


def _labels(labels: tuple[str, ...]) -> Callable[[Any], Collection[str]]:
    return lambda values: [value for value in values if not Unknown().mask("", [value], labels)]


def _practice(religion: Any) -> list[str]:
    if not isinstance(religion, dict):
        return [str(religion)]
    level = religion.get("practiceLevel")
    return [level] if isinstance(level, str) and Unknown().code("", level, words.PRACTICE_CODE) == MISSING else []


USER_ID = Column("user_id", cells.identifier, "the member's id, any text", required=True, filled=True)

MEMBER_COLUMNS = (
    USER_ID,
    Column("gender", cells.gender, "male or female (m, f); members without it are not matched", required=True),
    Column("birthdate", cells.day, "YYYY-MM-DD; either this column or age is required"),
    Column("age", cells.whole(0, 130), "whole years on the day of --as-of, where birthdate is not known"),
    Column(
        "gender_preference",
        cells.genders,
        "genders looked for; empty: the other one",
        unknown_values=_labels(words.GENDERS),
    ),
    Column("lat", cells.decimal(-90, 90), "degrees north; without a place only 'any distance' is met"),
    Column("lng", cells.decimal(-180, 180), "degrees east"),
    Column(
        "religion",
        cells.json_value,
        "JSON with sect and practiceLevel, used if the next two are empty",
        unknown_values=_practice,
    ),
    Column("sect", cells.text, ", ".join(words.SECTS), unknown_values=_codes(words.SECT_CODE)),
    Column(
        "prayer_frequency",
        cells.text,
        "five_daily, most, some, jummah or learning",
        unknown_values=_codes(words.PRAYER_CODE),
    ),
    Column(
        "marital_status", cells.text, "never_married, divorced or widowed", unknown_values=_codes(words.MARITAL_CODE)
    ),
    Column("has_children", cells.boolean, "true or false"),
    Column("wants_children", cells.boolean, "true or false; soft"),
    Column(
        "education_level", cells.text, "a degree, such as BSc or Masters", unknown_values=_codes(words.EDUCATION_CODE)
    ),
    Column(
        "family_values",
        cells.text,
        "traditional, balanced or modern; soft",
        unknown_values=_codes(words.FAMILY_VALUES_CODE),
    ),
    Column("tags", cells.listed, "partner_hijab_required looks for 'hijab' among them"),
    Column("onboarding_completed", cells.boolean, "false: the member is not matched", True),
    Column("is_matchable", cells.boolean, "false: the member is not matched", True),
    Column(
        "profile_visibility",
        cells.one_of("public", "members", "private", "hidden"),
        "public and members are matched",
        "members",
    ),
    Column("report_count", cells.whole(0, 1_000_000), "reports by others", 0),
    Column("last_active_at", cells.moment, "when the member last opened the app; absent: everybody is active"),
    Column("age_range_min", _ANY_AGE, "youngest partner"),
    Column("age_range_max", _ANY_AGE, "oldest partner"),
    Column("partner_age_min", _ANY_AGE, "a second statement; both hold"),
    Column("partner_age_max", _ANY_AGE, "a second statement; both hold"),
    Column("max_distance", _KILOMETRES, f"kilometres; empty or {NO_LIMIT:.0f}: any distance"),
    Column(
        "education_preferences",
        cells.listed,
        "; ".join(words.EDUCATION_LABELS),
        unknown_values=_labels(words.EDUCATION_LABELS),
    ),
    Column(
        "marital_status_preferences",
        cells.listed,
        "; ".join(words.MARITAL_LABELS),
        unknown_values=_labels(words.MARITAL_LABELS),
    ),
    Column("has_children_preference", cells.one_of("yes", "no", "doesntMatter"), "yes, no or doesntMatter"),
    Column(
        "religiosity_preferences",
        cells.listed,
        "; ".join(words.RELIGIOSITY_LABELS),
        unknown_values=_labels(words.RELIGIOSITY_LABELS),
    ),
    Column("partner_sect_preference", cells.listed, "; ".join(words.SECTS), unknown_values=_labels(words.SECTS)),
    Column("partner_prayer_importance", cells.whole(1, 10), "how important similar prayer habits are, 1 to 10; soft"),
    Column("partner_hijab_required", cells.boolean, "true or false"),
    Column("dna_score", cells.decimal(0, 100), "MySoul DNA score, 0 to 100"),
    Column("insights", cells.listed, "what the member has approved, each as 'category: title'"),
    Column("bio", cells.text, "a text about the member, for the vector"),
    Column("embedding", cells.vector, "the member's vector, [0.1, -0.2, …]; then no text is read"),
)
TEXT_COLUMNS = (
    USER_ID,
    Column("text", cells.text, "something the member shared", required=True, filled=True),
    Column("shared_at", cells.moment, "when; newer texts weigh more"),
    Column("depth_level", cells.whole(1, 4), "1 light to 4 deep; deeper texts weigh more", 1),
)
VECTOR_COLUMNS = (USER_ID, Column("embedding", cells.vector, "the member's vector", required=True, filled=True))
OUTCOME_COLUMNS = (
    USER_ID,
    Column("match_user_id", cells.identifier, "the member whom they were shown", required=True, filled=True),
    Column("liked", cells.boolean, "true or false: whether the member liked them", required=True, filled=True),
)
MET_COLUMNS = (
    USER_ID,
    Column("match_user_id", cells.identifier, "a member whom they have met already", required=True, filled=True),
)
