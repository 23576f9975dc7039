"""Whom members have met, as arrays: the pairs that the plain reading gives."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import read_integers
from matchme_pipeline.matching.pair_history_queries import pairs_in_conversation, shown_pairs
from matchme_pipeline_tests.matching.shown import pairs_shown

WEEK = date(2026, 3, 1)
MEMBERS = ["a", "b", "ü", "u,{}\"'", "zoë"]
EARLY, LATE = (datetime(2026, 3, day, tzinfo=UTC) for day in (1, 9))

people = st.sampled_from([*MEMBERS, "left"])
rows = st.tuples(people, people, st.sampled_from([-27, -26, -25, -1, 0, 1, 25, 26]), st.sampled_from([EARLY, LATE]))
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FEW
@given(
    st.lists(rows, max_size=12, unique_by=lambda row: row[:3]),
    st.sampled_from([None, EARLY, LATE]),
    st.none() | st.sets(people, max_size=2),
)
def test_shown_pairs_are_those_of_the_plain_reading(app_database: Connection, shown, before, of):
    app_database.execute("truncate weekly_matches")
    for user_id, other, weeks, at in shown:
        app_database.execute(
            "insert into weekly_matches (user_id, match_user_id, score, rank, week_start_date, created_at) "
            "values (%s, %s, 50, 1, %s, %s)",
            [user_id, other, WEEK + timedelta(weeks=weeks), at],
        )
    found = shown_pairs(app_database, WEEK, 26, MEMBERS, before, of)
    for mask, limit in ((slice(None), None), (found.is_known, before)):
        expected = positions(pairs_shown(app_database, WEEK, 26, limit), of)
        assert {tuple(pair) for pair in found.pairs[mask].tolist()} == expected
        assert len(found.pairs[mask]) == len(expected)


@FEW
@given(
    st.dictionaries(
        st.tuples(people, people).map(lambda pair: tuple(sorted(pair))).filter(lambda pair: pair[0] != pair[1]),
        st.sampled_from([EARLY, LATE]),
    ),
    st.none() | st.sets(people, max_size=2),
)
def test_pairs_in_conversation_are_those_of_the_plain_reading(app_database: Connection, talks, of):
    app_database.execute("truncate conversations cascade")
    for pair, at in talks.items():
        app_database.execute(
            "insert into conversations (user1_clerk_id, user2_clerk_id, created_at) "
            "select min(id), max(id), %s from unnest(%s::text[]) as pair (id)",
            [at, list(pair)],
        )
    found = pairs_in_conversation(app_database, LATE, MEMBERS, of).tolist()
    assert found == sorted(map(list, positions([pair for pair, at in talks.items() if at < LATE], of)))


def positions(pairs, of):
    return {
        tuple(sorted((MEMBERS.index(a), MEMBERS.index(b))))
        for a, b in pairs
        if a in MEMBERS and b in MEMBERS and (of is None or a in of or b in of)
    }


def test_a_null_among_integers_is_refused(app_database: Connection):
    assert read_integers(app_database, "select 1, -2 union all select 3, 4", [], 2).tolist() == [[1, -2], [3, 4]]
    assert read_integers(app_database, "select 1 where false", [], 1).shape == (0, 1)
    with pytest.raises(ValueError, match="without nulls"):
        read_integers(app_database, "select 1, null::integer", [], 2)
