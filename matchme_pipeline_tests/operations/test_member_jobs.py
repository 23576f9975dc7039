"""DNA and match jobs of a week: one a member, done with the stage, and a broken row fails alone."""

import pytest
from dagster import DagsterInstance

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.dna import weekly
from matchme_pipeline_tests.materialising import WEEKS, materialise

FIRST = WEEKS[0]


def states(connection: Connection, job_type: str) -> dict[str, int]:
    return dict(
        connection.execute(
            "select status, count(*) from batch_processing_queue where job_type = %s and week = %s group by 1",
            [job_type, FIRST.sunday],
        ).fetchall()
    )


def count(connection: Connection, statement: str, *parameters: object) -> int:
    row = connection.execute(statement, parameters).fetchone()
    assert row is not None
    return int(row[0])


def test_everybody_who_is_scored_or_matched_has_a_finished_job(finished: Connection):
    scored = count(finished, "select count(*) from dna_score_history where week = %s", FIRST.sunday)
    assert states(finished, "dna_recalculation") == {"completed": scored}
    lists = "select count(distinct user_id) from weekly_matches where week_start_date = %s"
    assert states(finished, "match_generation")["completed"] >= count(finished, lists, FIRST.match_week) > 0
    assert set(states(finished, "match_generation")) == {"completed"}


def test_a_member_whose_row_is_broken_fails_alone(small_url: str, monkeypatch: pytest.MonkeyPatch):
    with connect(small_url) as connection, DagsterInstance.ephemeral() as instance:
        first, second = connection.execute(
            "select clerk_user_id from profiles where is_matchable and deleted_at is null "
            "and profile_visibility = 'members' and birthdate is not null "
            "and clerk_user_id in (select clerk_user_id from match_preferences) order by 1 limit 2"
        ).fetchall()
        # A list of lists among the tags is what matching trips over; an unreadable birthday is merely unknown.
        connection.execute("update profiles set tags = array[['a', 'b']] where clerk_user_id = any(%s)", [list(first)])
        connection.execute("update profiles set birthdate = 'infinity' where clerk_user_id = any(%s)", [list(second)])
        trip_over(monkeypatch, first[0])
        assert materialise(small_url, FIRST, instance=instance).success
        errors = connection.execute(
            "select job_type, user_id, status, attempts, last_error from batch_processing_queue "
            "where status <> 'completed' order by 1"
        ).fetchall()
        assert errors == [
            ("dna_recalculation", *first, "retry", 1, "the member's row cannot be computed with (ArithmeticError)"),
            ("match_generation", *first, "retry", 1, "the member's row cannot be computed with (AttributeError)"),
        ]
        others = count(connection, "select count(*) from dna_score_history where week = %s", FIRST.sunday)
        assert others > 30
        connection.execute("update profiles set tags = null where clerk_user_id = any(%s)", [list(first)])
        monkeypatch.undo()
        assert materialise(small_url, FIRST, instance=instance).success
        assert set(states(connection, "dna_recalculation")) == {"completed"}
        assert set(states(connection, "match_generation")) == {"completed"}
        scored = count(connection, "select count(*) from dna_score_history where week = %s", FIRST.sunday)
        assert scored == others + 1


def trip_over(monkeypatch: pytest.MonkeyPatch, user_id: str) -> None:
    """Let the score's rule fail for one member, as it would for a row that nobody has thought of."""
    strands = weekly.strands

    def with_a_fault(facts, shares, own):
        if (facts.members["user_id"] == user_id).any():
            raise ArithmeticError
        return strands(facts, shares, own)

    monkeypatch.setattr(weekly, "strands", with_a_fault)


def test_matches_that_break_a_rule_are_not_published(finished: Connection, finished_url: str):
    """A row that the engine did not make: whoever publishes the week is stopped, and what stood stands."""
    rows = "select w::text from weekly_matches w where week_start_date = %s order by 1"
    finished.execute(
        "create function slip_one_in() returns trigger language plpgsql as $$ begin "
        "if new.user_id < new.match_user_id then new.score := 0; end if; return new; end $$"
    )
    user = finished.execute(
        "select user_id from weekly_matches where week_start_date = %s order by 1 limit 1", [FIRST.match_week]
    ).fetchone()
    assert user is not None
    finished.execute(
        "delete from weekly_matches where week_start_date = %s and user_id = %s", [FIRST.match_week, *user]
    )
    before = finished.execute(rows, [FIRST.match_week]).fetchall()
    finished.execute("create trigger slip before insert on weekly_matches for each row execute function slip_one_in()")
    with DagsterInstance.ephemeral() as instance:
        result = materialise(finished_url, FIRST, "weekly_matches", instance=instance, raise_on_error=False)
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "nothing was published" in str(failure.step_failure_data.error)
    assert finished.execute(rows, [FIRST.match_week]).fetchall() == before
