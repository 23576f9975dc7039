"""What members did with their matches, as the app's rows tell it, as of the cutoff."""

import uuid
from datetime import datetime, timedelta

import pandas as pd
import pytest
from dagster import AssetKey

from matchme_pipeline.content import deletion
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.matching.outcomes import funnel, outcome_queries
from matchme_pipeline.week import WEEK, Week
from matchme_pipeline_tests.materialising import WEEKS, changed_tables, materialise, rows_of_every_table

FIRST, SECOND, THIRD = WEEKS[:3]
A, B, C, D = (f"user_{letter}" for letter in "abcd")
LATER = tuple(Week(WEEKS[-1].sunday + n * WEEK) for n in range(1, 4))


@pytest.fixture
def shown(app_database: Connection) -> Connection:
    """Members whom the first week shows to each other: a and b, c and d."""
    for user_id in (A, B, C, D):
        app_database.execute("insert into profiles (clerk_user_id) values (%s)", [user_id])
    for one, other in ((A, B), (B, A), (C, D), (D, C)):
        show(app_database, one, other, FIRST)
    return app_database


def show(connection: Connection, one: str, other: str, week: Week, model: str | None = "m") -> None:
    connection.execute(
        """
        insert into weekly_matches (
            id, user_id, match_user_id, score, rank, week_start_date, compatibility_factors, embedding_model
        )
        values (gen_random_uuid(), %s, %s, 61.5, 2, %s, %s, %s)
        """,
        [one, other, week.match_week, '{"version": "c", "factors": [{"value": 0.25}, {"value": 1}]}', model],
    )


def act(connection: Connection, one: str, other: str, at: datetime, action: str | None) -> None:
    connection.execute(
        "update weekly_matches set actioned_at = %s, action = %s where user_id = %s and match_user_id = %s",
        [at, action, one, other],
    )


def write(connection: Connection, sender: str, recipient: str, *sent: datetime) -> None:
    low, high = sorted((sender, recipient))
    connection.execute(
        """
        insert into conversations (user1_clerk_id, user2_clerk_id, created_at)
        select %s, %s, %s where not exists (
            select from conversations where user1_clerk_id = %s and user2_clerk_id = %s
        )
        """,
        [low, high, sent[0], low, high],
    )
    for at in sent:
        connection.execute(
            """
            insert into messages (id, conversation_id, sender_clerk_id, recipient_clerk_id, content, sent_at)
            select %s, id, %s, %s, 'secret words', %s from conversations
            where user1_clerk_id = %s and user2_clerk_id = %s
            """,
            [uuid.uuid4(), sender, recipient, at, low, high],
        )


def outcomes(connection: Connection, week: Week) -> pd.DataFrame:
    outcome_queries.replace_outcomes(connection, week)
    assert not any(outcome_queries.missing_outcomes(connection, week).values())
    return outcome_queries.outcomes_of(connection, week.sunday).set_index(["user_id", "match_user_id"])


def test_nothing_has_happened_to_a_pair_that_is_only_shown(shown: Connection):
    table = outcomes(shown, SECOND)
    assert funnel.counts(table) == {"shown": 4, **dict.fromkeys([s.name for s in funnel.STAGES[1:]], 0)}
    row = table.loc[A, B]
    assert (row["rank"], float(row["score"]), row["factors"]) == (2, 61.5, [0.25, 1.0])
    assert row["match_week"] == FIRST.match_week
    assert row["talking_after_14_days"] is None


def test_each_side_keeps_what_it_did(shown: Connection):
    at = FIRST.cutoff + timedelta(hours=5)
    act(shown, A, B, at, "liked")
    act(shown, B, A, at, "liked")
    act(shown, C, D, at, "passed")
    act(shown, D, C, at, None)
    table = outcomes(shown, SECOND)
    assert table["liked"].to_dict() == {(A, B): True, (B, A): True, (C, D): False, (D, C): False}
    assert table["passed"].to_dict() == {(A, B): False, (B, A): False, (C, D): True, (D, C): False}
    assert table["engaged"].all()
    assert table["viewed"].all()
    counts = funnel.counts(table)
    assert (counts["liked"], counts["mutual"], counts["engaged"]) == (2, 2, 4)


def test_conversations_are_told_by_sender_and_time(shown: Connection):
    at = FIRST.cutoff + timedelta(hours=5)
    write(shown, A, B, at, *[at + timedelta(minutes=n) for n in range(1, 60)])
    write(shown, B, A, at + timedelta(days=1))
    write(shown, C, D, at)
    table = outcomes(shown, SECOND)
    ab, ba, dc = table.loc[A, B], table.loc[B, A], table.loc[D, C]
    assert (ab["began"], ab["partner_began"], ab["replied"]) == (True, False, True)
    assert (ab["messages_sent"], ab["messages_received"]) == (funnel.MAX_MESSAGES, 1)
    assert (ba["began"], ba["partner_began"], ba["viewed"], ba["messages_sent"]) == (False, True, False, 1)
    assert (dc["partner_began"], dc["replied"]) == (True, False)
    assert "secret" not in " ".join(map(str, rows_of_every_table(shown)["match_outcomes"]))


