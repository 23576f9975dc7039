"""What the tests of this folder share: processes in groups of their own, and what a week has to leave."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from matchme_pipeline.database.connection import connect
from matchme_pipeline_tests.chaos.rows import Rows, differences, result_rows


def assert_same(environment: dict[str, str], expected: Rows) -> None:
    with connect(environment["MATCHME_DATABASE_URL"]) as connection:
        assert not differences(expected, result_rows(connection))
        rows = connection.execute("select status, failed_jobs, worker from batch_run_history").fetchall()
        assert rows == [("completed", 0, None)]
        leaked = "select count(*) from dagster.concurrency_slots where run_id is not null"
        assert connection.execute(leaked).fetchone() == (0,)


def steps_begun(environment: dict[str, str]) -> int:
    with connect(environment["MATCHME_DATABASE_URL"]) as connection:
        statement = "select count(*) from dagster.event_logs where dagster_event_type = 'STEP_START'"
        if connection.execute("select to_regclass('dagster.event_logs')").fetchone() == (None,):
            return 0
        found = connection.execute(statement).fetchone()
    return found[0] if found else 0


@contextmanager
def running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own; the whole group is ended at the end."""
    with log.open("ab") as output:
        # A group and no session of its own, so that the scheduler counts it with whoever measures it.
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, process_group=0, cwd=log.parent
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until(holds: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)
