"""Decides whether a run with status `running` is alive: by its process if it has one, otherwise by its heartbeat."""

import os
import platform
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from multiprocessing import parent_process
from typing import Literal

import psutil
from dagster import DagsterRunStatus

# A step's process writes the heartbeat. Between two steps on a busy machine there is none for up to a minute, and a
# step that waits for a place in a pool has no process. The queue's lease has the same length.
STALE_AFTER = timedelta(minutes=15)
HEARTBEAT_SECONDS = 15.0
# The process of a run that the command started: `host:pid`. Identifies runs that were killed before their first step.
PROCESS_TAG = "matchme/process"

# Queued or active, on this machine or elsewhere.
UNFINISHED = (
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
)
ENDED: dict[DagsterRunStatus, Literal["completed", "failed", "cancelled"]] = {
    DagsterRunStatus.SUCCESS: "completed",
    DagsterRunStatus.FAILURE: "failed",
    DagsterRunStatus.CANCELED: "cancelled",
}


@dataclass(frozen=True)
class RunningRow:
    """A row of `batch_run_history` in status `running`; `worker` is `host:pid` of the process that lives as long."""

    dagster_run_id: str | None
    week: date | None
    started_at: datetime
    heartbeat_at: datetime | None
    worker: str | None
    publishes_matches: bool


@dataclass(frozen=True)
class End:
    """The end of a run; `declined` if it left its week to another run."""

    status: Literal["completed", "failed", "cancelled"]
    error: str | None = None
    declined: bool = False


def end_of(row: RunningRow, dagster_status: DagsterRunStatus | None, now: datetime) -> End | None:
    """The end of the run of `row`; None while it may be active.

    `dagster_status` is the status in Dagster's storage, None if it has no such run.
    """
    if dagster_status in ENDED:
        return End(ENDED[dagster_status])
    seen = is_process_alive(row.worker, row.started_at)
    if seen is False:
        return End("failed", "the process that ran it is gone")
    last_sign = row.heartbeat_at or row.started_at
    if seen is None and now - last_sign > STALE_AFTER:
        return End("failed", f"no heartbeat since {last_sign:%Y-%m-%d %H:%M} UTC")
    return None


def this_worker() -> str:
    """`host:pid` of the run's process: this process, or the one that started it for a single step."""
    parent = parent_process()
    return f"{platform.node()}:{parent.pid if parent is not None else os.getpid()}"


def is_process_alive(worker: str | None, since: datetime) -> bool | None:
    """Does the process `host:pid` exist since `since`? None if this cannot be determined."""
    host, _, pid = (worker or "").rpartition(":")
    if host != platform.node() or not pid.isdigit():
        return None
    try:
        process = psutil.Process(int(pid))
        # A process that started after the run is another one with the same number; clocks differ slightly.
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= since.timestamp() + 2
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return None
