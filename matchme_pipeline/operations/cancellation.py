"""Ending a run that is queued or at work, wherever it was started."""

import os
import signal
from enum import StrEnum

from dagster import DagsterInstance, DagsterRunStatus

from matchme_pipeline.operations.liveness import PROCESS_TAG, process_lives


class Cancellation(StrEnum):
    """What came of asking a run to end."""

    ASKED = "asked"
    UNKNOWN = "unknown"
    OVER = "over"
    OUT_OF_REACH = "out of reach"


def cancel(instance: DagsterInstance, dagster_run_id: str) -> Cancellation:
    """Ask a run to end: Dagster, or the process of a run that the command started, as Ctrl-C would.

    A run whose process is on another machine is left as it is: to call it cancelled while it works would be untrue.
    """
    record = instance.get_run_record_by_id(dagster_run_id)
    if record is None:
        return Cancellation.UNKNOWN
    run = record.dagster_run
    if run.is_finished:
        return Cancellation.OVER
    worker = run.tags.get(PROCESS_TAG)
    if worker is None or run.status == DagsterRunStatus.QUEUED:
        asked = bool(instance.run_coordinator and instance.run_coordinator.cancel_run(dagster_run_id))
        return Cancellation.ASKED if asked else Cancellation.OUT_OF_REACH
    if process_lives(worker, record.create_timestamp):
        os.kill(int(worker.rpartition(":")[2]), signal.SIGINT)
        return Cancellation.ASKED
    return Cancellation.OUT_OF_REACH
