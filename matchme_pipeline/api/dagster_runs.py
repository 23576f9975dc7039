"""Runs in Dagster, asked for as any client of it would: launched into its queue, looked up, cancelled."""

import json
import logging
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from uuid import uuid4

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from matchme_pipeline.database import files
from matchme_pipeline.operations import cancellation, runs

# `dagster job launch` loads the code location before it puts the run into the queue: five seconds, on a busy machine
# more.
LAUNCH_TIMEOUT_SECONDS = 120
REQUESTED_BY_TAG = "matchme/requested_by"
UNFINISHED = (
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
)
_JOBS = {"weekly_full": runs.WEEKLY_JOB, "daily_incremental": runs.DAILY_JOB}
_log = logging.getLogger(__name__)


class LaunchError(Exception):
    """Dagster did not take the run."""


@dataclass(frozen=True)
class Launch:
    """One run to launch, and whom to tell how that went (None: well, else why not)."""

    dagster_run_id: str
    week: date
    ended: Callable[[str | None], None]


@dataclass(frozen=True)
class DagsterState:
    """What Dagster knows of a run: its status in lower case, None where it does not know the run."""

    status: str | None
    is_unfinished: bool


class DagsterRuns:
    """The way to Dagster: its instance for what is known, its command for what is new. Needs no webserver."""

    def __init__(self, instance: DagsterInstance | None = None) -> None:
        self._given = instance
        self._launches = ThreadPoolExecutor(1, thread_name_prefix="launch")

    @cached_property
    def _instance(self) -> DagsterInstance:
        return self._given or DagsterInstance.get()

    def new_run_id(self) -> str:
        """An id for a run that is about to be launched."""
        return str(uuid4())

    def unfinished(self, run_type: str, week: date) -> str | None:
        """The id of a run of this type and week that is queued or at work."""
        found = self._instance.get_runs(
            RunsFilter(
                job_name=_JOBS[run_type], tags={runs.PARTITION_TAG: week.isoformat()}, statuses=list(UNFINISHED)
            ),
            limit=1,
        )
        return found[0].run_id if found else None

    def queued(self) -> int:
        """How many runs wait in Dagster's queue."""
        return self._instance.get_runs_count(RunsFilter(statuses=[DagsterRunStatus.QUEUED]))

    def state(self, dagster_run_id: str) -> DagsterState:
        """What Dagster knows of the run."""
        run = self._instance.get_run_by_id(dagster_run_id)
        if run is None:
            return DagsterState(None, False)
        return DagsterState(run.status.value.lower(), run.status in UNFINISHED)

    def daemon_is_alive(self) -> bool:
        """Whether a daemon takes runs from the queue."""
        status = self._instance.get_daemon_statuses(["QUEUED_RUN_COORDINATOR"])["QUEUED_RUN_COORDINATOR"]
        return bool(status.healthy)

    def launch_all(self, run_type: str, requested_by: str, launches: Sequence[Launch]) -> None:
        """Launch runs in the background, in this order; each tells how it went through its own `ended`."""
        for launch in launches:
            self._launches.submit(self._launch, run_type, requested_by, launch)

    def cancel(self, dagster_run_id: str) -> bool:
        """Ask Dagster to end a run; False where it cannot from here."""
        return cancellation.cancel(self._instance, dagster_run_id) is cancellation.Cancellation.ASKED

    def close(self) -> None:
        """Wait for launches under way."""
        self._launches.shutdown(wait=True)

    def _launch(self, run_type: str, requested_by: str, launch: Launch) -> None:
        try:
            self._submit(run_type, requested_by, launch)
        except (LaunchError, OSError, subprocess.TimeoutExpired) as error:
            _log.error("run %s was not launched: %s", launch.dagster_run_id, type(error).__name__)
            launch.ended(str(error) if isinstance(error, LaunchError) else "Dagster's command did not answer")
        else:
            launch.ended(None)

    def _submit(self, run_type: str, requested_by: str, launch: Launch) -> None:
        tags = {runs.PARTITION_TAG: launch.week.isoformat(), REQUESTED_BY_TAG: requested_by}
        command = [sys.executable, "-m", "dagster", "job", "launch", "-w", str(files.dagster_home() / "workspace.yaml")]
        command += ["-j", _JOBS[run_type], "--run-id", launch.dagster_run_id, "--tags", json.dumps(tags)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LAUNCH_TIMEOUT_SECONDS, check=False)
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if "Error" in line] or ["no reason was given"]
            raise LaunchError(lines[-1].strip()[:300])
