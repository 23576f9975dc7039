"""Runs and the queue as the API shows them."""

from typing import Any

from matchme_pipeline.api.models import QueueSummary, Run, TriggerState
from matchme_pipeline.api.problems import ProblemError
from matchme_pipeline.api.queries import batch
from matchme_pipeline.api.queries.batch import RunRow
from matchme_pipeline.api.service import Service
from matchme_pipeline.operations.run_ids import history_id

NO_DAEMON = "No Dagster daemon is at work: runs wait in the queue until one starts (`matchme dev`, or dagster-daemon)."


def run_view(row: RunRow, for_admin: bool) -> Run:
    """The run; tokens, cost and errors for administrators alone."""
    hidden: dict[str, Any] = {} if for_admin else {"tokens_used": None, "cost_usd": None, "errors": None}
    return Run.model_validate(vars(row) | hidden)


def queue_summary(shared: Service) -> tuple[QueueSummary, int, list[str]]:
    """The queue's counts, how many runs wait in Dagster, and what an operator should know."""
    with shared.connection() as connection:
        counts = batch.queue_counts(connection)
    by_type: dict[str, dict[str, int]] = {}
    totals = dict.fromkeys(("pending", "processing", "retry", "failed", "completed"), 0)
    for job_type, status, jobs in counts:
        by_type.setdefault(job_type, {})[status] = jobs
        totals[status] += jobs
    queued = shared.dagster.queued()
    notes = [NO_DAEMON] if queued and not shared.dagster.daemon_is_alive() else []
    return QueueSummary(**totals, by_type=by_type), queued, notes


def trigger_state(shared: Service, dagster_run_id: str, for_admin: bool) -> TriggerState:
    """What became of a run. Raises ProblemError 404 where neither we nor Dagster know it."""
    with shared.connection() as connection:
        asked = batch.trigger_of(connection, dagster_run_id)
        row = batch.run_of(connection, dagster_run_id)
    known = shared.dagster.state(dagster_run_id)
    if asked is None and row is None and known.status is None:
        raise ProblemError(404, "no-such-run", f"there is no run {dagster_run_id}")
    state = known.status or (asked[0] if asked else str(row and row.status))
    return TriggerState(
        dagster_run_id=dagster_run_id,
        history_id=row.id if row else history_id(dagster_run_id),
        state=state,
        error=asked[1] if asked else None,
        run=run_view(row, for_admin) if row else None,
    )
