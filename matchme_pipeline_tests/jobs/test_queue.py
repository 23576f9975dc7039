"""The queue: enqueued once, claimed once, given back by the dead, retried with backoff, shelved at last."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.jobs import queries
from matchme_pipeline.jobs.backoff import backoff
from matchme_pipeline.jobs.model import JobRequest, JobType

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
    queries.complete(app_database, [job.id for job in queries.claim(app_database, KIND, WEEK, 10, "run")])
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
        (job,) = queries.claim(app_database, KIND, WEEK, 10, "run")
        assert job.attempts == attempt
        queries.fail(app_database, {job: "the model answered in rhyme"})
        if attempt < 3:
            assert queries.claim(app_database, KIND, WEEK, 10, "run", retries_are_due=False) == []
    assert statuses(app_database) == {"failed": 1}
    assert queries.claim(app_database, KIND, WEEK, 10, "run") == []
    row = app_database.execute("select last_error from batch_processing_queue").fetchone()
    assert row == ("the model answered in rhyme",)


def test_a_released_job_has_lost_no_attempt(app_database: Connection):
    queries.enqueue(app_database, KIND, WEEK, requests(1))
    queries.release(app_database, [job.id for job in queries.claim(app_database, KIND, WEEK, 10, "run")])
    (job,) = queries.claim(app_database, KIND, WEEK, 10, "run")
    assert job.attempts == 1


@given(st.integers(1, 10), st.floats(0, 1))
def test_backoff_doubles_and_stays_within_a_tenth(attempts: int, jitter: float):
    minutes = backoff(attempts, jitter).total_seconds() / 60
    assert 0.9 * 5 * 2**attempts <= minutes <= 1.1 * 5 * 2**attempts + 1e-6
