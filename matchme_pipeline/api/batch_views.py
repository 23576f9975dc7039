"""Runs as the API shows them."""

from typing import Any

from matchme_pipeline.api.models import Run, TriggerState
from matchme_pipeline.api.problems import ProblemError
from matchme_pipeline.api.queries import batch, triggers
from matchme_pipeline.api.queries.batch import RunRow
from matchme_pipeline.api.service import Service
from matchme_pipeline.database.stored_values import json_objects
from matchme_pipeline.operations.run_ids import history_id


def run_view(row: RunRow, for_admin: bool) -> Run:
    """The run; only administrators see tokens, cost and errors."""
    shown: dict[str, Any] = {"tokens_used": None, "cost_usd": None, "errors": None}
    if for_admin:
        shown = {"errors": json_objects(row.errors)}
    return Run.model_validate(vars(row) | shown)


def trigger_state(shared: Service, dagster_run_id: str) -> TriggerState:
    """The state of a requested run. Raises ProblemError 404 for an unknown run, DagsterUnavailableError."""
    with shared.connection() as connection:
        asked = triggers.outcome(connection, dagster_run_id)
        row = batch.run_of(connection, dagster_run_id)
    known = shared.dagster.state(dagster_run_id)
    if known.is_on_its_way or asked is None or asked.state != "launching":
        state = known.status or (asked and asked.state) or (row and row.status)
    else:
        state = asked.state
    if state is None:
        raise ProblemError(404, "no-such-run", f"there is no run {dagster_run_id}")
    return TriggerState(
        dagster_run_id=dagster_run_id,
        history_id=row.id if row else history_id(dagster_run_id),
        state=state,
        error=asked.error if asked else None,
        run=run_view(row, for_admin=True) if row else None,
    )
