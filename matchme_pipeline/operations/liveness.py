"""Whether a run that its row calls `running` is alive: by its process where it has one, the others by heartbeat."""

import os
import platform
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from multiprocessing import parent_process
from typing import Literal

import psutil
from dagster import DagsterRunStatus

# A step's process writes the heartbeat; between two steps on a crowded machine there is none for up to a minute, and a
# step that waits for a place in a pool has no process at all. A quarter of an hour is also the queue's lease.
STALE_AFTER = timedelta(minutes=15)
HEARTBEAT_SECONDS = 15.0
# Which process runs a run that the command started: `host:pid`. Tells of runs that were killed before their first step.
PROCESS_TAG = "matchme/process"

# Queued or at work, here or anywhere.
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
    """How a run ended; `declined` where it left its week to another one."""

    status: Literal["completed", "failed", "cancelled"]
    error: str | None = None
    declined: bool = False


def end_of(row: RunningRow, dagster_status: DagsterRunStatus | None, now: datetime) -> End | None:
    """How the run of `row` ended; None while it may still be at work.

    `dagster_status` is what Dagster's storage says, None where it knows no such run.
    """
    if dagster_status in ENDED:
        return End(ENDED[dagster_status])
    seen = process_lives(row.worker, row.started_at)
    if seen is False:
        return End("failed", "the process that ran it is gone")
    last_sign = row.heartbeat_at or row.started_at
    if seen is None and now - last_sign > STALE_AFTER:
        return End("failed", f"no sign of life since {last_sign:%Y-%m-%d %H:%M} UTC")
    return None


def this_worker() -> str:
    """`host:pid` of the process behind this run: this one, or the one that started it for a single step."""
    parent = parent_process()
    return f"{platform.node()}:{parent.pid if parent is not None else os.getpid()}"


def process_lives(worker: str | None, since: datetime) -> bool | None:
    """Whether the process `host:pid` lives and is the one that lived at `since`; None where it cannot be seen."""
    host, _, pid = (worker or "").rpartition(":")
    if host != platform.node() or not pid.isdigit():
        return None
    try:
        process = psutil.Process(int(pid))
        # A process that began after the run is another one under the same number; clocks differ by a moment.
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= since.timestamp() + 2
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return None
