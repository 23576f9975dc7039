"""Members as columns: read from the server's bytes or from objects they are the same, and a broken value is its own."""

from collections import Counter
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.jobs.isolation import MAX_BROKEN
from matchme_pipeline.matching.member_queries import matchable_members, members_as_of
from matchme_pipeline.matching.rules import member_columns
from matchme_pipeline.matching.rules.limits import USUAL
from matchme_pipeline.matching.rules.member_columns import Gathering, MatchableMembers
from matchme_pipeline.matching.rules.members import MemberRow, Members, why_not_matchable
from matchme_pipeline_tests.matching.app_rows import populations, save
from matchme_pipeline_tests.matching.made import CUTOFF, STRICT, row
from matchme_pipeline_tests.matching.test_weeks import rolled_back

FIXTURE = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def assert_equal(found: MatchableMembers, expected: MatchableMembers) -> None:
    for column in fields(Members):
        one, other = getattr(found.members, column.name), getattr(expected.members, column.name)
        np.testing.assert_array_equal(one, other, err_msg=column.name)
        assert getattr(one, "dtype", None) == getattr(other, "dtype", None)
    assert found.not_matchable == expected.not_matchable
    assert found.unknown.values == expected.unknown.values
    assert found.broken == expected.broken


@settings(FIXTURE, max_examples=40)
@given(populations(), st.sampled_from([USUAL, STRICT, replace(USUAL, active_within_days=10, report_threshold=3)]))
def test_members_read_as_bytes_are_those_read_as_objects(app_database: Connection, rows: list[MemberRow], limits: Any):
    with rolled_back(app_database):
        save(app_database, rows)
        stored = members_as_of(app_database, CUTOFF)
        expected = member_columns.matchable_members(stored, CUTOFF, limits)
        assert_equal(matchable_members(app_database, CUTOFF, limits), expected)
        reasons = Counter(why_not_matchable(member, CUTOFF, limits) for member in stored)
        assert len(expected.members) == reasons.pop(None, 0)
        assert expected.not_matchable == reasons
        some = [member.user_id for member in stored[1:]]
        only = member_columns.matchable_members(stored[1:], CUTOFF, limits)
        assert_equal(matchable_members(app_database, CUTOFF, limits, some), only)


@settings(max_examples=60, deadline=None)
@given(populations(), st.integers(1, 4))
def test_the_size_of_the_blocks_changes_nothing(rows: list[MemberRow], size: int):
    names = [field.name for field in fields(MemberRow)]
    gathering = Gathering(CUTOFF, USUAL)
    for begin in range(0, len(rows), size):
        columns: dict[str, list[Any]] = {name: [getattr(own, name) for own in rows[begin:][:size]] for name in names}
        moments = columns["last_active_at"]
        columns["last_active_at"] = [None if at is None else member_columns.microseconds(at) for at in moments]
        gathering.add(columns)
    assert_equal(gathering.done(), member_columns.matchable_members(rows, CUTOFF))


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"tags": [["a", "b"]]}, "AttributeError"),
    ({"tags": [None]}, "AttributeError"),
    ({"partner_prayer_importance": 1_000}, "OverflowError"),
    ({"age_range_max": -100_000}, "OverflowError"),
]


@pytest.mark.parametrize(("value", "error"), BROKEN)
def test_a_broken_value_only_affects_its_member(value: dict[str, Any], error: str):
    sound = [row("a", gender="male", education_level="school of life"), row("c")]
    asleep = row("d", last_active_at=CUTOFF - timedelta(days=99), **value)
    found = member_columns.matchable_members([*sound, row("b", education_level="?", **value), asleep], CUTOFF)
    assert found.broken == {"b": f"the member's row cannot be computed with ({error})"}
    # A broken member counts nowhere else; one who cannot be matched is not looked at.
    assert_equal(replace(found, broken={}), member_columns.matchable_members([*sound, asleep], CUTOFF))


def test_an_unreadable_preference_fails_its_member_and_is_stored_by_postgresql(app_database: Connection):
    save(app_database, [row("a", gender="male"), row("b"), row("c")])
    app_database.execute(
        "update match_preferences set education_preferences = (repeat('[', 2500) || repeat(']', 2500))::jsonb "
        "where clerk_user_id = 'b'"
    )
    app_database.execute("update profiles set birthdate = 'infinity' where clerk_user_id = 'c'")
    found = matchable_members(app_database, CUTOFF, USUAL)
    assert found.broken == {"b": "the member's row cannot be computed with (ValueError)"}
    assert (found.members.user_ids, found.not_matchable) == (["a"], Counter(birthdate_unknown=1))


def test_more_broken_members_than_chance_explains_are_the_computations_fault():
    rows = [row(f"u{n:03}", tags=[None]) for n in range(MAX_BROKEN + 1)]
    assert len(member_columns.matchable_members(rows[1:], CUTOFF).broken) == MAX_BROKEN
    with pytest.raises(AttributeError):
        member_columns.matchable_members(rows, CUTOFF)


def test_nobody_is_an_empty_column(app_database: Connection):
    found = matchable_members(app_database, CUTOFF, USUAL)
    assert (len(found.members), found.not_matchable) == (0, Counter())
    assert_equal(found, member_columns.matchable_members([], CUTOFF))
    assert found.members.rows(np.zeros(0, dtype=np.intp)).gender.dtype == np.int8
