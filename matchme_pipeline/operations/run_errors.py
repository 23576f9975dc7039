"""The reason of a run's failure, from Dagster's events: the innermost cause in one sentence."""

import re

from dagster import DagsterEventType, DagsterInstance, DagsterRun
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster_shared.error import SerializableErrorInfo

from matchme_pipeline.errors import RunDeclinedError
from matchme_pipeline.operations.liveness import PROCESS_TAG, End

_FAILURES = {DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE}


def first_error(instance: DagsterInstance, dagster_run_id: str) -> str | None:
    """The first error of the run with its step; None if no event has an error."""
    for step, error in _errors(instance, dagster_run_id):
        return f"{step}: {_sentence(error)}" if step else _sentence(error)
    return None


def end_of_failure(instance: DagsterInstance, run: DagsterRun) -> End:
    """The recorded end of a run that Dagster calls failed.

    A run that left its week to another run, or that a person interrupted, has not failed. Only runs of the command are
    interrupted by a person; a daemon's run is interrupted when its machine stops.
    """
    error = first_error(instance, run.run_id)
    kinds = {error.cls_name for _, error in _errors(instance, run.run_id)}
    if RunDeclinedError.__name__ in kinds:
        return End("cancelled", error, declined=True)
    if PROCESS_TAG in run.tags and DagsterExecutionInterruptedError.__name__ in kinds:
        return End("cancelled", "interrupted by a person")
    return End("failed", error or _noticed_end(instance, run.run_id))


def _noticed_end(instance: DagsterInstance, dagster_run_id: str) -> str | None:
    """Dagster's message for a run whose end it noticed from outside."""
    events = [
        record.dagster_event for record in instance.all_logs(dagster_run_id, of_type=DagsterEventType.RUN_FAILURE)
    ]
    return next((event.message for event in events if event is not None and event.message), None)


def _errors(instance: DagsterInstance, dagster_run_id: str) -> list[tuple[str | None, SerializableErrorInfo]]:
    found = []
    for record in instance.all_logs(dagster_run_id, of_type=_FAILURES):
        event = record.dagster_event
        if event is None:
            continue
        data = event.step_failure_data if event.is_step_failure else event.job_failure_data
        # If another process marked the run as failed (a killed process, a lost machine), there is no data.
        if data is not None and data.error is not None:
            found.append((record.step_key, _innermost(data.error)))
    return found


def _innermost(error: SerializableErrorInfo) -> SerializableErrorInfo:
    while error.cause is not None:
        error = error.cause
    return error


def _sentence(error: SerializableErrorInfo) -> str:
    text = (error.message.strip() or "no error recorded").splitlines()[0]
    # The pipeline's own errors are sentences already; the class name before them does not help.
    return re.sub(r"^matchme_pipeline\.errors\.\w+: ", "", text)
