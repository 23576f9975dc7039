"""The dead-letter shelf: retried once however many ask, discarded for good."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from uuid import UUID, uuid4

import pytest

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.jobs import dead_letters, queries
from matchme_pipeline.jobs.model import JobRequest, JobType

WEEK = date(2026, 1, 4)
REQUEST = JobRequest("user_a", "user_a", fingerprint="one")


def failed_job(connection: Connection) -> UUID:
    queries.enqueue(connection, JobType.CONTENT_ANALYSIS, WEEK, [REQUEST])
    (job,) = queries.claim(connection, JobType.CONTENT_ANALYSIS, WEEK, 10, "run")
    queries.fail(connection, {job: "the answer was cut off"}, retryable=False)
    return job.id


def test_a_job_is_retried_once_however_many_ask_at_the_same_time(app_database: Connection, app_database_url: str):
    job_id = failed_job(app_database)

    def ask(_: int) -> set[UUID]:
        with connect(app_database_url, vectors=False) as connection:
            return dead_letters.retry(connection, [job_id])

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(64)))
    assert sum(answer == {job_id} for answer in answers) == 1
    (job,) = queries.claim(app_database, JobType.CONTENT_ANALYSIS, WEEK, 10, "later run")
    assert (job.id, job.attempts) == (job_id, 1)


def test_the_shelf_shows_what_failed_and_why(app_database: Connection):
    job_id = failed_job(app_database)
    (letter,) = dead_letters.dead_letters(app_database, 10)
    assert (letter.id, letter.user_id, letter.last_error) == (job_id, "user_a", "the answer was cut off")
    assert dead_letters.dead_letters(app_database, 10, "dna_recalculation") == []


def test_discarded_work_does_not_come_back_until_something_changes(app_database: Connection):
    job_id = failed_job(app_database)
    assert dead_letters.discard(app_database, [job_id], "user_admin") == {job_id}
    assert dead_letters.discard(app_database, [job_id], "user_admin") == set()
    assert queries.enqueue(app_database, JobType.CONTENT_ANALYSIS, WEEK, [REQUEST]) == 0
    changed = JobRequest("user_a", "user_a", fingerprint="two")
    assert queries.enqueue(app_database, JobType.CONTENT_ANALYSIS, WEEK, [changed]) == 1


@pytest.mark.parametrize("status", ["pending", "processing", "completed", "retry"])
def test_only_failed_jobs_leave_the_shelf(app_database: Connection, status: str):
    job_id = failed_job(app_database)
    app_database.execute("update batch_processing_queue set status = %s", [status])
    assert dead_letters.retry(app_database, [job_id]) == set()
    assert dead_letters.discard(app_database, [job_id], "user_admin") == set()
    assert dead_letters.state(app_database, job_id) == status
    assert dead_letters.state(app_database, uuid4()) is None
