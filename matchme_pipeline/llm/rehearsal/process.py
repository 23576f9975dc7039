"""Finds or starts the rehearsal's server: one process for all rehearsals under the same MATCHME_HOME."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests

from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.llm.rehearsal.server import ADDRESS_FILE

_START_SECONDS = 60
_LOCK_FILE, _LOG_FILE = "rehearsal.lock", "rehearsal.log"


def ensure_running(home: Path) -> str:
    """The server's base URL for a client. Raises ConfigurationError if it does not start."""
    home = home.expanduser().resolve()
    home.mkdir(parents=True, exist_ok=True)
    with (home / _LOCK_FILE).open("w") as lock:
        # Several steps of one run may call this at once; the first one starts the server.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (address := _answering(home)) is not None:
            return f"{address}/v1"
        (home / ADDRESS_FILE).unlink(missing_ok=True)
        with (home / _LOG_FILE).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "matchme_pipeline.llm.rehearsal.server", str(home)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                close_fds=True,
                # It outlives the run that started it, so that the next run can read its batches.
                start_new_session=True,
            )
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until and process.poll() is None:
            if (address := _answering(home)) is not None:
                return f"{address}/v1"
            time.sleep(0.1)
    raise ConfigurationError(f"The rehearsal's server did not start; {home / _LOG_FILE} says why.")


def stop(home: Path) -> bool:
    """Stop the server under `home`; returns whether one was running."""
    home = home.expanduser().resolve()
    running = _health(home)
    if running is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(int(running[1]["pid"]), signal.SIGTERM)
    (home / ADDRESS_FILE).unlink(missing_ok=True)
    return True


def _answering(home: Path) -> str | None:
    running = _health(home)
    return running[0] if running else None


def _health(home: Path) -> tuple[str, dict[str, Any]] | None:
    with suppress(OSError, requests.RequestException, ValueError):
        address = (home / ADDRESS_FILE).read_text("utf-8").strip()
        answer = requests.get(f"{address}/health", timeout=5).json()
        # Another program may use the port by now.
        if isinstance(answer, dict) and answer.get("rehearsal") is True:
            return address, answer
    return None
