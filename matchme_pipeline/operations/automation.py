"""Jobs, schedules and sensors: what makes the week run by itself."""

from datetime import timedelta

from dagster import (
    AssetSelection,
    DagsterRunStatus,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    RunRequest,
    RunStatusSensorContext,
    ScheduleEvaluationContext,
    define_asset_job,
    run_status_sensor,
    schedule,
)

from matchme_pipeline.database.connection import connect
from matchme_pipeline.database.resource import database_url
from matchme_pipeline.operations import runs
from matchme_pipeline.settings import process_settings
from matchme_pipeline.week import WEEK, Week

_GROUPS = ("content", "embeddings", "dna", "matches", "operations")

weekly_batch = define_asset_job(
    runs.WEEKLY_JOB,
    selection=AssetSelection.groups(*_GROUPS),
    description="The whole week: insights, vectors, DNA scores, matches, previews and the run's summary.",
)

daily_incremental = define_asset_job(
    runs.DAILY_JOB,
    selection=AssetSelection.assets("post_hashes", "content_insights", "post_embeddings"),
    description="The content stages of the open week, so that Sunday finds most of its work done.",
)

# Off until somebody turns automation on: a fresh installation with a key must not begin to spend by itself.
_STATUS = DefaultScheduleStatus.RUNNING if process_settings().automation else DefaultScheduleStatus.STOPPED


@schedule(job=weekly_batch, cron_schedule="0 2 * * 0", execution_timezone="UTC", default_status=_STATUS)
def weekly_schedule(context: ScheduleEvaluationContext) -> RunRequest:
    """Sunday 02:00 UTC: the week whose window closes at this tick."""
    key = Week.last_closed(context.scheduled_execution_time).key
    return RunRequest(run_key=key, partition_key=key)


@schedule(job=daily_incremental, cron_schedule="30 3 * * 1-6", execution_timezone="UTC", default_status=_STATUS)
def daily_schedule(context: ScheduleEvaluationContext) -> RunRequest:
    """Monday to Saturday, 03:30 UTC: the week that is still open."""
    tick = context.scheduled_execution_time
    key = Week(Week.last_closed(tick).sunday + WEEK).key
    return RunRequest(run_key=f"{key}/{tick:%Y-%m-%d}", partition_key=key)


def _close(context: RunStatusSensorContext, status: str, error: str | None = None) -> None:
    with connect(database_url(process_settings()), vectors=False) as connection:
        runs.close_run(connection, context.dagster_run, status, error)


@run_status_sensor(
    run_status=DagsterRunStatus.SUCCESS,
    default_status=DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=int(timedelta(seconds=15).total_seconds()),
)
def close_completed_runs(context: RunStatusSensorContext) -> None:
    """Write the end of a run that succeeded, a single asset's run among them."""
    _close(context, "completed")


@run_status_sensor(
    run_status=DagsterRunStatus.FAILURE,
    default_status=DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=int(timedelta(seconds=15).total_seconds()),
)
def close_failed_runs(context: RunStatusSensorContext) -> None:
    """Write the end of a run that failed, with its first error."""
    _close(context, "failed", context.dagster_event.message)


@run_status_sensor(
    run_status=DagsterRunStatus.CANCELED,
    default_status=DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=int(timedelta(seconds=15).total_seconds()),
)
def close_cancelled_runs(context: RunStatusSensorContext) -> None:
    """Write the end of a run that somebody cancelled."""
    _close(context, "cancelled")
