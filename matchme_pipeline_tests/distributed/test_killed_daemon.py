"""A week whose daemon is killed in the middle: its run ends it alone; where the run dies too, the next daemon ends it.

Run by `make test-distributed`: a daemon needs most of a minute to notice anything.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from matchme_pipeline.database import files
from matchme_pipeline.database.connection import connect
from matchme_pipeline_tests.chaos.rows import Rows, differences, result_rows
from matchme_pipeline_tests.distributed.weeks import running, steps_begun, wait_until
from matchme_pipeline_tests.materialising import WEEKS

pytestmark = pytest.mark.skipif("TEST_DISTRIBUTED" not in os.environ, reason="run by make test-distributed")
WEEK = WEEKS[0]
PATIENCE_SECONDS = 600
ALERTS = "pipeline_alerts"
WORKSPACE = ["-w", str(files.dagster_home() / "workspace.yaml")]


@pytest.fixture
def environment(seeded_url: str, tmp_path: Path) -> dict[str, str]:
    """What the daemon is started with: the default executor, a process for each step."""
    return os.environ | {
        "DAGSTER_HOME": str(files.dagster_home()),
        "MATCHME_DATABASE_URL": seeded_url,
        "MATCHME_FIRST_WEEK": WEEK.key,
        "MATCHME_HOME": str(tmp_path / "home"),
        "MATCHME_LLM": "local",
    }


def test_a_run_outlives_its_daemon(environment: dict[str, str], tmp_path: Path, of_one_process: Rows) -> None:
    with daemon(environment, tmp_path) as killed:
        launch(environment, tmp_path)
        wait_until(lambda: steps_begun(environment) >= 3, PATIENCE_SECONDS)
        killed.kill()
        wait_until(lambda: statuses(environment) == ["SUCCESS"], PATIENCE_SECONDS)
        # No daemon is there to close the row: the last step has done it.
        assert history(environment) == ["completed"]
        os.killpg(killed.pid, signal.SIGKILL)
    assert_rows(environment, of_one_process)


def test_the_next_daemon_ends_a_week_whose_daemon_and_run_were_killed(
    environment: dict[str, str], tmp_path: Path, of_one_process: Rows
) -> None:
    with daemon(environment, tmp_path) as killed:
        launch(environment, tmp_path)
        wait_until(lambda: steps_begun(environment) >= 3, PATIENCE_SECONDS)
        os.killpg(killed.pid, signal.SIGKILL)
    with daemon(environment, tmp_path):
        wait_until(lambda: statuses(environment) == ["FAILURE", "SUCCESS"], PATIENCE_SECONDS)
    assert sorted(history(environment)) == ["completed", "failed"]
    assert_rows(environment, of_one_process)


def assert_rows(environment: dict[str, str], expected: Rows) -> None:
    with connect(environment["MATCHME_DATABASE_URL"]) as connection:
        found = result_rows(connection)
        # The daemon tells of a run that was killed.
        assert not differences({**expected, ALERTS: found[ALERTS]}, found)
        leaked = "select count(*) from dagster.concurrency_slots where run_id is not null"
        assert connection.execute(leaked).fetchone() == (0,)


def statuses(environment: dict[str, str]) -> list[str]:
    """How Dagster's runs of the week stand, the oldest first."""
    with connect(environment["MATCHME_DATABASE_URL"]) as connection:
        statement = "select status from dagster.runs where pipeline_name = 'weekly_batch' order by id"
        return [status for (status,) in connection.execute(statement).fetchall()]


def history(environment: dict[str, str]) -> list[str]:
    with connect(environment["MATCHME_DATABASE_URL"]) as connection:
        return [status for (status,) in connection.execute("select status from batch_run_history").fetchall()]


def launch(environment: dict[str, str], folder: Path) -> None:
    """Queue the week's run, as the API does."""
    tags = f'{{"dagster/partition": "{WEEK.key}"}}'
    command = [sys.executable, "-m", "dagster", "job", "launch", *WORKSPACE, "-j", "weekly_batch", "--tags", tags]
    subprocess.run(command, env=environment, check=True, cwd=folder, capture_output=True)


@contextmanager
def daemon(environment: dict[str, str], folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Dagster's daemon as a service runs it: queued runs are children of its code server."""
    command = [sys.executable, "-m", "dagster._daemon", "run", *WORKSPACE]
    with running(command, environment, folder / "daemon.log") as process:
        yield process
