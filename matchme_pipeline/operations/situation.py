"""Reads the inputs of the status of the newest week from the app's database alone."""

from datetime import datetime

from psycopg.rows import class_row

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.operations import alert_queries, missing_weeks
from matchme_pipeline.operations.alerts import ready_by
from matchme_pipeline.operations.assessment import ActiveRun, Situation
from matchme_pipeline.operations.missing_weeks import MAX_FAILED_RUNS
from matchme_pipeline.operations.remedies import cause_of, remedy_for
from matchme_pipeline.operations.report import queries
from matchme_pipeline.settings import Settings
from matchme_pipeline.week import Week

PACE_OF_RUNS = 6


def situation(connection: Connection, settings: Settings, now: datetime) -> Situation:
    """The state of the newest closed week, and other open work."""
    newest = Week.last_closed(now)
    finished = missing_weeks.finished_weeks(connection)
    missing = missing_weeks.closed_missing_weeks(settings.first_week, finished, now)
    runs = queries.runs_of(connection, newest.sunday)
    done = next((run for run in runs if run.is_summary and run.status == "completed"), None)
    last = runs[-1] if runs else None
    failure = None
    if last is not None and last.status in ("failed", "cancelled") and newest.sunday in missing:
        cause = cause_of(last.error)
        name = "cancelled by a person" if last.status == "cancelled" and last.error is None else cause.name
        failure = (name, cause.meaning, remedy_for(cause, newest.sunday))
    tried = missing_weeks.tries_by_week(connection).get(newest.sunday)
    failed, waiting = _failed_jobs(connection)
    return Situation(
        now=now,
        newest=newest.sunday,
        closed_at=newest.cutoff,
        due_at=ready_by(newest),
        # A pipeline whose first week has not closed yet has no duties.
        is_finished=newest.sunday in finished or newest.sunday < settings.first_week,
        finished_at=done.completed_at if done else None,
        automation=settings.automation,
        active_run=_active_run(connection),
        usual_seconds=_usual_seconds(connection),
        failure=failure,
        will_retry=settings.automation
        and tried is not None
        and tried.failures < MAX_FAILED_RUNS
        and not tried.cancelled,
        stopped_by=(last.stopped_by if last else None) or "",
        missing=missing,
        failed_jobs=failed,
        waiting_jobs=waiting,
        open_alerts=len(alert_queries.open_alerts(connection, now)),
    )


def _active_run(connection: Connection) -> ActiveRun | None:
    with connection.cursor(row_factory=class_row(ActiveRun)) as cursor:
        return cursor.execute(
            """
            select week, dagster_run_id as run_id, started_at, completed_jobs, total_jobs
            from batch_run_history
            where status = 'running' and week is not null and publishes_matches
            order by week desc, started_at
            limit 1
            """
        ).fetchone()


def _usual_seconds(connection: Connection) -> list[float]:
    rows = connection.execute(
        """
        select duration_seconds
        from batch_run_history
        where status = 'completed' and run_type = 'weekly_full' and duration_seconds is not null
        order by completed_at desc
        limit %s
        """,
        [PACE_OF_RUNS],
    ).fetchall()
    return [float(seconds) for (seconds,) in rows]


def _failed_jobs(connection: Connection) -> tuple[int, int]:
    row = connection.execute(
        """
        select count(*) filter (where status = 'failed'), count(*) filter (where status = 'retry' and attempts > 0)
        from batch_processing_queue
        where status in ('failed', 'retry')
        """
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)
