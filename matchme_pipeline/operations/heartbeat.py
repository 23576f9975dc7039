"""A step's heartbeat: writes its run's figures every few seconds while the step works."""

import logging
import os
import threading
from collections.abc import Callable
from multiprocessing import parent_process

import psycopg

from matchme_pipeline.errors import DatabaseUnavailableError

_POLL_SECONDS = 1.0
_log = logging.getLogger(__name__)


class Heartbeat:
    """Calls `beat` every `interval_seconds` until it is stopped; tolerates a database that does not answer for a while.

    A step whose run's process is gone ends itself, because the run is over and another run may work on its week.
    """

    def __init__(self, beat: Callable[[], object], interval_seconds: float) -> None:
        self._beat = beat
        self._interval = interval_seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Start; the first beat follows after one interval."""
        self._thread.start()

    def stop(self) -> None:
        """Stop; returns after the last beat has ended."""
        self._stopped.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        waited = 0.0
        while not self._stopped.wait(min(_POLL_SECONDS, self._interval)):
            parent = parent_process()
            if parent is not None and not parent.is_alive():
                os._exit(1)
            waited += min(_POLL_SECONDS, self._interval)
            if waited >= self._interval:
                waited = 0.0
                log_database_errors(self._beat)


def log_database_errors(write: Callable[[], object]) -> None:
    """Call `write`; log a database error, because a failed status update must not end the run."""
    try:
        write()
    except (psycopg.Error, DatabaseUnavailableError) as error:
        _log.warning("a run's heartbeat could not be written: %s", str(error).splitlines()[0] if str(error) else "")
