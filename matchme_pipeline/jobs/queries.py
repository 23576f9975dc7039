"""All SQL of the queue; every statement is whole, so any number of workers can run them side by side."""

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from uuid import UUID

from psycopg.types.json import Jsonb

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import stage_rows
from matchme_pipeline.jobs.backoff import backoff
from matchme_pipeline.jobs.model import Job, JobRequest, JobType

LEASE_SECONDS = 900


def enqueue(connection: Connection, job_type: JobType, week: date, requests: Sequence[JobRequest]) -> int:
    """Enqueue each request once per type, subject and week; returns how many are new or open again.

    A job that was completed, or failed for good, opens again only when its fingerprint differs.
    """
    rows = [
        (r.user_id, r.subject, r.priority, Jsonb({**r.payload, "fingerprint": r.fingerprint}))
        for r in sorted(requests, key=lambda request: request.subject)
    ]
    with connection.transaction():
        stage_rows(
            connection,
            "job_requests",
            [("user_id", "text"), ("subject", "text"), ("priority", "integer"), ("payload", "jsonb")],
            rows,
        )
        cursor = connection.execute(
            """
            insert into batch_processing_queue as q (user_id, job_type, subject, week, priority, payload)
            select user_id, %(job_type)s, subject, %(week)s, priority, payload from job_requests
            on conflict (job_type, subject, week) where week is not null and subject is not null do update
            set payload = excluded.payload,
                status = 'pending',
                attempts = 0,
                last_error = null,
                started_at = null,
                completed_at = null,
                lease_expires_at = null,
                scheduled_for = now()
            where q.payload ->> 'fingerprint' is distinct from excluded.payload ->> 'fingerprint'
                and q.status <> 'processing'
            """,
            {"job_type": job_type, "week": week},
        )
    return cursor.rowcount


def claim(
    connection: Connection,
    job_type: JobType,
    week: date,
    limit: int,
    dagster_run_id: str | None,
    *,
    lease_seconds: int = LEASE_SECONDS,
    retries_are_due: bool = True,
) -> list[Job]:
    """Take up to `limit` open jobs, the highest priority first, then the oldest; others' claims are passed over.

    A claim whose lease has ended is open again. A run that a person or the schedule asked for takes up retries
    whatever their backoff (`retries_are_due`).
    """
    rows = connection.execute(
        """
        update batch_processing_queue q
        set status = 'processing',
            attempts = attempts + 1,
            started_at = now(),
            dagster_run_id = %(run_id)s,
            lease_expires_at = now() + make_interval(secs => %(lease)s)
        from (
            select id
            from batch_processing_queue
            where job_type = %(job_type)s and week = %(week)s
                and (
                    status = 'pending'
                    or (status = 'retry' and (%(retries_are_due)s or scheduled_for <= now()))
                    or (status = 'processing' and lease_expires_at < now())
                )
            order by priority, created_at, subject
            limit %(limit)s
            for update skip locked
        ) open_jobs
        where q.id = open_jobs.id
        returning q.id, q.user_id, q.subject, q.attempts, q.payload
        """,
        {
            "job_type": job_type,
            "week": week,
            "limit": limit,
            "run_id": dagster_run_id,
            "lease": lease_seconds,
            "retries_are_due": retries_are_due,
        },
    ).fetchall()
    return sorted((Job(*row) for row in rows), key=lambda job: job.subject)


def complete(connection: Connection, job_ids: Collection[UUID]) -> None:
    """Finish jobs; to be called in the transaction that writes their results."""
    connection.execute(
        """
        update batch_processing_queue
        set status = 'completed', completed_at = now(), last_error = null, lease_expires_at = null
        where id = any(%s)
        """,
        [list(job_ids)],
    )


def fail(connection: Connection, errors: Mapping[Job, str], *, retryable: bool = True) -> None:
    """Write jobs' errors: they wait for their backoff, or rest on the dead-letter shelf after the last attempt."""
    waits = [backoff(job.attempts, random.random()).total_seconds() for job in errors]
    connection.execute(
        """
        update batch_processing_queue q
        set status = case when q.attempts >= q.max_attempts or not %(retryable)s then 'failed' else 'retry' end,
            last_error = f.error,
            scheduled_for = now() + make_interval(secs => f.wait),
            lease_expires_at = null
        from unnest(%(ids)s::uuid[], %(errors)s::text[], %(waits)s::float8[]) as f (id, error, wait)
        where q.id = f.id
        """,
        {
            "ids": [job.id for job in errors],
            "errors": list(errors.values()),
            "waits": waits,
            "retryable": retryable,
        },
    )


def release(connection: Connection, job_ids: Collection[UUID]) -> None:
    """Give claims back untried: a budget's end or a provider's refusal is no fault of the job."""
    connection.execute(
        """
        update batch_processing_queue
        set status = 'pending', attempts = greatest(attempts - 1, 0), lease_expires_at = null, started_at = null
        where id = any(%s) and status = 'processing'
        """,
        [list(job_ids)],
    )


def release_claims(connection: Connection, job_type: JobType, week: date, is_over: Callable[[str], bool]) -> int:
    """Give back at once what runs had claimed that are over (killed, crashed); returns how many jobs.

    Their leases would end by themselves; a person who starts the week again should not have to wait for that.
    """
    rows = connection.execute(
        """
        select dagster_run_id, array_agg(id)
        from batch_processing_queue
        where job_type = %s and week = %s and status = 'processing' and dagster_run_id is not null
        group by 1
        """,
        [job_type, week],
    ).fetchall()
    abandoned = [job_id for run_id, job_ids in rows if is_over(run_id) for job_id in job_ids]
    release(connection, abandoned)
    return len(abandoned)


def open_jobs(connection: Connection, job_type: JobType, week: date) -> int:
    """How many jobs of the week still wait."""
    row = connection.execute(
        """
        select count(*) from batch_processing_queue
        where job_type = %s and week = %s and status in ('pending', 'retry', 'processing')
        """,
        [job_type, week],
    ).fetchone()
    return int(row[0]) if row else 0


def discard_subjects(connection: Connection, user_ids: Collection[str]) -> None:
    """Remove the jobs of members who have left."""
    connection.execute("delete from batch_processing_queue where user_id = any(%s)", [list(user_ids)])
