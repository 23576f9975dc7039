"""Jobs of stages that compute everybody at once, jobs that the app inserts, and members whose rows are broken."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.jobs import queries, week_jobs
from matchme_pipeline.jobs.adoption import Adoption, adopt, reject_malformed
from matchme_pipeline.jobs.isolation import broken_members
from matchme_pipeline.jobs.model import JobRequest, JobType

WEEK = date(2026, 1, 11)
DNA = JobType.DNA_RECALCULATION
USERS = ["user_a", "user_b", "user_c"]


def take(connection: Connection, run: str = "run", users: Sequence[str] = USERS, print_: str = "v1", **options):
    return week_jobs.take_members(connection, DNA, WEEK, run, users, print_, **options)


def rows(connection: Connection) -> list[tuple]:
    return connection.execute(
        "select subject, status, attempts, last_error from batch_processing_queue where week is not null order by 1"
    ).fetchall()


@pytest.fixture
def members(app_database: Connection) -> Connection:
    for user, tier in zip(USERS, ("free", "gold_plus", None), strict=True):
        app_database.execute("insert into profiles (clerk_user_id, subscription_tier) values (%s, %s)", [user, tier])
    return app_database


def test_everybody_has_one_job_a_week_by_the_priority_of_their_tier(members: Connection):
    assert take(members).jobs == 3
    assert take(members, "another").jobs == 0
    priorities = members.execute("select priority from batch_processing_queue order by subject").fetchall()
    assert priorities == [(6,), (2,), (5,)]


def test_done_jobs_stay_as_they_are_until_the_way_of_computing_changes(members: Connection):
    week_jobs.finish_members(members, take(members), {})
    before = members.execute("select q::text from batch_processing_queue q order by 1").fetchall()
    again = take(members, "again")
    assert again.jobs == 0
    assert week_jobs.finish_members(members, again, {}) == week_jobs.FinishedJobs(0, 0)
    assert members.execute("select q::text from batch_processing_queue q order by 1").fetchall() == before
    assert take(members, "new", print_="v2").jobs == 3


def test_a_broken_member_fails_alone_and_rests_after_three_attempts(members: Connection):
    for attempt in (1, 2, 3):
        taken = take(members, f"run {attempt}")
        assert taken.jobs == (3 if attempt == 1 else 1)
        done = week_jobs.finish_members(members, taken, {"user_b": "its row is broken"})
        assert done == week_jobs.FinishedJobs(2 if attempt == 1 else 0, 1)
        assert take(members, f"run {attempt}").jobs == 0
    assert rows(members) == [
        ("user_a", "completed", 1, None),
        ("user_b", "failed", 3, "its row is broken"),
        ("user_c", "completed", 1, None),
    ]
    assert take(members, "run 4").jobs == 0


def test_a_live_claim_is_left_alone_and_a_dead_one_is_taken_over(members: Connection):
    slow = take(members, "slow")
    assert take(members, "quick").jobs == 0
    members.execute("update batch_processing_queue set lease_expires_at = now() - interval '1 second'")
    quick = take(members, "quick")
    assert quick.jobs == 3
    assert week_jobs.finish_members(members, slow, {}) == week_jobs.FinishedJobs(0, 0)
    assert week_jobs.release_members(members, slow) == 0
    assert week_jobs.finish_members(members, quick, {}).completed == 3


def test_a_stage_that_breaks_gives_its_jobs_back_untried(members: Connection):
    def stage() -> None:
        with week_jobs.members_taken(members, DNA, WEEK, "run", USERS, "v1"), members.transaction():
            members.execute("update batch_processing_queue set last_error = 'never written'")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        stage()
    assert rows(members) == [(user, "pending", 0, None) for user in USERS]


def test_the_job_of_who_is_no_member_any_more_is_finished_as_well(members: Connection):
    queries.enqueue(members, DNA, WEEK, [JobRequest("user_gone", "user_gone", "v1")])
    week_jobs.finish_members(members, take(members), {})
    assert ("user_gone", "completed", 1, None) in rows(members)


def test_jobs_of_others_stay_open_where_only_some_members_are_asked_for(members: Connection):
    queries.enqueue(members, DNA, WEEK, [JobRequest("user_other", "user_other", "v1")])
    week_jobs.finish_members(members, take(members, others_too=False), {})
    assert ("user_other", "pending", 0, None) in rows(members)


def insert_as_the_app(connection: Connection, user: str, payload: str = "{}") -> str:
    row = connection.execute(
        "insert into batch_processing_queue (user_id, job_type, payload) values (%s, %s, %s) returning id::text",
        [user, DNA, payload],
    ).fetchone()
    assert row is not None
    return str(row[0])


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


def test_a_row_of_the_app_becomes_the_members_job_of_the_week(members: Connection):
    insert_as_the_app(members, "user_b", '{"asked_by": "screen"}')
    assert adopt(members, DNA, WEEK, datetime.now(UTC) - timedelta(hours=1)) == Adoption(0, 0, 0)
    assert adopt(members, DNA, WEEK, soon()) == Adoption(1, 0, 0)
    assert adopt(members, DNA, WEEK, soon()) == Adoption(0, 0, 0)
    assert rows(members) == [("user_b", "pending", 0, None)]
    assert week_jobs.members_with_open_jobs(members, DNA, WEEK, 10) == ["user_b"]
    assert week_jobs.finish_members(members, take(members), {}).completed == 3


def test_rows_of_the_app_are_folded_into_the_job_that_is_there_and_open_it_again(members: Connection):
    week_jobs.finish_members(members, take(members), {})
    folded = [insert_as_the_app(members, "user_a") for _ in range(3)]
    assert adopt(members, DNA, WEEK, soon()) == Adoption(0, 3, 0)
    assert rows(members)[0] == ("user_a", "pending", 0, None)
    ends = members.execute(
        "select q.status, q.payload ->> 'folded_into' = j.id::text from batch_processing_queue q "
        "join batch_processing_queue j on j.subject = 'user_a' where q.id = any(%s::uuid[])",
        [folded],
    ).fetchall()
    assert ends == [("completed", True)] * 3


def test_a_row_of_the_app_waits_while_somebody_works_on_the_members_job(members: Connection):
    taken = take(members)
    insert_as_the_app(members, "user_a")
    assert adopt(members, DNA, WEEK, soon()) == Adoption(0, 0, 0)
    week_jobs.finish_members(members, taken, {})
    assert adopt(members, DNA, WEEK, soon()) == Adoption(0, 1, 0)


def test_malformed_rows_of_the_app_fail_alone_with_their_reasons(members: Connection):
    insert_as_the_app(members, "user_unknown")
    insert_as_the_app(members, "user_a", '["not", "an", "object"]')
    insert_as_the_app(members, "user_b")
    members.execute("update profiles set deleted_at = now() where clerk_user_id = 'user_c'")
    insert_as_the_app(members, "user_c")
    assert adopt(members, DNA, WEEK, soon()) == Adoption(1, 0, 3)
    assert reject_malformed(members) == 0
    errors = members.execute(
        "select user_id, last_error from batch_processing_queue where status = 'failed' order by 1"
    )
    assert dict(errors.fetchall()) == {
        "user_a": "malformed: the payload is a JSON array, it has to be an object",
        "user_c": "the member has deleted themselves",
        "user_unknown": "malformed: no member has this user_id",
    }


def test_a_row_that_is_scheduled_for_later_waits_until_then(members: Connection):
    row = insert_as_the_app(members, "user_a")
    members.execute("update batch_processing_queue set scheduled_for = now() + interval '1 hour'")
    assert adopt(members, DNA, WEEK, None) == Adoption(0, 0, 0)
    members.execute("update batch_processing_queue set scheduled_for = now() where id = %s::uuid", [row])
    assert adopt(members, DNA, WEEK, None) == Adoption(1, 0, 0)


def test_rows_that_name_a_week_no_run_can_take_up_fail_alone(members: Connection):
    for user, week, payload in (("user_a", "2026-01-13", "{}"), ("user_b", WEEK, "7"), ("user_c", WEEK, "{}")):
        members.execute(
            "insert into batch_processing_queue (user_id, subject, job_type, week, payload) "
            "values (%s, %s, %s, %s, %s)",
            [user, user, DNA, week, payload],
        )
    assert adopt(members, DNA, WEEK, None) == Adoption(0, 0, 2)
    assert reject_malformed(members) == 0
    assert dict(members.execute("select user_id, last_error from batch_processing_queue order by 1").fetchall()) == {
        "user_a": "malformed: the week 2026-01-13 is no Sunday; leave week and subject empty",
        "user_b": "malformed: the payload is a JSON number, it has to be an object",
        "user_c": None,
    }


@given(st.sets(st.integers(0, 199), max_size=12), st.integers(1, 200))
def test_halving_finds_exactly_the_broken_members(broken: set[int], members: int):
    names = [f"user_{n}" for n in range(members)]
    bad = {f"user_{n}" for n in broken if n < members}

    def compute(user_ids: Sequence[str]) -> None:
        if bad.intersection(user_ids):
            raise TypeError("unhashable")

    assert broken_members(names, compute).keys() == bad


def test_what_no_single_member_breaks_is_raised():
    def compute(user_ids: Sequence[str]) -> None:
        if len(user_ids) > 1:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken_members(["a", "b"], compute)


def test_a_computation_that_breaks_for_everybody_is_raised():
    def compute(user_ids: Sequence[str]) -> None:
        raise TypeError("a bug")

    with pytest.raises(TypeError, match="a bug"):
        broken_members([str(n) for n in range(50)], compute, most=10)
