"""Dead letters: failed jobs without attempts left. They stay until an operator retries or discards them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from psycopg.rows import class_row

from matchme_pipeline.database.connection import Connection


@dataclass(frozen=True)
class DeadLetter:
    """A failed job without attempts left."""

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

    The jobs are due at once: the next run of their week works on them. With automation a sensor launches that run.
    `last_error` keeps the error until the job has run.
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

    The row stays as completed, with the name of who discarded it, so that the week does not enqueue the same work
    again. The job reopens if the member shares or changes something later.
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
