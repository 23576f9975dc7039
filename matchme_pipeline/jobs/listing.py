"""Lists jobs by state, type, week and member."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from matchme_pipeline.database.connection import Connection


@dataclass(frozen=True)
class JobFilter:
    """A filter on jobs; None means any."""

    status: str | None = None
    job_type: str | None = None
    week: date | None = None
    user_id: str | None = None


@dataclass(frozen=True)
class ListedJob:
    """A job with the details that an operator needs."""

    id: UUID
    user_id: str
    job_type: str
    week: date | None
    status: str
    priority: int
    attempts: int
    max_attempts: int
    scheduled_for: datetime
    created_at: datetime
    last_error: str | None


def listed(connection: Connection, wanted: JobFilter, limit: int) -> list[ListedJob]:
    """The jobs that match `wanted`, newest first."""
    with connection.cursor(row_factory=class_row(ListedJob)) as cursor:
        return cursor.execute(
            """
            select id, user_id, job_type, week, status, priority, attempts, max_attempts, scheduled_for, created_at,
                last_error
            from batch_processing_queue
            where (%(status)s::text is null or status = %(status)s)
                and (%(job_type)s::text is null or job_type = %(job_type)s)
                and (%(week)s::date is null or week = %(week)s)
                and (%(user_id)s::text is null or user_id = %(user_id)s)
            order by created_at desc, id
            limit %(limit)s
            """,
            {**_parameters(wanted), "limit": limit},
        ).fetchall()


def ids_of(connection: Connection, wanted: JobFilter) -> list[UUID]:
    """The ids of all jobs that match `wanted`."""
    rows = connection.execute(
        """
        select id
        from batch_processing_queue
        where (%(status)s::text is null or status = %(status)s)
            and (%(job_type)s::text is null or job_type = %(job_type)s)
            and (%(week)s::date is null or week = %(week)s)
            and (%(user_id)s::text is null or user_id = %(user_id)s)
        order by id
        """,
        _parameters(wanted),
    ).fetchall()
    return [job_id for (job_id,) in rows]


def _parameters(wanted: JobFilter) -> dict[str, Any]:
    return vars(wanted)
