"""Runs in Dagster, requested as by any client: launch into the queue, look up, cancel."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from time import monotonic
from uuid import uuid4

import psycopg2
from dagster import DagsterError, DagsterInstance, DagsterRunStatus, RunsFilter
from sqlalchemy.exc import SQLAlchemyError

from matchme_pipeline.api.queries.triggers import Trigger
from matchme_pipeline.database import files
from matchme_pipeline.operations import cancellation, runs
from matchme_pipeline.operations.liveness import UNFINISHED
from matchme_pipeline.operations.report.collect import warned_checks
from matchme_pipeline.operations.report.content import WarnedCheck

# `dagster job launch` loads the code location before it queues the run: five seconds, longer on a busy machine.
LAUNCH_TIMEOUT_SECONDS = 120
STEP_SECONDS = 5
REQUESTED_BY_TAG = "matchme/requested_by"
_JOBS = {"weekly_full": runs.WEEKLY_JOB, "daily_incremental": runs.DAILY_JOB}


class LaunchError(Exception):
    """Dagster did not take the run."""


class DagsterUnavailableError(Exception):
    """Dagster's storage does not answer."""


@dataclass(frozen=True)
class DagsterState:
    """Dagster's state of a run: its status in lower case, None for an unknown run."""

    status: str | None
    is_unfinished: bool

    @property
    def is_on_its_way(self) -> bool:
        """Has the run reached Dagster's queue? An interrupted launch may leave a run that has not."""
        return self.status not in (None, DagsterRunStatus.NOT_STARTED.value.lower())


class DagsterRuns:
    """Access to Dagster: reads through its instance and launches through its command. Needs no webserver.

    Every method raises DagsterUnavailableError if Dagster's storage does not answer.
    """

    def __init__(self, instance: DagsterInstance | None = None) -> None:
        self._given = instance
        self._command: subprocess.Popen[str] | None = None
        self._is_broken_off = False

    @cached_property
    def _instance(self) -> DagsterInstance:
        return self._given or DagsterInstance.get()

    def new_run_id(self) -> str:
        """An id for a run to be launched."""
        return str(uuid4())

    def unfinished(self, run_type: str, week: date) -> str | None:
        """The id of a queued or active run of this type and week."""
        wanted = RunsFilter(
            job_name=_JOBS[run_type], tags={runs.PARTITION_TAG: week.isoformat()}, statuses=list(UNFINISHED)
        )
        with _answering():
            found = self._instance.get_runs(wanted, limit=1)
        return found[0].run_id if found else None

    def queued(self) -> int:
        """How many runs wait in Dagster's queue."""
        with _answering():
            return self._instance.get_runs_count(RunsFilter(statuses=[DagsterRunStatus.QUEUED]))

    def state(self, dagster_run_id: str) -> DagsterState:
        """Dagster's state of the run."""
        with _answering():
            run = self._instance.get_run_by_id(dagster_run_id)
        if run is None:
            return DagsterState(None, False)
        return DagsterState(run.status.value.lower(), run.status in UNFINISHED)

    def forget(self, dagster_run_id: str) -> None:
        """Remove a run that was never queued, so that it can be launched again under its id."""
        with _answering():
            self._instance.delete_run(dagster_run_id)

    def daemon_is_alive(self) -> bool:
        """Does a daemon take runs from the queue?"""
        with _answering():
            status = self._instance.get_daemon_statuses(["QUEUED_RUN_COORDINATOR"])["QUEUED_RUN_COORDINATOR"]
        return bool(status.healthy)

    def warned_checks(self, run_ids: Sequence[str]) -> list[WarnedCheck]:
        """Checks whose newest evaluation in these runs did not pass."""
        with _answering():
            return warned_checks(self._instance, run_ids)

    def cancel(self, dagster_run_id: str) -> bool:
        """Cancel a run; False, with nothing changed, if it cannot be ended from here."""
        with _answering():
            return cancellation.cancel(self._instance, dagster_run_id) is cancellation.Cancellation.ASKED

    def launch(self, trigger: Trigger, renew_lease: Callable[[], None]) -> None:
        """Put a run into Dagster's queue, tagged with its week and its requester.

        `renew_lease` is called every few seconds until Dagster has accepted it. Raises LaunchError.
        """
        tags = {runs.PARTITION_TAG: trigger.week.isoformat(), REQUESTED_BY_TAG: trigger.requested_by}
        arguments = ["job", "launch", "-w", str(files.dagster_home() / "workspace.yaml"), "-j", _JOBS[trigger.run_type]]
        arguments += ["--run-id", trigger.dagster_run_id, "--tags", json.dumps(tags)]
        # In its own session, so that Ctrl-C at the terminal only reaches the service.
        with subprocess.Popen(
            [sys.executable, "-m", "dagster", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as command:
            self._command = command
            if self._is_broken_off:
                command.kill()
            try:
                errors = _wait_for(command, renew_lease)
            finally:
                command.kill()
                self._command = None
        if command.returncode != 0:
            lines = [line for line in errors.splitlines() if "Error" in line] or ["no reason was given"]
            raise LaunchError(lines[-1].strip()[:300])

    def break_off(self) -> None:
        """Interrupt an active launch, and every later one."""
        self._is_broken_off = True
        if (command := self._command) is not None:
            command.kill()


def _wait_for(command: "subprocess.Popen[str]", renew_lease: Callable[[], None]) -> str:
    """The output of the command when it ends."""
    until = monotonic() + LAUNCH_TIMEOUT_SECONDS
    while True:
        try:
            return command.communicate(timeout=STEP_SECONDS)[1]
        except subprocess.TimeoutExpired:
            if monotonic() > until:
                message = f"Dagster's command did not answer within {LAUNCH_TIMEOUT_SECONDS} seconds"
                raise LaunchError(message) from None
            renew_lease()


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, psycopg2.Error, DagsterError) as error:
        raise DagsterUnavailableError(type(error).__name__) from error
