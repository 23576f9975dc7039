"""All SQL of the queue; each statement is atomic, so any number of workers can run them concurrently."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import stage_rows
from matchme_pipeline.jobs.model import DEFAULT_PRIORITY, PRIORITY_BY_TIER, Job, JobCounts, JobRequest, JobType

LEASE_SECONDS = 900
# For work that may wait for a batch's window of 24 hours.
DAY_LONG_LEASE_SECONDS = 26 * 3600


def enqueue(connection: Connection, job_type: JobType, week: date, requests: Sequence[JobRequest]) -> int:
    """Enqueue each request once per type, subject and week; returns how many jobs are new or reopened.

    A completed or failed job reopens only if its fingerprint differs.
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
    limit: int | None,
    dagster_run_id: str | None,
    *,
    lease_seconds: int = LEASE_SECONDS,
    retries_are_due: bool = True,
) -> list[Job]:
    """Claim up to `limit` open jobs (None: all), by priority, then by age; skips jobs that other workers have claimed.

    A job whose lease has ended is open again. If `retries_are_due`, the claim includes failed jobs of earlier runs
    before the end of their backoff. Jobs that failed in this run keep their backoff.
    """
    rows = connection.execute(
        """
        update batch_processing_queue q
        set status = 'processing',
            -- A row may state any number.
            attempts = least(attempts, 1000000) + 1,
            started_at = clock_timestamp(),
            dagster_run_id = %(run_id)s,
            lease_expires_at = clock_timestamp() + make_interval(secs => %(lease)s)
        from (
            select id
            from batch_processing_queue
            where job_type = %(job_type)s and week = %(week)s
                -- In the words of the index, so that claiming stays flat however many jobs are done.
                and status in ('pending', 'retry', 'processing')
                and matchme_job_is_claimable(
                    status, scheduled_for, lease_expires_at, dagster_run_id,
                    case when %(retries_are_due)s then %(run_id)s::text end
                )
            order by priority, created_at, id
            limit %(limit)s
            for update skip locked
        ) open_jobs
        where q.id = open_jobs.id
        returning q.id, q.user_id, q.subject, q.attempts, q.started_at, q.payload
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


def complete(connection: Connection, jobs: Collection[Job]) -> int:
    """Complete jobs, in the transaction that writes their results; returns how many still belonged to the caller."""
    if not jobs:
        return 0
    return connection.execute(
        """
        update batch_processing_queue q
        set status = 'completed', completed_at = now(), last_error = null, lease_expires_at = null
        from unnest(%s::uuid[], %s::timestamptz[]) as j (id, claimed_at)
        where q.id = j.id and q.status = 'processing' and q.started_at = j.claimed_at
        """,
        _claims(jobs),
    ).rowcount


def renew(connection: Connection, jobs: Collection[Job], *, lease_seconds: int = LEASE_SECONDS) -> int:
    """Renew the lease of claims; returns how many still belong to the caller."""
    return connection.execute(
        """
        update batch_processing_queue q
        set lease_expires_at = clock_timestamp() + make_interval(secs => %s)
        from unnest(%s::uuid[], %s::timestamptz[]) as j (id, claimed_at)
        where q.id = j.id and q.status = 'processing' and q.started_at = j.claimed_at
        """,
        [lease_seconds, *_claims(jobs)],
    ).rowcount


def fail(connection: Connection, errors: Mapping[Job, str], *, retryable: bool = True) -> set[UUID]:
    """Record the jobs' errors: a job waits for its backoff, or is `failed` after its last attempt.

    Returns the ids of `failed` jobs. A job that another worker has claimed stays unchanged.
    """
    if not errors:
        return set()
    rows = connection.execute(
        """
        update batch_processing_queue q
        set status = case when q.attempts >= q.max_attempts or not %(retryable)s then 'failed' else 'retry' end,
            last_error = j.error,
            scheduled_for = now() + matchme_backoff(q.attempts),
            lease_expires_at = null
        from unnest(%(ids)s::uuid[], %(claims)s::timestamptz[], %(errors)s::text[]) as j (id, claimed_at, error)
        where q.id = j.id and q.status = 'processing' and q.started_at = j.claimed_at
        returning q.id, q.status = 'failed'
        """,
        {
            "ids": [job.id for job in errors],
            "claims": [job.claimed_at for job in errors],
            "errors": list(errors.values()),
            "retryable": retryable,
        },
    ).fetchall()
    return {job_id for job_id, is_dead in rows if is_dead}


def release(connection: Connection, jobs: Collection[Job]) -> int:
    """Release claims without counting an attempt: a spent budget or a provider's refusal is not the job's failure."""
    if not jobs:
        return 0
    return connection.execute(
        """
        update batch_processing_queue q
        set status = 'pending', attempts = greatest(attempts - 1, 0), lease_expires_at = null, started_at = null
        from unnest(%s::uuid[], %s::timestamptz[]) as j (id, claimed_at)
        where q.id = j.id and q.status = 'processing' and q.started_at = j.claimed_at
        """,
        _claims(jobs),
    ).rowcount


def release_claims(connection: Connection, job_type: JobType, week: date, is_over: Callable[[str], bool]) -> int:
    """Release the claims of runs that are over (killed, crashed); returns the number of jobs.

    The leases would also end without this call, but then a restarted week would have to wait for them.
    """
    runs = connection.execute(
        """
        select distinct dagster_run_id
        from batch_processing_queue
        where job_type = %s and week = %s and status = 'processing' and dagster_run_id is not null
        """,
        [job_type, week],
    ).fetchall()
    return connection.execute(
        """
        update batch_processing_queue
        set status = 'pending', attempts = greatest(attempts - 1, 0), lease_expires_at = null, started_at = null
        where job_type = %s and week = %s and status = 'processing' and dagster_run_id = any(%s)
        """,
        [job_type, week, [run_id for (run_id,) in runs if is_over(run_id)]],
    ).rowcount


def counts(
    connection: Connection,
    *,
    job_type: JobType | None = None,
    week: date | None = None,
    dagster_run_id: str | None = None,
) -> JobCounts:
    """Numbers of jobs in each state, for one type, one week, or one run; None means any."""
    rows = connection.execute(
        """
        select case status when 'retry' then 'waiting' else status end, count(*)
        from batch_processing_queue
        where (%(job_type)s::text is null or job_type = %(job_type)s)
            and (%(week)s::date is null or week = %(week)s)
            and (%(run_id)s::text is null or dagster_run_id = %(run_id)s)
        group by 1
        """,
        {"job_type": job_type, "week": week, "run_id": dagster_run_id},
    ).fetchall()
    return JobCounts(**dict(rows))


def member_priorities(connection: Connection, user_ids: Collection[str]) -> dict[str, int]:
    """Each member's priority in the queue, by subscription tier."""
    rows = connection.execute(
        "select clerk_user_id, subscription_tier from profiles where clerk_user_id = any(%s)", [list(user_ids)]
    ).fetchall()
    return {user_id: PRIORITY_BY_TIER.get(tier or "", DEFAULT_PRIORITY) for user_id, tier in rows}


def unknown_tiers(connection: Connection) -> dict[str, int]:
    """Numbers of members with each unknown subscription tier; the twenty most frequent tiers."""
    rows = connection.execute(
        """
        select 'subscription_tier: ' || left(btrim(subscription_tier), 40), count(*)::integer
        from profiles
        where deleted_at is null and btrim(subscription_tier) <> '' and not subscription_tier = any(%s)
        group by 1 order by 2 desc, 1 limit 20
        """,
        [list(PRIORITY_BY_TIER)],
    ).fetchall()
    return dict(rows)


def _claims(jobs: Collection[Job]) -> list[list[Any]]:
    return [[job.id for job in jobs], [job.claimed_at for job in jobs]]
