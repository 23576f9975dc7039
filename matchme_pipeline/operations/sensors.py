"""Sensors that launch runs between two ticks of the schedule, and sensors that keep the records correct."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from hashlib import sha256

from dagster import (
    DagsterInstance,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from matchme_pipeline.database.addresses import database_url
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.dna import queries as dna_queries
from matchme_pipeline.jobs.adoption import reject_malformed
from matchme_pipeline.operations import (
    alerts,
    dna_refresh,
    due_jobs,
    launches,
    lost_runs,
    missing_weeks,
    runs,
    week_workers,
)
from matchme_pipeline.operations.due_jobs import DueSet
from matchme_pipeline.operations.jobs import daily_incremental, dna_refresh_job, weekly_batch
from matchme_pipeline.operations.liveness import UNFINISHED
from matchme_pipeline.settings import process_settings
from matchme_pipeline.week import Week

# Sensors that launch runs are off until an operator turns automation on; sensors that only record are always on.
_LAUNCHES = DefaultSensorStatus.RUNNING if process_settings().automation else DefaultSensorStatus.STOPPED
_WRITES = DefaultSensorStatus.RUNNING
MAX_RETRY_RUNS = 2


@contextmanager
def _database() -> Iterator[Connection]:
    with connect(database_url(process_settings())) as connection:
        yield connection


def _now() -> datetime:
    return datetime.now(UTC)


@sensor(
    jobs=[weekly_batch, daily_incremental],
    minimum_interval_seconds=60,
    default_status=_LAUNCHES,
    description="Retries failed jobs after their backoff. Runs the whole week if it is closed, so that vectors, "
    "scores and matches are updated too, and only the content stages of the open week. Launches one run for each week "
    "and set of due jobs.",
)
def retry_due_jobs(context: SensorEvaluationContext) -> SensorResult | SkipReason:
    """Request at most two retry runs, oldest weeks first, for weeks without an active run."""
    with _database() as connection:
        reject_malformed(connection)
        due = due_jobs.due_sets(connection, limit=50)
    busy, now = _weeks_in_flight(context.instance), _now()
    requests = []
    for one in due:
        job = weekly_batch if Week(one.week).cutoff <= now else daily_incremental
        work = f"retry/{one.week}/{one.fingerprint}"
        if one.week in busy or not _can_be_worked_on(one, now):
            continue
        if (key := launches.next_run_key(context.instance, work, now)) is None:
            continue
        tags = {launches.WORK_TAG: work, "matchme/reason": f"{one.jobs} jobs are due"}
        # A week's content jobs and its other jobs are two sets; one run works on both.
        busy.add(one.week)
        requests.append(RunRequest(key, partition_key=one.week.isoformat(), job_name=job.name, tags=tags))
    if not requests:
        return SkipReason("no job is due in a week that no run is working on")
    return SensorResult(run_requests=requests[:MAX_RETRY_RUNS], cursor=requests[0].run_key)


@sensor(
    job=weekly_batch,
    minimum_interval_seconds=300,
    default_status=_LAUNCHES,
    description="Launches missing closed weeks, oldest first, one at a time. After three failed runs it gives a week "
    "up and raises an alert.",
)
def backfill_missing_weeks(context: SensorEvaluationContext) -> SensorResult | SkipReason:
    """Request a run of the oldest missing week, unless a weekly run is queued or active."""
    now = _now()
    with _database() as connection:
        tried = missing_weeks.tries_by_week(connection)
        plan = missing_weeks.plan(
            process_settings().first_week,
            missing_weeks.finished_weeks(connection),
            tried,
            _weeks_in_flight(context.instance, publishing=True),
            now,
        )
        for week in plan.given_up:
            alerts.record_alert(connection, alerts.week_given_up(Week(week), tried[week].failures))
    if not plan.launch:
        return SkipReason("no week is missing that could be launched now")
    return SensorResult(
        run_requests=[
            RunRequest(
                run_key=f"backfill/{week}/{tried[week].tries if week in tried else 0}",
                partition_key=week.isoformat(),
                tags={"matchme/reason": "no run has materialised this week"},
            )
            for week in plan.launch
        ],
        cursor=plan.launch[-1].isoformat(),
    )


@sensor(
    job=dna_refresh_job,
    minimum_interval_seconds=60,
    default_status=_LAUNCHES,
    description="Refreshes the DNA scores of members who reviewed insights, ten minutes after their last review, and "
    "of members for whom the app requests it.",
)
def refresh_dna_after_reviews(context: SensorEvaluationContext) -> SensorResult | SkipReason:
    """Enqueue members who reviewed since the cursor, and request one run while the app's rows wait."""
    now = _now()
    # The first tick reads nothing: earlier reviews are already part of the newest week's scores.
    since = datetime.fromisoformat(context.cursor) if context.cursor else now
    with _database() as connection:
        enqueued = dna_refresh.enqueue_reviewers(connection, since, now)
        newest = dna_queries.newest_week(connection)
        waiting, fingerprint = due_jobs.waiting_scores(connection, newest)
    # A member who continues to review is found ten minutes after the last review, so the cursor stays behind by that
    # time.
    cursor = (now - dna_refresh.QUIET).isoformat() if context.cursor else now.isoformat()
    work = f"dna/{fingerprint}"
    busy = newest in _weeks_in_flight(context.instance)
    key = launches.next_run_key(context.instance, work, now) if waiting and not busy else None
    if key is None:
        reason = "its week is being materialised" if busy else f"{waiting} jobs wait, and no run is to be asked for"
        return SensorResult(skip_reason=SkipReason(reason), cursor=cursor)
    context.log.info(f"{enqueued} members reviewed insights, {waiting} jobs wait")
    return SensorResult(run_requests=[RunRequest(key, tags={launches.WORK_TAG: work})], cursor=cursor)


