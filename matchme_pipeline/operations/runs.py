"""The run's row in `batch_run_history`: opened, and closed with its final figures."""

from datetime import date
from typing import Any

from dagster import AssetKey, DagsterRun

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.operations import queries, run_queries

PARTITION_TAG = "dagster/partition"
WEEKLY_JOB = "weekly_batch"
DAILY_JOB = "daily_incremental"
MATCHES = AssetKey("weekly_matches")


def open_run(connection: Connection, run: DagsterRun, worker: str | None = None) -> None:
    """Write the row of `run` unless it is there."""
    run_queries.insert_running(
        connection, run.run_id, run_type(run.job_name), week_of_run(run), worker, publishes_matches(run)
    )


def close_run(
    connection: Connection, run: DagsterRun, status: str, error: str | None = None, **metadata: bool | str
) -> queries.RunTotals:
    """Write the final figures and `status` (completed, failed, cancelled) of `run`.

    `metadata` is stored with the row: `summary` for a completely materialised week, `declined` for a run that left its
    week to another one, `stopped_by` for the reason why a stage ended early.
    """
    with connection.transaction():
        open_run(connection, run)
        return close_row(connection, run.run_id, status, error, {**_metadata(run), **metadata})


def close_row(
    connection: Connection,
    dagster_run_id: str,
    status: str,
    error: str | None = None,
    metadata: dict[str, Any] | None = None,
) -> queries.RunTotals:
    """Close a row whose run Dagster may not know any more."""
    totals = queries.run_totals(connection, dagster_run_id)
    errors = queries.run_errors(connection, dagster_run_id)
    if error is not None:
        errors.insert(0, {"job_type": "run", "error": error, "jobs": "0"})
    queries.save_run(connection, dagster_run_id, totals, errors, status, metadata or {})
    return totals


def run_type(job_name: str) -> str:
    """`weekly_full`, `daily_incremental` or `manual`, by the job's name."""
    return {WEEKLY_JOB: "weekly_full", DAILY_JOB: "daily_incremental"}.get(job_name, "manual")


def week_of_run(run: DagsterRun) -> date | None:
    """The partition that `run` materialises, None for a run without one."""
    key = run.tags.get(PARTITION_TAG)
    return date.fromisoformat(key) if key else None


def publishes_matches(run: DagsterRun) -> bool:
    """Whether `run` materialises the week's matches."""
    # A job that runs as a whole has no selection: None through the daemon, an empty set in the command's own process.
    if run.asset_selection:
        return MATCHES in run.asset_selection
    return run.job_name == WEEKLY_JOB


def _metadata(run: DagsterRun) -> dict[str, Any]:
    return {"job": run.job_name, "backfill": run.tags.get("dagster/backfill"), "retry_of": run.root_run_id}
