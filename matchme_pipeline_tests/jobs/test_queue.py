"""The queue: enqueued once, claimed once, given back by the dead, retried with backoff, shelved at last."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.jobs import queries, week_jobs
from matchme_pipeline.jobs.model import JobCounts, JobRequest, JobType
from matchme_pipeline.operations.due_jobs import due_sets

WEEK = date(2026, 1, 11)
KIND = JobType.CONTENT_ANALYSIS


def requests(count: int, fingerprint: str = "f") -> list[JobRequest]:
    return [JobRequest(f"user_{i:03}", f"user_{i:03}", fingerprint) for i in range(count)]


def statuses(connection: Connection) -> dict[str, int]:
    return dict(connection.execute("select status, count(*) from batch_processing_queue group by 1").fetchall())


def test_the_same_work_is_enqueued_once(app_database: Connection):
    assert queries.enqueue(app_database, KIND, WEEK, requests(5)) == 5
    assert queries.enqueue(app_database, KIND, WEEK, requests(5)) == 0
    assert queries.enqueue(app_database, KIND, date(2026, 1, 18), requests(5)) == 5


def test_finished_work_opens_again_only_when_it_has_changed(app_database: Connection):
    queries.enqueue(app_database, KIND, WEEK, requests(2))
    queries.complete(app_database, queries.claim(app_database, KIND, WEEK, 10, "run"))
    assert queries.enqueue(app_database, KIND, WEEK, requests(2)) == 0
    assert queries.enqueue(app_database, KIND, WEEK, requests(1, "changed")) == 1
    assert [job.subject for job in queries.claim(app_database, KIND, WEEK, 10, "run")] == ["user_000"]


def test_many_workers_never_claim_the_same_job(app_database: Connection, app_database_url: str):
    queries.enqueue(app_database, KIND, WEEK, requests(200))

    def work() -> list[str]:
        taken = []
        with connect(app_database_url, vectors=False) as connection:
            while jobs := queries.claim(connection, KIND, WEEK, 7, "run"):
                taken += [job.subject for job in jobs]
        return taken

    with ThreadPoolExecutor(6) as pool:
        claimed = [subject for future in [pool.submit(work) for _ in range(6)] for subject in future.result()]
    assert sorted(claimed) == [f"user_{i:03}" for i in range(200)]


def test_higher_priority_is_claimed_first(app_database: Connection):
    queries.enqueue(app_database, KIND, WEEK, [JobRequest("b", "b", "f", 6), JobRequest("a", "a", "f", 2)])
    assert [job.subject for job in queries.claim(app_database, KIND, WEEK, 1, "run")] == ["a"]


def test_a_dead_workers_claims_come_back_when_the_lease_ends(app_database: Connection):
    queries.enqueue(app_database, KIND, WEEK, requests(3))
    assert len(queries.claim(app_database, KIND, WEEK, 10, "dead", lease_seconds=0)) == 3
    assert len(queries.claim(app_database, KIND, WEEK, 10, "alive")) == 3
    assert queries.claim(app_database, KIND, WEEK, 10, "third") == []


def test_a_failing_job_waits_then_rests_after_three_attempts(app_database: Connection):
    queries.enqueue(app_database, KIND, WEEK, requests(1))
    for attempt in (1, 2, 3):
        (job,) = queries.claim(app_database, KIND, WEEK, 10, f"run {attempt}")
        assert job.attempts == attempt
        dead = queries.fail(app_database, {job: "the model answered in rhyme"})
        assert dead == ({job.id} if attempt == 3 else set())
        assert queries.claim(app_database, KIND, WEEK, 10, f"run {attempt}") == []
        assert queries.claim(app_database, KIND, WEEK, 10, "another run", retries_are_due=False) == []
    assert statuses(app_database) == {"failed": 1}
    assert queries.claim(app_database, KIND, WEEK, 10, "run") == []
    row = app_database.execute("select last_error from batch_processing_queue").fetchone()
    assert row == ("the model answered in rhyme",)


def test_a_released_job_has_lost_no_attempt(app_database: Connection):
    queries.enqueue(app_database, KIND, WEEK, requests(1))
    assert queries.release(app_database, queries.claim(app_database, KIND, WEEK, 10, "run")) == 1
    (job,) = queries.claim(app_database, KIND, WEEK, 10, "run")
    assert job.attempts == 1


def test_a_retry_is_due_when_its_backoff_has_passed(app_database: Connection):
    queries.enqueue(app_database, KIND, WEEK, requests(1))
    (job,) = queries.claim(app_database, KIND, WEEK, 10, "run")
    queries.fail(app_database, {job: "timeout"})
    wait = "select extract(epoch from scheduled_for - now()) / 60 from batch_processing_queue"
    (minutes,) = app_database.execute(wait).fetchone() or (0,)
    assert 8.9 < minutes < 11.1
    app_database.execute("update batch_processing_queue set scheduled_for = now() - interval '1 second'")
    assert len(queries.claim(app_database, KIND, WEEK, 10, "run", retries_are_due=False)) == 1


def test_what_no_retry_can_mend_rests_at_once(app_database: Connection):
    queries.enqueue(app_database, KIND, WEEK, requests(1))
    (job,) = queries.claim(app_database, KIND, WEEK, 10, "run")
    assert queries.fail(app_database, {job: "content refused"}, retryable=False) == {job.id}
    assert queries.enqueue(app_database, KIND, WEEK, requests(1)) == 0
    assert queries.enqueue(app_database, KIND, WEEK, requests(1, "changed")) == 1


def test_who_lost_a_claim_can_neither_finish_it_nor_give_it_back(app_database: Connection):
    queries.enqueue(app_database, KIND, WEEK, requests(1))
    slow = queries.claim(app_database, KIND, WEEK, 10, "slow", lease_seconds=0)
    (held,) = queries.claim(app_database, KIND, WEEK, 10, "quick")
    assert queries.complete(app_database, slow) == 0
    assert queries.release(app_database, slow) == 0
    assert queries.renew(app_database, slow) == 0
    assert queries.fail(app_database, {slow[0]: "too late"}) == set()
    assert statuses(app_database) == {"processing": 1}
    assert queries.complete(app_database, [held]) == 1


def test_a_renewed_lease_keeps_others_away(app_database: Connection):
    queries.enqueue(app_database, KIND, WEEK, requests(2))
    held = queries.claim(app_database, KIND, WEEK, 10, "long", lease_seconds=0)
    assert queries.renew(app_database, held[:1]) == 1
    assert [job.subject for job in queries.claim(app_database, KIND, WEEK, 10, "other")] == ["user_001"]


def test_a_dead_runs_claims_are_given_back_and_a_living_ones_are_not(app_database: Connection):
    queries.enqueue(app_database, KIND, WEEK, requests(4))
    queries.claim(app_database, KIND, WEEK, 2, "dead")
    queries.claim(app_database, KIND, WEEK, 2, "alive")
    assert queries.release_claims(app_database, KIND, WEEK, lambda run: run == "dead") == 2
    assert statuses(app_database) == {"pending": 2, "processing": 2}


def test_jobs_are_counted_by_week_and_run(app_database: Connection):
    queries.enqueue(app_database, KIND, WEEK, requests(5))
    queries.enqueue(app_database, KIND, date(2026, 1, 18), requests(2))
    done, failing, _ = queries.claim(app_database, KIND, WEEK, 3, "run")
    queries.complete(app_database, [done])
    queries.fail(app_database, {failing: "timeout"})
    of_week = queries.counts(app_database, job_type=KIND, week=WEEK)
    assert of_week == JobCounts(pending=2, processing=1, completed=1, waiting=1)
    assert (of_week.total, of_week.open, of_week.failure_rate) == (5, 4, 0.2)
    assert queries.counts(app_database, dagster_run_id="run").total == 3
    assert queries.counts(app_database).total == 7


def test_claiming_reads_the_open_jobs_alone(app_database: Connection):
    """Beside twenty thousand finished jobs, the claim's index has only what is open."""
    app_database.execute(
        """
        insert into batch_processing_queue (user_id, subject, week, job_type, status)
        select 'u' || n, 'u' || n, %s, %s, 'completed' from generate_series(1, 20000) n
        """,
        [WEEK, KIND],
    )
    queries.enqueue(app_database, KIND, WEEK, requests(10))
    app_database.execute("analyze batch_processing_queue")
    plan = app_database.execute(
        """
        explain select id from batch_processing_queue
        where job_type = 'content_analysis' and week = '2026-01-11' and status in ('pending', 'retry', 'processing')
            and (status = 'pending' or (status = 'processing' and lease_expires_at < now()))
        order by priority, created_at, id limit 5 for update skip locked
        """
    ).fetchall()
    # Whichever of the partial indexes serves, what is done is not read.
    partial = ("batch_processing_queue_claim_idx", "batch_processing_queue_retry_idx")
    assert any(name in line for (line,) in plan for name in partial), plan


