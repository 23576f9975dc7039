"""Cancels a queued or active run, wherever it was started."""

import os
import signal
from enum import StrEnum

from dagster import DagsterError, DagsterInstance, DagsterRunStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

from matchme_pipeline.operations.liveness import PROCESS_TAG, is_process_alive


class Cancellation(StrEnum):
    """The result of a cancellation."""

    ASKED = "asked"
    UNKNOWN = "unknown"
    OVER = "over"
    UNREACHABLE = "out of reach"


def cancel(instance: DagsterInstance, dagster_run_id: str) -> Cancellation:
    """Cancel a run through Dagster, or through the process of a run that the command started, as Ctrl-C would.

    A run whose process is on another machine stays unchanged: it must not be marked as cancelled while it works. If
    Dagster launched the run and its process is gone, the request counts as made; the daemon's run monitoring ends the
    run.
    """
    record = instance.get_run_record_by_id(dagster_run_id)
    if record is None:
        return Cancellation.UNKNOWN
    run = record.dagster_run
    if run.is_finished:
        return Cancellation.OVER
    if run.status == DagsterRunStatus.CANCELING:
        return Cancellation.ASKED
    worker = run.tags.get(PROCESS_TAG)
    # Dagster can end runs in its queue, and runs of its own servers.
    if run.status == DagsterRunStatus.QUEUED or (worker is None and GRPC_INFO_TAG in run.tags):
        return _ask_dagster(instance, dagster_run_id)
    if worker is not None and is_process_alive(worker, record.create_timestamp):
        os.kill(int(worker.rpartition(":")[2]), signal.SIGINT)
        return Cancellation.ASKED
    return Cancellation.UNREACHABLE


def _ask_dagster(instance: DagsterInstance, dagster_run_id: str) -> Cancellation:
    try:
        is_asked = bool(instance.run_coordinator and instance.run_coordinator.cancel_run(dagster_run_id))
    except DagsterError:
        is_asked = False
    run = instance.get_run_by_id(dagster_run_id)
    is_ending = run is not None and run.status == DagsterRunStatus.CANCELING
    return Cancellation.ASKED if is_asked or is_ending else Cancellation.UNREACHABLE