@sensor(
    jobs=[weekly_batch, daily_incremental],
    minimum_interval_seconds=300,
    default_status=_LAUNCHES,
    description="Asks the model providers about open batches and launches a run that reads the finished ones.",
)
def read_finished_batches(context: SensorEvaluationContext) -> SensorResult | SkipReason:
    """Request one run for each week with finished batches; the same batches never launch a second run."""
    settings = process_settings()
    if settings.provider == "local":
        return SkipReason("the offline models have no batches")
    by_week: dict[date, list[str]] = {}
    from matchme_pipeline.llm.batch_poll import batches_to_read

    for batch in batches_to_read(settings, database_url(settings)):
        if batch.week is not None:
            by_week.setdefault(batch.week, []).append(str(batch.id))
    busy, now = _weeks_in_flight(context.instance), _now()
    requests = []
    for week, ids in sorted(by_week.items()):
        job = weekly_batch if Week(week).cutoff <= now else daily_incremental
        work = f"batch/{week}/{_digest(ids)}"
        if week in busy or (key := launches.next_run_key(context.instance, work, now)) is None:
            continue
        tags = {launches.WORK_TAG: work, "matchme/reason": f"{len(ids)} batches are finished"}
        requests.append(RunRequest(key, partition_key=week.isoformat(), job_name=job.name, tags=tags))
    if not requests:
        return SkipReason("no batch is finished in a week that no run is working on")
    return SensorResult(run_requests=requests[:MAX_RETRY_RUNS], cursor=requests[0].run_key)


@sensor(
    minimum_interval_seconds=60,
    default_status=_WRITES,
    description="Closes the rows of runs whose process is gone, or that have had no heartbeat for 15 minutes.",
)
def close_lost_runs(context: SensorEvaluationContext) -> SkipReason:
    """Record the end of runs that could not record it themselves."""
    with _database() as connection:
        active = lost_runs.close_lost(connection, context.instance, _now())
        lost_runs.not_yet_started(connection, context.instance)
    week_workers.close_lost_workers(context.instance)
    context.update_cursor(_now().isoformat())
    return SkipReason(f"{len(active)} runs are active")


def _can_be_worked_on(due: DueSet, now: datetime) -> bool:
    """Has the window of its week opened (for content) or closed (for scores and matches)?"""
    week = Week(due.week)
    return week.sunday >= process_settings().first_week and (week.start if due.for_content else week.cutoff) <= now


def _weeks_in_flight(instance: DagsterInstance, *, publishing: bool = False) -> set[date]:
    """Weeks of queued or active runs, including runs that the command started."""
    found = instance.get_runs(RunsFilter(statuses=list(UNFINISHED)))
    counted = [run for run in found if runs.publishes_matches(run) or not publishing]
    return {week for week in map(runs.week_of_run, counted) if week is not None}


def _digest(ids: list[str]) -> str:
    return sha256("\n".join(sorted(ids)).encode()).hexdigest()[:16]