@pytest.mark.parametrize(("attempts", "minutes"), [(0, 5), (1, 10), (2, 20), (5, 160)])
def test_backoff_is_five_minutes_doubled_for_each_attempt_a_tenth_either_way(
    app_database: Connection, attempts: int, minutes: int
):
    for jitter, share in ((0.0, 0.9), (0.5, 1.0), (1.0, 1.1)):
        wait = app_database.execute("select matchme_backoff(%s, %s)", [attempts, jitter]).fetchall()[0][0]
        assert wait == timedelta(minutes=minutes * share)
    waits = {app_database.execute("select matchme_backoff(%s)", [attempts]).fetchall()[0][0] for _ in range(20)}
    assert len(waits) > 1
    assert all(0.9 * minutes <= wait.total_seconds() / 60 <= 1.1 * minutes for wait in waits)


# Status, due in how many minutes, lease ends in how many, whose run failed last; is it due, and may "run" take it?
JOBS = [
    ("pending", 0, None, None, True, True),
    ("pending", 5, None, None, True, True),
    ("retry", -1, None, "run", True, True),
    ("retry", 5, None, "run", False, False),
    ("retry", 5, None, "other run", False, True),
    ("retry", 5, None, None, False, True),
    ("processing", 0, 5, "other run", False, False),
    ("processing", 0, -5, "other run", True, True),
    ("processing", 0, None, "other run", False, False),
    ("completed", 0, None, None, False, False),
    ("failed", 0, None, None, False, False),
]


