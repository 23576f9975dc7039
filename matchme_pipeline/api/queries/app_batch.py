"""SQL of runs and jobs as the app reads them: whole rows, pages by offset."""

from datetime import date, timedelta
from typing import LiteralString
from uuid import UUID

from matchme_pipeline.api.queries.app_rows import Row, rows
from matchme_pipeline.database.connection import Connection

_RUN_JSON: tuple[LiteralString, ...] = ("error_log", "metadata")
_JOB_JSON: tuple[LiteralString, ...] = ("payload",)


def run(connection: Connection, history_id: UUID) -> Row | None:
    """One run's row in the history."""
    found = rows(connection, "batch_run_history", "where id = %s", [history_id], _RUN_JSON)
    return found[0] if found else None


def runs(connection: Connection, limit: int, offset: int) -> tuple[list[Row], int]:
    """A page of the history, the newest first, and how many rows it has."""
    counted = connection.execute("select count(*) from batch_run_history").fetchone()
    clauses: LiteralString = "order by t.started_at desc, t.id desc limit %s offset %s"
    found = rows(connection, "batch_run_history", clauses, [limit, offset], _RUN_JSON)
    return found, int(counted[0]) if counted else 0


def open_jobs(connection: Connection, user_id: str) -> list[Row]:
    """A member's waiting, active and failed jobs; by priority, then by due time."""
    clauses: LiteralString = """
        where t.user_id = %s and t.status in ('pending', 'processing', 'retry', 'failed')
        order by t.priority, t.scheduled_for, t.id
        limit 1000
    """
    return rows(connection, "batch_processing_queue", clauses, [user_id], _JOB_JSON)


def job(connection: Connection, job_id: UUID) -> Row | None:
    """One job's row."""
    found = rows(connection, "batch_processing_queue", "where id = %s", [job_id], _JOB_JSON)
    return found[0] if found else None


def published_by(connection: Connection, history_id: UUID, week: date) -> tuple[int, int]:
    """How many matches of the week the run has published, and how many of them have a preview."""
    row = connection.execute(
        """
        select count(*), count(chaichat_preview) from weekly_matches where week_start_date = %s and batch_run_id = %s
        """,
        [week + timedelta(days=7), history_id],
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)
