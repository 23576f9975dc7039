"""SQL of runs and of the queue, as operators see them."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import class_row

from matchme_pipeline.database.connection import Connection

MAX_RUNNING = 20
_RUNS: LiteralString = """
    select id, dagster_run_id, run_type, week, status, started_at, completed_at, duration_seconds, total_jobs,
        completed_jobs, failed_jobs, tokens_used, cost_usd, error_log as errors
    from batch_run_history
"""


@dataclass(frozen=True)
class RunRow:
    """A row of `batch_run_history`."""

    id: UUID
    dagster_run_id: str | None
    run_type: str
    week: date | None
    status: str
    started_at: datetime
    completed_at: datetime | None
    duration_seconds: int | None
    total_jobs: int
    completed_jobs: int
    failed_jobs: int
    tokens_used: int
    cost_usd: Decimal
    # As stored: an earlier batch may have written any JSON.
    errors: Any


@dataclass(frozen=True)
class JobRow:
    """A row of `batch_processing_queue`."""

    id: UUID
    job_type: str
    status: str
    week: date | None
    priority: int
    attempts: int
    max_attempts: int
    last_error: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    scheduled_for: datetime


def last_completed(connection: Connection) -> RunRow | None:
    """The newest run that ended well."""
    found = runs_page(connection, 1, None, "completed", None, None)
    return found[0] if found else None


def running(connection: Connection) -> list[RunRow]:
    """Runs with status running, newest first; only one run at a time is active, so these are few."""
    return runs_page(connection, MAX_RUNNING, None, "running", None, None)


def run_of(connection: Connection, dagster_run_id: str) -> RunRow | None:
    """The row of one run of Dagster's."""
    with connection.cursor(row_factory=class_row(RunRow)) as cursor:
        return cursor.execute(
            _RUNS
            + """
            where dagster_run_id = %s
            """,
            [dagster_run_id],
        ).fetchone()


def runs_page(
    connection: Connection,
    limit: int,
    after: tuple[datetime, UUID] | None,
    status: str | None,
    run_type: str | None,
    week: date | None,
) -> list[RunRow]:
    """Runs after the position `after`, newest first; None omits a filter."""
    with connection.cursor(row_factory=class_row(RunRow)) as cursor:
        return cursor.execute(
            _RUNS
            + """
            where (%(status)s::text is null or status = %(status)s)
                and (%(run_type)s::text is null or run_type = %(run_type)s)
                and (%(week)s::date is null or week = %(week)s)
                and (%(at)s::timestamptz is null or (started_at, id) < (%(at)s, %(id)s::uuid))
            order by started_at desc, id desc
            limit %(limit)s
            """,
            {
                "limit": limit,
                "status": status,
                "run_type": run_type,
                "week": week,
                "at": after[0] if after else None,
                "id": after[1] if after else None,
            },
        ).fetchall()


def queue_counts(connection: Connection) -> list[tuple[str, str, int]]:
    """Jobs by type and status."""
    return connection.execute(
        "select job_type, status, count(*) from batch_processing_queue group by 1, 2 order by 1, 2"
    ).fetchall()


def jobs_page(
    connection: Connection, user_id: str, limit: int, after: tuple[datetime, UUID] | None, status: str | None
) -> list[JobRow]:
    """A member's jobs after the position `after`, newest first."""
    with connection.cursor(row_factory=class_row(JobRow)) as cursor:
        return cursor.execute(
            """
            select id, job_type, status, week, priority, attempts, max_attempts, last_error, created_at, started_at,
                completed_at, scheduled_for
            from batch_processing_queue
            where user_id = %(user_id)s
                and (%(status)s::text is null or status = %(status)s)
                and (%(at)s::timestamptz is null or (created_at, id) < (%(at)s, %(id)s::uuid))
            order by created_at desc, id desc
            limit %(limit)s
            """,
            {
                "user_id": user_id,
                "limit": limit,
                "status": status,
                "at": after[0] if after else None,
                "id": after[1] if after else None,
            },
        ).fetchall()
