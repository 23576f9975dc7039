"""The run's row in `batch_run_history`: opened by the run's first step, closed truthfully however it ends."""

from datetime import date
from typing import Any

from dagster import DagsterRun, InitResourceContext

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.operations import queries

PARTITION_TAG = "dagster/partition"
WEEKLY_JOB = "weekly_batch"
DAILY_JOB = "daily_incremental"


class RecordedDatabaseResource(DatabaseResource):
    """The database of a run: whichever of its steps comes first writes the run's row."""

    def setup_for_execution(self, context: InitResourceContext) -> None:
        """Open the run's row; does nothing outside a run."""
        if context.run is not None:
            with self.connect() as connection:
                open_run(connection, context.run)


def open_run(connection: Connection, run: DagsterRun) -> None:
    """Write the row of `run` unless it is there."""
    queries.open_run(connection, run.run_id, run_type(run.job_name), week_of_run(run))


def close_run(connection: Connection, run: DagsterRun, status: str, error: str | None = None) -> queries.RunTotals:
    """Write the final figures and `status` (completed, failed, cancelled) of `run`."""
    open_run(connection, run)
    totals = queries.run_totals(connection, run.run_id)
    errors = queries.run_errors(connection, run.run_id)
    if error is not None:
        errors.insert(0, {"job_type": "run", "error": error, "jobs": "0"})
    queries.save_run(connection, run.run_id, totals, errors, status, _metadata(run))
    return totals


def run_type(job_name: str) -> str:
    """`weekly_full`, `daily_incremental` or `manual`, by the job's name."""
    return {WEEKLY_JOB: "weekly_full", DAILY_JOB: "daily_incremental"}.get(job_name, "manual")


def week_of_run(run: DagsterRun) -> date | None:
    """The partition that `run` materialises, None for a run without one."""
    key = run.tags.get(PARTITION_TAG)
    return date.fromisoformat(key) if key else None


def _metadata(run: DagsterRun) -> dict[str, Any]:
    return {"job": run.job_name, "backfill": run.tags.get("dagster/backfill")}
