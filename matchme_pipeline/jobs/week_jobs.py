"""Jobs of a stage that computes all members at once: one job per member, claimed and finished in sets.

Each function is one statement, also for a hundred thousand members.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.jobs.model import DEFAULT_PRIORITY, PRIORITY_BY_TIER, JobType
from matchme_pipeline.jobs.queries import LEASE_SECONDS


@dataclass(frozen=True)
class TakenJobs:
    """A run's claim on a week's open jobs of one type; `claimed_at` is its token."""

    job_type: JobType
    week: date
    dagster_run_id: str
    claimed_at: datetime
    jobs: int


@dataclass(frozen=True)
class FinishedJobs:
    """Numbers of claimed jobs that were completed, and that failed with or without attempts left."""

    completed: int
    failed: int


@contextmanager
def members_taken(
    connection: Connection,
    job_type: JobType,
    week: date,
    dagster_run_id: str,
    user_ids: Collection[str],
    fingerprint: str,
    lease_seconds: int = LEASE_SECONDS,
    *,
    others_too: bool = True,
) -> Iterator[TakenJobs]:
    """Context manager around `take_members`; releases the jobs that the stage has not finished."""
    taken = take_members(
        connection,
        job_type,
        week,
        dagster_run_id,
        user_ids,
        fingerprint,
        lease_seconds=lease_seconds,
        others_too=others_too,
    )
    try:
        yield taken
    finally:
        if not connection.closed:
            release_members(connection, taken)


def take_members(
    connection: Connection,
    job_type: JobType,
    week: date,
    dagster_run_id: str,
    user_ids: Collection[str],
    fingerprint: str,
    *,
    lease_seconds: int = LEASE_SECONDS,
    others_too: bool = True,
) -> TakenJobs:
    """Enqueue a job for each of `user_ids` and claim it; `others_too` also claims all other open jobs.

    There is one job per member and week. A completed or failed job is claimed again only if `fingerprint`, which
    identifies the inputs and the rules, differs. Claims of other workers stay unchanged.
    """
    row = connection.execute(
        """
        with taken as (select clock_timestamp() as at),
        wanted as (
            select u.user_id, coalesce((%(by_tier)s::jsonb ->> p.subscription_tier)::integer, %(priority)s) as priority
            from unnest(%(users)s::text[]) as u (user_id)
            left join profiles p on p.clerk_user_id = u.user_id
        ),
        claimed as (
            insert into batch_processing_queue as q (
                user_id, job_type, subject, week, priority, payload,
                status, attempts, started_at, dagster_run_id, lease_expires_at
            )
            select w.user_id, %(job_type)s, w.user_id, %(week)s, w.priority,
                jsonb_build_object('fingerprint', %(fingerprint)s::text),
                'processing', 1, t.at, %(run_id)s, t.at + make_interval(secs => %(lease)s)
            from wanted w cross join taken t
            on conflict (job_type, subject, week) where week is not null and subject is not null do update
            set payload = q.payload || excluded.payload,
                status = 'processing',
                attempts = case when q.status in ('completed', 'failed') then 1 else least(q.attempts, 1000000) + 1 end,
                last_error = case when q.status in ('completed', 'failed') then null else q.last_error end,
                completed_at = null,
                started_at = excluded.started_at,
                dagster_run_id = excluded.dagster_run_id,
                lease_expires_at = excluded.lease_expires_at
            where matchme_job_is_claimable(
                    q.status, q.scheduled_for, q.lease_expires_at, q.dagster_run_id, %(run_id)s::text
                )
                or (
                    q.status in ('completed', 'failed')
                    and q.payload ->> 'fingerprint' is distinct from %(fingerprint)s::text
                )
            returning 1
        ),
        -- Jobs of former members, which must be finished too.
        left_over as (
            update batch_processing_queue q
            set status = 'processing', attempts = least(attempts, 1000000) + 1, started_at = t.at,
                dagster_run_id = %(run_id)s,
                lease_expires_at = t.at + make_interval(secs => %(lease)s)
            from taken t
            where %(others_too)s and q.job_type = %(job_type)s and q.week = %(week)s
                and q.status in ('pending', 'retry', 'processing')
                and matchme_job_is_claimable(
                    q.status, q.scheduled_for, q.lease_expires_at, q.dagster_run_id, %(run_id)s::text
                )
                and not exists (select from wanted w where w.user_id = q.subject)
            returning 1
        )
        select (select at from taken), (select count(*) from claimed) + (select count(*) from left_over)
        """,
        {
            "job_type": job_type,
            "week": week,
            "run_id": dagster_run_id,
            "users": sorted(set(user_ids)),
            "fingerprint": fingerprint,
            "lease": lease_seconds,
            "others_too": others_too,
            "by_tier": json.dumps(PRIORITY_BY_TIER),
            "priority": DEFAULT_PRIORITY,
        },
    ).fetchone()
    claimed_at, jobs = row or (None, 0)
    assert isinstance(claimed_at, datetime)
    return TakenJobs(job_type, week, dagster_run_id, claimed_at, int(jobs))


def finish_members(connection: Connection, taken: TakenJobs, errors: Mapping[str, str]) -> FinishedJobs:
    """Finish the taken jobs in the transaction that writes their results; members in `errors` fail, each alone.

    Jobs that another worker has claimed since then stay unchanged.
    """
    parameters = {
        "job_type": taken.job_type,
        "week": taken.week,
        "claimed_at": taken.claimed_at,
        "run_id": taken.dagster_run_id,
        "users": list(errors),
        "errors": list(errors.values()),
    }
    failed = connection.execute(
        """
        update batch_processing_queue q
        set status = case when q.attempts >= q.max_attempts then 'failed' else 'retry' end,
            last_error = e.error,
            scheduled_for = now() + matchme_backoff(q.attempts),
            lease_expires_at = null
        from unnest(%(users)s::text[], %(errors)s::text[]) as e (user_id, error)
        where q.job_type = %(job_type)s and q.week = %(week)s and q.subject = e.user_id
            and q.status = 'processing' and q.started_at = %(claimed_at)s and q.dagster_run_id = %(run_id)s
        """,
        parameters,
    ).rowcount
    completed = connection.execute(
        """
        update batch_processing_queue
        set status = 'completed', completed_at = now(), last_error = null, lease_expires_at = null
        where job_type = %(job_type)s and week = %(week)s
            and status = 'processing' and started_at = %(claimed_at)s and dagster_run_id = %(run_id)s
        """,
        parameters,
    ).rowcount
    return FinishedJobs(completed, failed)


def release_members(connection: Connection, taken: TakenJobs) -> int:
    """Release the claimed jobs without counting an attempt, when the stage as a whole failed."""
    return connection.execute(
        """
        update batch_processing_queue
        set status = 'pending', attempts = greatest(attempts - 1, 0), lease_expires_at = null, started_at = null
        where job_type = %s and week = %s and status = 'processing' and started_at = %s and dagster_run_id = %s
        """,
        [taken.job_type, taken.week, taken.claimed_at, taken.dagster_run_id],
    ).rowcount


def members_with_open_jobs(connection: Connection, job_type: JobType, week: date, limit: int) -> list[str]:
    """Up to `limit` members with an open, due job of the week, highest priority first."""
    rows = connection.execute(
        """
        select subject
        from batch_processing_queue
        where job_type = %(job_type)s and week = %(week)s
            and status in ('pending', 'retry', 'processing')
            and matchme_job_is_due(status, scheduled_for, lease_expires_at)
        order by priority, created_at, id
        limit %(limit)s
        """,
        {"job_type": job_type, "week": week, "limit": limit},
    ).fetchall()
    return [subject for (subject,) in rows]