@pytest.mark.parametrize(("status", "due", "lease", "last_run", "is_due", "is_claimable"), JOBS)
@pytest.mark.parametrize("way", ["claim", "claim what is due", "take", "take what is left over", "list", "due sets"])
def test_every_reader_of_the_queue_takes_the_same_jobs_for_open(
    app_database: Connection,
    status: str,
    due: int,
    lease: int | None,
    last_run: str | None,
    is_due: bool,
    is_claimable: bool,
    way: str,
):
    app_database.execute(
        """
        insert into batch_processing_queue
            (user_id, subject, job_type, week, payload, status, scheduled_for, lease_expires_at, dagster_run_id,
             attempts)
        values (
            'u', 'u', %s, %s, '{"fingerprint": "same"}', %s, now() + make_interval(mins => %s),
            now() + make_interval(mins => %s::integer), %s, 1
        )
        """,
        [JobType.DNA_RECALCULATION, WEEK, status, due, lease, last_run],
    )
    kind = JobType.DNA_RECALCULATION
    if way == "claim":
        found, expected = len(queries.claim(app_database, kind, WEEK, 10, "run")), is_claimable
    elif way == "claim what is due":
        found, expected = len(queries.claim(app_database, kind, WEEK, 10, "run", retries_are_due=False)), is_due
    elif way == "list":
        found, expected = len(week_jobs.members_with_open_jobs(app_database, kind, WEEK, 10)), is_due
    elif way == "due sets":
        # A job that was never begun is no retry.
        found, expected = sum(one.jobs for one in due_sets(app_database, 10)), is_due and status != "pending"
    else:
        members = ["u"] if way == "take" else []
        found = week_jobs.take_members(app_database, kind, WEEK, "run", members, "same").jobs
        expected = is_claimable
    assert found == int(expected)
