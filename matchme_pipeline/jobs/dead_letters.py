"""Dead letters: jobs that failed for good stay until an operator retries or discards them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from psycopg.rows import class_row

from matchme_pipeline.database.connection import Connection


@dataclass(frozen=True)
class DeadLetter:
    """A job that has failed for good."""

    id: UUID
    user_id: str
    job_type: str
    week: date | None
    attempts: int
    last_error: str | None
    created_at: datetime


def dead_letters(connection: Connection, limit: int, job_type: str | None = None) -> list[DeadLetter]:
    """All dead letters, newest first."""
    with connection.cursor(row_factory=class_row(DeadLetter)) as cursor:
        return cursor.execute(
            """
            select id, user_id, job_type, week, attempts, last_error, created_at
            from batch_processing_queue
            where status = 'failed' and (%(job_type)s::text is null or job_type = %(job_type)s)
            order by created_at desc, id
            limit %(limit)s
            """,
            {"job_type": job_type, "limit": limit},
        ).fetchall()


def retry(connection: Connection, job_ids: Collection[UUID]) -> set[UUID]:
    """Reopen failed jobs with all their attempts; returns their ids. Safe to call concurrently.

    They are due at once: the next run of their week takes them up, and where automation is on one is launched for them.
    What was wrong stays readable in `last_error` until the job has run.
    """
    rows = connection.execute(
        """
        update batch_processing_queue
        set status = 'retry', attempts = 0, scheduled_for = now(), started_at = null, completed_at = null,
            lease_expires_at = null
        where id = any(%s) and status = 'failed'
        returning id
        """,
        [list(job_ids)],
    ).fetchall()
    return {job_id for (job_id,) in rows}


def discard(connection: Connection, job_ids: Collection[UUID], by: str) -> set[UUID]:
    """Discard failed jobs; returns their ids.

    The row stays, as done and marked with who discarded it, so that the week does not enqueue the same work again;
    what the member shares or changes later opens it anew.
    """
    rows = connection.execute(
        """
        update batch_processing_queue
        set status = 'completed', completed_at = clock_timestamp(),
            payload = payload || jsonb_build_object('discarded_by', %s::text)
        where id = any(%s) and status = 'failed'
        returning id
        """,
        [by, list(job_ids)],
    ).fetchall()
    return {job_id for (job_id,) in rows}


def state(connection: Connection, job_id: UUID) -> str | None:
    """A job's status; None if there is no such job."""
    row = connection.execute("select status from batch_processing_queue where id = %s", [job_id]).fetchone()
    return row[0] if row else None
