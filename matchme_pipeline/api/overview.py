"""What waits: the queue's jobs by state, Dagster's queue, and what an operator should know of both."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from matchme_pipeline.api.dagster_runs import DagsterRuns, DagsterUnavailableError
from matchme_pipeline.api.models import QueueSummary
from matchme_pipeline.api.queries import batch
from matchme_pipeline.database.connection import Connection

NO_DAEMON = "No Dagster daemon is at work: runs wait in the queue until one starts (`matchme dev`, or dagster-daemon)."
NO_DAGSTER = "Dagster's storage does not answer: runs can be neither started nor cancelled, and its queue is not known."


@dataclass(frozen=True)
class Overview:
    """The queue's counts, how many runs wait in Dagster (None: unknown), and what an operator should know."""

    queue: QueueSummary
    queued_runs: int | None
    notes: list[str]


def overview(connect: Callable[[], AbstractContextManager[Connection]], dagster: DagsterRuns) -> Overview:
    """Counts every job in the table, by type and state."""
    with connect() as connection:
        counts = batch.queue_counts(connection)
    by_type: dict[str, dict[str, int]] = {}
    totals = dict.fromkeys(("pending", "processing", "retry", "failed", "completed"), 0)
    for job_type, status, jobs in counts:
        by_type.setdefault(job_type, {})[status] = jobs
        totals[status] += jobs
    queue = QueueSummary(**totals, by_type=by_type)
    try:
        queued = dagster.queued()
        return Overview(queue, queued, daemon_notes(dagster) if queued else [])
    except DagsterUnavailableError:
        return Overview(queue, None, [NO_DAGSTER])


def daemon_notes(dagster: DagsterRuns) -> list[str]:
    """What the caller should know about a run that waits. Raises DagsterUnavailableError."""
    return [] if dagster.daemon_is_alive() else [NO_DAEMON]
