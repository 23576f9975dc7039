"""The hard preferences in SQL, for the statements of the member search and of the weekly checks.

`rules.eligibility` decides the weekly matches; a test compares every condition here with it.
"""

import json
import re
from datetime import date
from importlib import resources
from typing import Any

from matchme_pipeline.matching.rules import vocabulary as words
from matchme_pipeline.matching.rules.limits import Limits
from matchme_pipeline.profile_vocabulary import plain
from matchme_pipeline.settings import UNKNOWN_MAY_BE_STRICT


def with_preferences(statement: str) -> str:
    """A statement with its comments replaced: by a member's codes, by the conditions, or by a count of each broken one.

    A null condition counts as broken, because every matched member has a gender and an age.
    """
    counts = (f"count(*) filter (where ({condition}) is not true) as {name}" for name, condition in CONDITIONS.items())
    return (
        statement.replace("/* member_codes */", MEMBER_CODES)
        .replace("/* hard_preferences */", " and ".join(f"({condition})" for condition in CONDITIONS.values()))
        .replace("/* broken_preferences */", ", ".join(counts))
    )


def _conditions(text: str) -> dict[str, str]:
    """The conditions of hard_preferences.sql by name: each follows a comment that contains only its name."""
    parts = re.split(r"^-- (\w+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))


_FOLDER = resources.files(__package__)
# The codes of a member `p`, as `o`.
MEMBER_CODES = _FOLDER.joinpath("member_codes.sql").read_text("utf-8")
# The conditions on two members `s` and `o`, by filter, in the order of `eligibility.FILTERS`.
CONDITIONS = _conditions(_FOLDER.joinpath("hard_preferences.sql").read_text("utf-8"))


def parameters(limits: Limits, on: date) -> dict[str, Any]:
    """The parameters of `MEMBER_CODES` and `CONDITIONS`; `on` is the reference day of ages."""
    return {
        "on": on,
        "anywhere_km": limits.anywhere_km,
        "all_genders": (1 << len(words.GENDERS)) - 1,
        "vocabulary": json.dumps(_vocabulary()),
        **{f"unless_strict_{name}": int(name not in limits.strict) for name in UNKNOWN_MAY_BE_STRICT},
    }


def _vocabulary() -> dict[str, dict[str, int]]:
    """The mappings of `vocabulary`, spelling to code."""
    labels = {
        "genders": words.GENDERS,
        "education_labels": words.EDUCATION_LABELS,
        "marital_labels": words.MARITAL_LABELS,
        "religiosity_labels": words.RELIGIOSITY_LABELS,
        "sect_labels": words.SECTS,
    }
    return {
        "education": words.EDUCATION_CODE,
        "marital": words.MARITAL_CODE,
        "prayer": words.PRAYER_CODE,
        "practice": words.PRACTICE_CODE,
        "sect": words.SECT_CODE,
        **{name: {plain(label): code for code, label in enumerate(known)} for name, known in labels.items()},
    }
