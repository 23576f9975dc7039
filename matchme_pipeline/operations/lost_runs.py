"""Runs that ended without a record of it: killed processes, lost machines, a stopped daemon."""

from datetime import date, datetime, timedelta

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.operations import run_queries, runs
from matchme_pipeline.operations.liveness import PROCESS_TAG, UNFINISHED, End, RunningRow, end_of, is_process_alive
from matchme_pipeline.operations.pools import free_pools
from matchme_pipeline.operations.run_errors import end_of_failure

# Rows of an earlier version of the pipeline name no run; no run takes a day.
_FOREIGN_ROWS_AFTER = timedelta(days=1)
_WAITING = [status for status in UNFINISHED if status is not DagsterRunStatus.CANCELING]


def close_lost(connection: Connection, instance: DagsterInstance, now: datetime) -> list[RunningRow]:
    """Close every row with status running whose run is over; returns the rows of active runs.

    It also ends such runs in Dagster and frees their places in pools.
    """
    alive = []
    run_queries.end_rows_without_run(connection, now - _FOREIGN_ROWS_AFTER)
    for row in run_queries.running_rows(connection):
        if row.dagster_run_id is None:
            continue
        run = instance.get_run_by_id(row.dagster_run_id)
        end = end_of(row, run.status if run is not None else None, now)
        if end is None:
            alive.append(row)
            continue
        if run is not None and run.status == DagsterRunStatus.FAILURE:
            end = end_of_failure(instance, run)
        _close(connection, instance, row.dagster_run_id, end)
    return alive


def not_yet_started(connection: Connection, instance: DagsterInstance) -> list[tuple[date, DagsterRun]]:
    """Weeks and runs that Dagster has queued or started and that have not reached their first step.

    Runs of the command whose process is gone are reported as failed and left out.
    """
    coming = []
    for run in instance.get_runs(RunsFilter(statuses=_WAITING)):
        week = runs.week_of_run(run)
        if week is None or run_queries.status_of(connection, run.run_id) is not None:
            continue
        created = instance.get_run_record_by_id(run.run_id)
        if created is not None and is_process_alive(run.tags.get(PROCESS_TAG), created.create_timestamp) is False:
            instance.report_run_failed(run, "Closed by the pipeline: the process that ran it is gone")
            free_pools(instance, run.run_id)
            continue
        coming.append((week, run))
    return coming


def _close(connection: Connection, instance: DagsterInstance, dagster_run_id: str, end: End) -> None:
    run = instance.get_run_by_id(dagster_run_id)
    declined = {"declined": True} if end.declined else {}
    with connection.transaction():
        if end.error is not None:
            run_queries.end_at_last_sign(connection, dagster_run_id)
        if run is not None:
            runs.close_run(connection, run, end.status, end.error, **declined)
        else:
            runs.close_row(connection, dagster_run_id, end.status, end.error)
    if run is not None and not run.is_finished:
        instance.report_run_failed(run, f"Closed by the pipeline: {end.error}")
    free_pools(instance, dagster_run_id)
