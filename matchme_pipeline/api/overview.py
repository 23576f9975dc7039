"""Waiting work: the queue's jobs by state, Dagster's queue, and notes for an operator."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from matchme_pipeline.api.dagster_runs import DagsterRuns, DagsterUnavailableError
from matchme_pipeline.api.models import QueueSummary
from matchme_pipeline.api.queries import batch
from matchme_pipeline.api.queries.batch import RunRow
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.jobs.model import JobStatus

NO_DAEMON = "No Dagster daemon is running: runs wait in the queue until one starts (`matchme dev`, or dagster-daemon)."
NO_DAGSTER = "Dagster's storage does not answer: runs can be neither started nor cancelled, and its queue is not known."


@dataclass(frozen=True)
class Overview:
    """The queue's counts, the number of runs in Dagster's queue (None: unknown), and notes for an operator.

    `over` are runs that have ended although their rows have status running; a daemon records their end.
    """

    queue: QueueSummary
    queued_runs: int | None
    over: frozenset[str | None]
    notes: list[str]


def overview(connect: Callable[[], AbstractContextManager[Connection]], dagster: DagsterRuns) -> Overview:
    """Counts every job in the table, by type and state."""
    with connect() as connection:
        counts = batch.queue_counts(connection)
        running = batch.running(connection)
    by_type: dict[str, dict[str, int]] = {}
    totals = {str(status): 0 for status in JobStatus}
    for job_type, status, jobs in counts:
        by_type.setdefault(job_type, {})[status] = jobs
        totals[status] += jobs
    queue = QueueSummary(**totals, by_type=by_type)
    try:
        queued = dagster.queued()
        over = frozenset(row.dagster_run_id for row in running if _is_over(dagster, row))
        return Overview(queue, queued, over, daemon_notes(dagster) if queued else [])
    except DagsterUnavailableError:
        return Overview(queue, None, frozenset(), [NO_DAGSTER])


def current_run(running: list[RunRow], seen: Overview) -> RunRow | None:
    """The newest active run."""
    return next((row for row in running if row.dagster_run_id not in seen.over), None)


def daemon_notes(dagster: DagsterRuns) -> list[str]:
    """Notes for the caller about a waiting run. Raises DagsterUnavailableError."""
    return [] if dagster.daemon_is_alive() else [NO_DAEMON]


def _is_over(dagster: DagsterRuns, row: RunRow) -> bool:
    if row.dagster_run_id is None:
        return False
    known = dagster.state(row.dagster_run_id)
    return known.status is not None and not known.is_unfinished
