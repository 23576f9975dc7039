"""A step's sign of life: its run's figures are written every few seconds for as long as the step works."""

import logging
import os
import threading
from collections.abc import Callable
from multiprocessing import parent_process

import psycopg

from matchme_pipeline.errors import DatabaseUnavailableError

_LOOK_SECONDS = 1.0
_log = logging.getLogger(__name__)


class Heartbeat:
    """Calls `beat` every `interval_seconds` until it is stopped; a database that is away for a while is waited for.

    A step whose run's process is gone ends itself: the run is over, and another one may be at work on its week.
    """

    def __init__(self, beat: Callable[[], object], interval_seconds: float) -> None:
        self._beat = beat
        self._interval = interval_seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin; the first beat comes after one interval."""
        self._thread.start()

    def stop(self) -> None:
        """No further beats; returns when the last one is over."""
        self._stopped.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        waited = 0.0
        while not self._stopped.wait(min(_LOOK_SECONDS, self._interval)):
            parent = parent_process()
            if parent is not None and not parent.is_alive():
                os._exit(1)
            waited += min(_LOOK_SECONDS, self._interval)
            if waited >= self._interval:
                waited = 0.0
                quietly(self._beat)


def quietly(write: Callable[[], object]) -> None:
    """Do `write`; a database that doesn't answer is logged, because a note on a run must not end the run."""
    try:
        write()
    except (psycopg.Error, DatabaseUnavailableError) as error:
        _log.warning("a run's sign of life could not be written: %s", str(error).splitlines()[0] if str(error) else "")
