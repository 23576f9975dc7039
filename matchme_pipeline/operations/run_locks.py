"""Mutual exclusion of runs: one run at a time works on a week, and one at a time publishes matches, however runs are
started.

The run's row with status `running` is the lock, not a lock of a session. It therefore covers all processes of a run,
works behind a transaction pooler, and ends with the run's last heartbeat.
"""

from collections.abc import Sequence
from datetime import date, datetime

from dagster import DagsterEventType, DagsterInstance, DagsterRun

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import RunDeclinedError
from matchme_pipeline.operations import lost_runs, run_queries, runs
from matchme_pipeline.operations.liveness import PROCESS_TAG, RunningRow, this_worker


def acquire_run_lock(connection: Connection, instance: DagsterInstance, run: DagsterRun, now: datetime) -> None:
    """Open the row of `run`; for a further step of the same run, update its heartbeat.

    Raises RunDeclinedError if an active run excludes this one (the message names it), or if this run's row has been
    closed meanwhile.
    """
    with connection.transaction():
        run_queries.lock_run_rows(connection)
        status = run_queries.status_of(connection, run.run_id)
        if status in ("failed", "cancelled"):
            raise RunDeclinedError(
                f"Run {run.run_id} was closed as {status} because it sent no heartbeat; other runs may take its week. "
                "Start it again."
            )
        if status is None:
            week, publishes = runs.week_of_run(run), runs.publishes_matches(run)
            others = lost_runs.close_lost(connection, instance, now)
            refuse_conflicts(others, week, publishes)
            runs.open_run(connection, run, this_worker() if is_whole_run(instance, run) else None)
        else:
            run_queries.record_progress(connection, run.run_id)


def is_whole_run(instance: DagsterInstance, run: DagsterRun) -> bool:
    """Whether the process that `this_worker` names executes all of the run.

    True for the command, and if Dagster's log names that process as the one that executes or forks the steps. With
    Celery, pods or containers, the process executes one step and ends long before the run; then the heartbeat decides.
    """
    if PROCESS_TAG in run.tags:
        return True
    _, _, pid = this_worker().rpartition(":")
    for record in instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT):
        event = record.dagster_event
        if event is not None and record.step_key is None:
            named = event.engine_event_data.metadata.get("pid")
            if named is not None and named.value == pid:
                return True
    return False


def require_free_week(connection: Connection, instance: DagsterInstance, week: date, now: datetime) -> None:
    """Raise RunDeclinedError if a weekly run of `week` has to wait for other runs; closes rows of lost runs.

    It waits for active runs, and for runs that Dagster has queued for this week or an earlier one.
    """
    refuse_conflicts(lost_runs.close_lost(connection, instance, now), week, publishes=True)
    for other_week, run in lost_runs.not_yet_started(connection, instance):
        if other_week == week or (other_week < week and runs.publishes_matches(run)):
            raise RunDeclinedError(
                f"Run {run.run_id} of week {other_week} is {run.status.value.lower()} in Dagster and comes first. "
                f"Start week {week} when it is finished, or cancel it (matchme cancel {run.run_id})."
            )


def refuse_conflicts(others: Sequence[RunningRow], week: date | None, publishes: bool) -> None:
    """Raise RunDeclinedError if one of `others` works on `week`, or also publishes matches."""
    for other in others:
        if week is not None and other.week == week:
            raise RunDeclinedError(
                f"Week {week} is being materialised by run {other.dagster_run_id} since "
                f"{other.started_at:%Y-%m-%d %H:%M} UTC. Wait for it, or cancel it (matchme cancel "
                f"{other.dagster_run_id}), then start again."
            )
        if publishes and other.publishes_matches:
            raise RunDeclinedError(
                f"Run {other.dagster_run_id} is working on week {other.week}, and weeks publish their matches one "
                f"after another, because no pair may be shown twice. Start week {week} when it is "
                "finished."
            )
