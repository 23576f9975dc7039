"""Launches requested runs in Dagster, oldest request first; continues the work of an ended process."""

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from matchme_pipeline.api.dagster_runs import STEP_SECONDS, DagsterRuns, LaunchError
from matchme_pipeline.api.queries import triggers
from matchme_pipeline.api.queries.triggers import Trigger
from matchme_pipeline.database.connection import Connection

# A launch belongs to its process for this long after its last heartbeat; then another process continues it.
LEASE_SECONDS = 6 * STEP_SECONDS
POLL_SECONDS = 15.0
_log = logging.getLogger(__name__)


class Launches:
    """Works through `api_triggers` in its own thread. The table holds all requests, so none is lost."""

    def __init__(self, connection: Callable[[], AbstractContextManager[Connection]], dagster: DagsterRuns) -> None:
        self._connection = connection
        self._dagster = dagster
        self._wake = threading.Event()
        self._ended = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start with the remaining launches of an ended process."""
        self._thread = threading.Thread(target=self._work, name="launches", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Signal that a run is waiting."""
        self._wake.set()

    def close(self) -> None:
        """Stop; an active launch is interrupted, and the next process continues it."""
        self._ended = True
        self._wake.set()
        self._dagster.break_off()
        if self._thread is not None:
            self._thread.join()

    def launch_next(self) -> bool:
        """Launch the oldest waiting run; returns whether there was one."""
        with self._connection() as connection:
            trigger = triggers.claim(connection, LEASE_SECONDS)
        if trigger is None:
            return False
        error = self._launch(trigger)
        with self._connection() as connection:
            if self._ended and error is not None:
                triggers.release(connection, trigger.dagster_run_id)
                return False
            triggers.end(connection, trigger.dagster_run_id, error)
        if error is not None:
            _log.error("run %s was not launched; GET /api/batch/runs says why", trigger.dagster_run_id)
        return True

    def _launch(self, trigger: Trigger) -> str | None:
        """Put the run into Dagster's queue unless it is there; returns the reason of a failure, or None."""
        known = self._dagster.state(trigger.dagster_run_id)
        if known.is_on_its_way:
            return None
        # A process that ended in the middle may have launched it partly.
        if known.status is not None:
            self._dagster.forget(trigger.dagster_run_id)
        try:
            self._dagster.launch(trigger, lambda: self._renew(trigger))
        except LaunchError as refused:
            is_there = self._dagster.state(trigger.dagster_run_id).is_on_its_way
            return None if is_there else str(refused)
        return None

    def _renew(self, trigger: Trigger) -> None:
        with self._connection() as connection:
            triggers.renew(connection, trigger.dagster_run_id, LEASE_SECONDS)

    def _work(self) -> None:
        while not self._ended:
            self._wake.clear()
            try:
                while not self._ended and self.launch_next():
                    pass
            except Exception as error:
                # The launch is still in the table, so the next attempt may succeed.
                _log.warning("launching waits: %s", type(error).__name__)
            self._wake.wait(POLL_SECONDS)
