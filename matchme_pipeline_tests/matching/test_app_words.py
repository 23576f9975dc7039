"""Words of the app's rows that no screen of preferences knows: one rule each, counted, and nobody's filter."""

import numpy as np
import pytest

from matchme_pipeline.matching.engine.match_engine import Engine, Knowledge
from matchme_pipeline.matching.rules import vocabulary as words
from matchme_pipeline.matching.rules.members import MemberRow
from matchme_pipeline_tests.matching.made import CUTOFF, row


def engine(*rows: MemberRow) -> Engine:
    return Engine(Knowledge(list(rows), [], np.zeros((0, 4), dtype=np.float32), {}, {}), CUTOFF)


def test_gender_other_is_not_matched_counted_and_keeps_nobody_else_apart() -> None:
    found = engine(
        row("user_a", gender="female", gender_preference=["other", "male"]),
        row("user_b", gender="male", gender_preference=["other"]),
        row("user_c", gender="other", gender_preference=["male", "female"]),
    )
    done = found.match([])
    assert done.not_matchable == {"gender_unknown": 1}
    assert {key: n for key, n in done.unknown_values.items() if "gender" in key} == {
        "gender: other": 1,
        "gender_preference: other": 2,
    }
    assert [(match.a, match.b) for match in done.matches] == [("user_a", "user_b")]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("moderate", 2),
        ("Devout", 0),
        ("very-religious", 0),
        (" practising ", 1),
        ("Not very religious", 3),
        ("MODERATELY PRACTICING", 2),
    ],
)
def test_free_words_for_practice_are_understood(written: str, code: int) -> None:
    assert words.Unknown().code("practiceLevel", written, words.PRACTICE_CODE) == code


def test_a_word_that_nobody_knows_is_counted_and_parts_nobody() -> None:
    found = engine(
        row("user_a", gender="female", religion={"practiceLevel": "like my grandmother"}, prayer_frequency=None),
        row("user_b", gender="male", religiosity_preferences=["Very Practicing"]),
    )
    done = found.match([])
    assert len(done.matches) == 1
    assert done.unknown_values["practiceLevel: like my grandmother"] == 1
