"""The database resource of a run: the first step opens the run's row, every step writes its heartbeat, the last step
closes it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from dagster import DagsterEventType, DagsterInstance, DagsterRun, InitResourceContext
from pydantic import PrivateAttr

from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.operations import run_queries, runs
from matchme_pipeline.operations.heartbeat import Heartbeat, log_database_errors
from matchme_pipeline.operations.liveness import HEARTBEAT_SECONDS, End
from matchme_pipeline.operations.run_errors import end_of_failure
from matchme_pipeline.operations.run_locks import acquire_run_lock

_STEP_ENDS = {DagsterEventType.STEP_SUCCESS, DagsterEventType.STEP_FAILURE, DagsterEventType.STEP_SKIPPED}
_RESOURCES_READY = {DagsterEventType.RESOURCE_INIT_STARTED, DagsterEventType.RESOURCE_INIT_SUCCESS}


class RecordedDatabaseResource(DatabaseResource):
    """The database resource of a run: its first step opens the run's row, and every step writes the heartbeat."""

    _heartbeat: Heartbeat | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: InitResourceContext) -> None:
        """Open the run's row and start its heartbeat; does nothing outside a run. Raises RunDeclinedError."""
        run = context.run
        if run is None or context.instance is None:
            return
        with self.connect() as connection:
            acquire_run_lock(connection, context.instance, run, datetime.now(UTC))
        self._heartbeat = Heartbeat(lambda: self._record_progress(run.run_id), HEARTBEAT_SECONDS)
        self._heartbeat.start()

    def teardown_after_execution(self, context: InitResourceContext) -> None:
        """Stop the heartbeat, record the step's results, and close the row after the run's last step."""
        run, instance = context.run, context.instance
        if self._heartbeat is None or run is None or instance is None:
            return
        self._heartbeat.stop()
        end = end_after_step(instance, run)

        def write() -> None:
            if end is None:
                self._record_progress(run.run_id)
                return
            with self.connect() as connection:
                if run_queries.status_of(connection, run.run_id) == "running":
                    runs.close_run(connection, run, end.status, end.error)

        log_database_errors(write)

    def _record_progress(self, dagster_run_id: str) -> None:
        with self.connect() as connection:
            run_queries.record_progress(connection, dagster_run_id)


def end_after_step(instance: DagsterInstance, run: DagsterRun) -> End | None:
    """The end of `run` if the step that has just ended was its last one; None if other steps follow.

    If all steps share one process, or only one is planned, this is the end in any case. If each step has its own
    process, the run is over when every planned step has succeeded; Dagster records failures, because it knows which
    steps still run.

    A process that executes several steps initialises its resources for no particular step, with every executor. Not
    every executor records that it starts a process for a step (Celery and Dask do not).
    """
    planned = _planned_steps(instance, run)
    kinds: dict[str, set[DagsterEventType]] = {}
    is_shared_process = False
    for record in instance.all_logs(run.run_id, of_type=_STEP_ENDS | _RESOURCES_READY):
        if record.dagster_event is None:
            continue
        if record.step_key is not None:
            kinds.setdefault(record.step_key, set()).add(record.dagster_event.event_type)
        elif record.dagster_event.event_type in _RESOURCES_READY:
            is_shared_process = True
    is_over = is_shared_process or len(planned) == 1
    if any(DagsterEventType.STEP_FAILURE in seen for seen in kinds.values()):
        return end_of_failure(instance, run) if is_over else None
    succeeded = {step for step, seen in kinds.items() if DagsterEventType.STEP_SUCCESS in seen}
    if succeeded.issuperset(planned) and succeeded:
        return End("completed")
    return End("cancelled", "the run was interrupted") if is_over else None


def _planned_steps(instance: DagsterInstance, run: DagsterRun) -> Sequence[str]:
    if run.step_keys_to_execute is not None:
        return list(run.step_keys_to_execute)
    if run.execution_plan_snapshot_id is None:
        return []
    return list(instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id).step_keys_to_execute)