def test_what_comes_after_the_cutoff_or_before_the_showing_is_not_seen(shown: Connection):
    act(shown, A, B, SECOND.cutoff, "liked")
    write(shown, B, A, FIRST.cutoff - timedelta(seconds=1), SECOND.cutoff)
    write(shown, C, D, SECOND.cutoff - timedelta(seconds=1))
    table = outcomes(shown, SECOND)
    assert not table["liked"].any()
    assert not table.loc[(B, A), "began"]
    assert table.loc[(C, D), "began"]
    assert outcomes(shown, THIRD).loc[(A, B), "liked"]


def test_whether_they_still_talk_is_known_after_fourteen_days(shown: Connection):
    at = FIRST.cutoff + timedelta(days=1)
    write(shown, A, B, at, at + timedelta(days=14))
    write(shown, C, D, at, at + timedelta(days=13))
    assert outcomes(shown, THIRD)["talking_after_14_days"].isna().all()
    table = outcomes(shown, WEEKS[3])
    assert table["talking_after_14_days"].to_dict() == {(A, B): True, (B, A): True, (C, D): False, (D, C): False}


def test_a_week_is_observed_at_four_cutoffs_and_shows_the_same_whenever_it_is_done(shown: Connection):
    act(shown, A, B, SECOND.cutoff - timedelta(hours=1), "liked")
    weeks = (SECOND, THIRD, WEEKS[3], *LATER[:2])
    assert [len(outcomes(shown, week)) for week in weeks] == [4, 4, 4, 4, 0]
    before = rows_of_every_table(shown)
    act(shown, C, D, LATER[0].cutoff, "liked")
    for week in weeks:
        assert outcome_queries.replace_outcomes(shown, week) == (0, 0)
    assert changed_tables(before, rows_of_every_table(shown)) == ["weekly_matches"]


def test_the_planner_knows_a_week_that_has_just_been_written(shown: Connection):
    """Else it expects one row, and a join of the week with itself compares each row with each other."""
    shown.execute("alter table match_outcomes set (autovacuum_enabled = false)")
    outcome_queries.replace_outcomes(shown, SECOND)
    for number in range(400):
        show(shown, f"user_{number:03}_one", f"user_{number:03}_two", FIRST)
        show(shown, f"user_{number:03}_two", f"user_{number:03}_one", FIRST)
    outcome_queries.replace_outcomes(shown, THIRD)
    statement = "explain (format json) select from match_outcomes where week = %s"
    row = shown.execute(statement, [THIRD.sunday]).fetchone()
    assert row is not None
    assert 400 < row[0][0]["Plan"]["Plan Rows"] < 1_600
    assert len(outcome_queries.outcomes_of(shown, THIRD.sunday)) == 804


def test_rows_of_another_batch_have_no_outcome(shown: Connection):
    show(shown, A, C, FIRST, model=None)
    assert (A, C) not in outcomes(shown, SECOND).index


def test_an_action_without_a_time_counts_for_no_cutoff_and_is_reported(shown: Connection):
    shown.execute("update weekly_matches set action = 'liked' where user_id = %s", [A])
    assert not outcomes(shown, SECOND)["liked"].any()
    assert outcome_queries.undated_actions(shown, SECOND) == 1


@pytest.mark.parametrize("at", ["infinity", "-infinity"])
def test_times_at_the_ends_of_time_are_read(shown: Connection, at: str):
    shown.execute("update weekly_matches set viewed_at = %s, actioned_at = %s, action = 'liked'", [at, at])
    write(shown, A, B, FIRST.cutoff)
    shown.execute("update messages set sent_at = %s", [at])
    table = outcomes(shown, SECOND)
    assert table["liked"].all() == (at == "-infinity")
    assert not table["began"].any()


def test_reports_belong_to_the_one_who_made_them(shown: Connection):
    shown.execute(
        "insert into member_reports (user_id, reported_user_id, kind, created_at) values (%s, %s, 'blocked', %s)",
        [A, B, FIRST.cutoff],
    )
    assert outcomes(shown, SECOND)["reported"].to_dict() == {
        (A, B): True, (B, A): False, (C, D): False, (D, C): False,
    }  # fmt: skip


def test_a_forgotten_member_is_in_no_outcome(shown: Connection):
    outcomes(shown, SECOND)
    shown.execute(
        "insert into member_reports (user_id, reported_user_id, kind) values (%s, %s, 'blocked'), (%s, %s, 'reported')",
        [A, B, C, A],
    )
    deletion.forget(shown, [A])
    everywhere = rows_of_every_table(shown, {"profiles", "weekly_matches"})
    assert not any(A in row for rows in everywhere.values() for row in rows)
    assert len(everywhere["match_outcomes"]) == 2


def test_the_asset_observes_and_checks_what_a_week_showed(finished_url: str):
    result = materialise(finished_url, WEEKS[-1], "match_outcomes")
    (materialised,) = result.asset_materializations_for_node("match_outcomes")
    with connect(finished_url) as connection:
        held = connection.execute("select count(*) from match_outcomes where week = %s", [WEEKS[-1].sunday]).fetchone()
    assert held is not None
    assert materialised.metadata["shown_sides"].value == held[0] > 0
    evaluations = [e for e in result.get_asset_check_evaluations() if e.asset_key == AssetKey("match_outcomes")]
    assert evaluations
    assert all(evaluation.passed for evaluation in evaluations)
