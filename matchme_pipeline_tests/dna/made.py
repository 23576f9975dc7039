"""Hypothesis-made populations: small, odd, and full of what goes wrong."""

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from matchme_pipeline.dna.facts import MICROSECONDS_PER_DAY as DAY
from matchme_pipeline.dna.facts import Facts
from matchme_pipeline.dna.weights import DEPTH_DIMENSIONS, TRAIT_FIELDS

CUTOFF = 1_770_000_000_000_000
DIMENSIONS = 8

_TEXTS = st.sampled_from(
    (
        *("Teacher", "teacher ", "Techer", "taecher", "Nurse", "nurse", "Imam", "doctor", "docter", "doctr"),
        *("Écrivain", "ecrivain", "مهندس", "", "N/A", "Prefer not to say"),
        *("a@b.c", "07700 900 123", "a sentence that is far too long to be a trait"),
    )
)
_LISTS = st.none() | st.lists(
    st.sampled_from(["Football", "footbal", "fotball", "chess", "Chess!", "", "reading", None, "readign"]), max_size=4
)
_RELIGION = st.sampled_from(
    [
        None,
        "sunni, practising",
        ["sunni"],
        17,
        {},
        {"sect": "Sunni", "practiceLevel": "practicing", "halalPreference": "always"},
        {"sect": "shia"},
        {"sect": 3, "practiceLevel": None},
        '{"sect": "sunni", "practiceLevel": "moderate"}',
        '{"sect": ',
    ]
)
_CATEGORIES = st.sampled_from(["values", "family", "interests"])
# Days and hours apart: Hypothesis draws most of a wide range of integers from its ends.
_AGES = st.builds(lambda days, hours: days * DAY + hours * DAY // 24, st.integers(0, 60), st.integers(0, 23))
_COLUMNS = {field.column: field.kind for field in TRAIT_FIELDS}
_BY_KIND = {
    "code": st.sampled_from([None, "never_married", "divorced", "hanafi"]),
    "text": st.none() | _TEXTS,
    "list": _LISTS,
    "flag": st.sampled_from([None, True, False]),
    "count": st.sampled_from([None, 0, 1, 2, 4, 9]),
}
_QUESTIONS = [
    ("q1", "multiChoice", ["a", "b"]),
    ("q2", "scale", {"min": 1, "max": 3}),
    ("q3", "multiSelect", [{"value": "x"}, {"label": "y"}]),
    ("q4", "text", []),
    ("q5", "multiChoice", "broken"),
]
_ANSWERS = st.sampled_from(["a", "b", 1, "2", ["x", "y"], {"value": "x"}, None, "else", True, [["a"]], 7])


@st.composite
def populations(draw: Any, largest: int = 14) -> tuple[Facts, list[tuple[str, np.ndarray]]]:
    """Facts and their items' vectors."""
    size = draw(st.integers(0, largest))
    ids = [f"user_{n:02d}" for n in range(size)]
    members = [draw(_member(user)) for user in ids]
    everybody = [*ids, "somebody_else"]
    posts = [draw(_post(user)) for user in everybody for _ in range(draw(st.integers(0, 6)))]
    verdicts = {"approved": 8, "rejected": 3, "pending": 3}
    insights = [
        {"user_id": user, "category": draw(_CATEGORIES), "review_status": verdict}
        for user in everybody
        for verdict, most in verdicts.items()
        for _ in range(draw(st.integers(0, most)))
    ]
    answers = [
        {"user_id": user, "question_id": q, "question": q.upper(), "type": kind, "options": o, "answer": draw(_ANSWERS)}
        for user in ids
        for q, kind, o in _QUESTIONS
        if draw(st.booleans())
    ]
    items = [(user, vector(draw(st.integers(0, 40)))) for user in ids for _ in range(draw(st.integers(0, 5)))]
    return make(members, posts, insights, answers), items


def vector(seed: int) -> np.ndarray:
    """One of forty directions; number 0 has no length."""
    return (np.random.default_rng(seed).normal(size=DIMENSIONS) * (seed > 0)).astype(np.float32)


def make(members: list[dict], posts: list[dict], insights: list[dict], answers: list[dict]) -> Facts:
    """Frames as the queries give them."""
    columns = [
        "user_id", "joined", "city", "bio", "religion", "islamic_sect", "islamic_halal_preference", "height",
        *(c for c in _COLUMNS if c not in ("sect", "practice_level", "halal_preference")), "hometown",
    ]  # fmt: skip
    return Facts(
        CUTOFF,
        _frame(members, columns),
        _frame(posts, ["user_id", "shared", "depth_level", "categories"]),
        _frame(insights, ["user_id", "category", "review_status"]),
        _frame(answers, ["user_id", "question_id", "question", "type", "options", "answer"]),
        Counter(),
    )


def empty_member(user_id: str) -> dict[str, Any]:
    """A member who has stated nothing."""
    names = {*_COLUMNS, *(f for fields in DEPTH_DIMENSIONS.values() for f in fields)}
    blank = dict.fromkeys(names - {"sect", "practice_level", "halal_preference"})
    return (
        blank
        | dict.fromkeys(["joined", "city", "bio", "religion", "islamic_sect", "islamic_halal_preference"])
        | {"user_id": user_id}
    )


@st.composite
def _member(draw: Any, user_id: str) -> dict[str, Any]:
    own = empty_member(user_id)
    for column in own:
        if column in _COLUMNS:
            own[column] = draw(_BY_KIND[_COLUMNS[column]])
    return own | {
        "joined": draw(st.none() | _AGES.map(lambda age: CUTOFF - 1 - age)),
        "city": draw(st.sampled_from([None, "london", "london", "london", "dubai"])),
        "bio": draw(st.sampled_from([None, "", "short", "twenty-one characters", "x " * 60])),
        "religion": draw(_RELIGION),
        "islamic_sect": draw(st.sampled_from([None, "", "sunni", "shia"])),
        "islamic_halal_preference": draw(st.sampled_from([None, "strict"])),
        "height": draw(st.sampled_from([None, 0.0, 171.5])),
        "hometown": draw(st.none() | _TEXTS),
    }


def _post(user: str) -> Any:
    return st.fixed_dictionaries(
        {
            "user_id": st.just(user),
            "shared": _AGES.map(lambda age: CUTOFF - 1 - age),
            "depth_level": st.sampled_from([None, 1, 2, 3, 4]),
            "categories": st.none() | st.lists(st.sampled_from(["values", "family", "", None]), max_size=3),
        }
    )


def _frame(rows: list[dict], columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame({c: pd.Series([row[c] for row in rows], dtype=object) for c in columns})
