"""Schedules, and sensors that record how runs ended."""

from datetime import timedelta

from dagster import (
    DagsterRunStatus,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    RunRequest,
    RunStatusSensorContext,
    ScheduleEvaluationContext,
    run_status_sensor,
    schedule,
)

from matchme_pipeline.database.addresses import database_url
from matchme_pipeline.database.connection import connect
from matchme_pipeline.operations import runs
from matchme_pipeline.operations.jobs import daily_incremental, retention_job, weekly_batch
from matchme_pipeline.operations.pools import free_pools
from matchme_pipeline.operations.retention import RETENTION_JOB
from matchme_pipeline.operations.run_errors import end_of_failure
from matchme_pipeline.operations.week_workers import WORKER_JOB
from matchme_pipeline.settings import process_settings
from matchme_pipeline.week import WEEK, Week

# Off until an operator turns automation on: a new installation with a key must not spend money by itself.
_STATUS = DefaultScheduleStatus.RUNNING if process_settings().automation else DefaultScheduleStatus.STOPPED


@schedule(
    job=weekly_batch,
    cron_schedule="0 2 * * 0",
    execution_timezone="UTC",
    default_status=_STATUS,
    description="Every Sunday at 02:00 UTC: materialises the week that has just closed, before members open the app "
    "at 07:00.",
)
def weekly_schedule(context: ScheduleEvaluationContext) -> RunRequest:
    """Launch the week whose window closes at this tick."""
    key = Week.last_closed(context.scheduled_execution_time).key
    return RunRequest(run_key=key, partition_key=key)


@schedule(
    job=daily_incremental,
    cron_schedule="30 3 * * 1-6",
    execution_timezone="UTC",
    default_status=_STATUS,
    description="Monday to Saturday at 03:30 UTC: computes insights and vectors of the open week.",
)
def daily_schedule(context: ScheduleEvaluationContext) -> RunRequest:
    """Launch the open week."""
    tick = context.scheduled_execution_time
    key = Week(Week.last_closed(tick).sunday + WEEK).key
    return RunRequest(run_key=f"{key}/{tick:%Y-%m-%d}", partition_key=key)


@schedule(
    job=retention_job,
    cron_schedule="30 5 2 * *",
    execution_timezone="UTC",
    default_status=_STATUS,
    description="On the second of each month, 05:30 UTC: removes data that has exceeded its retention period.",
)
def retention_schedule(context: ScheduleEvaluationContext) -> RunRequest:
    """Once a month is often enough: a month adds little to what the rules keep."""
    return RunRequest(run_key=f"retention/{context.scheduled_execution_time:%Y-%m-%d}")


def _close(context: RunStatusSensorContext, status: str, error: str | None = None, **metadata: bool) -> None:
    if context.dagster_run.job_name in (WORKER_JOB, RETENTION_JOB):
        # A worker's calls are part of the row of the run that it helped, and retention works on no week.
        return
    with connect(database_url(process_settings()), vectors=False) as connection:
        runs.close_run(connection, context.dagster_run, status, error, **metadata)
    free_pools(context.instance, context.dagster_run.run_id)


@run_status_sensor(
    run_status=DagsterRunStatus.SUCCESS,
    description="Records the end of every successful run in batch_run_history, also of runs of single assets.",
    default_status=DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=int(timedelta(seconds=15).total_seconds()),
)
def close_completed_runs(context: RunStatusSensorContext) -> None:
    """Record the end of a successful run, also of a run of a single asset."""
    _close(context, "completed")


@run_status_sensor(
    run_status=DagsterRunStatus.FAILURE,
    description="Records the end of every failed run, with its first error, in batch_run_history.",
    default_status=DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=int(timedelta(seconds=15).total_seconds()),
)
def close_failed_runs(context: RunStatusSensorContext) -> None:
    """Record the end of a failed run with its first error."""
    end = end_of_failure(context.instance, context.dagster_run)
    declined = {"declined": True} if end.declined else {}
    _close(context, end.status, end.error, **declined)


@run_status_sensor(
    run_status=DagsterRunStatus.CANCELED,
    description="Records the end of every cancelled run in batch_run_history.",
    default_status=DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=int(timedelta(seconds=15).total_seconds()),
)
def close_cancelled_runs(context: RunStatusSensorContext) -> None:
    """Record the end of a cancelled run."""
    _close(context, "cancelled")
