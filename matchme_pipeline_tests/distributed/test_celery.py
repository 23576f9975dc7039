"""A week on Celery workers over Redis is the week of one process, whatever becomes of a worker.

Run by `make test-distributed`, which installs the extra `celery`; Redis comes from the system's packages.
"""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from matchme_pipeline.database import files
from matchme_pipeline_tests.chaos.rows import Rows
from matchme_pipeline_tests.distributed.weeks import assert_same, running, steps_begun, wait_until
from matchme_pipeline_tests.materialising import WEEKS

pytestmark = [
    pytest.mark.skipif("TEST_DISTRIBUTED" not in os.environ, reason="run by make test-distributed"),
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="there is no redis-server here"),
    pytest.mark.skipif(importlib.util.find_spec("dagster_celery") is None, reason="the extra `celery` is missing"),
]
WEEK = WEEKS[0]
PATIENCE_SECONDS = 600


@dataclass
class Broker:
    """A Redis of its own, which keeps nothing on disk; it can be killed and started anew under its address."""

    port: int
    folder: Path
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL)
        wait_until(lambda: answers(self.port))

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        own = Broker(free.getsockname()[1], tmp_path)
    own.start()
    yield own
    own.kill()


@pytest.fixture
def environment(broker: Broker, seeded_url: str, tmp_path: Path) -> dict[str, str]:
    """What Dagster and the workers are started with."""
    return os.environ | {
        "DAGSTER_HOME": str(files.dagster_home()),
        "MATCHME_CELERY_BROKER": broker.url,
        "MATCHME_DATABASE_URL": seeded_url,
        "MATCHME_EXECUTOR": "celery",
        "MATCHME_FIRST_WEEK": WEEK.key,
        "MATCHME_HOME": str(tmp_path / "home"),
        "MATCHME_LLM": "local",
    }


def test_two_workers_finish_the_week_of_one_process(
    environment: dict[str, str], tmp_path: Path, of_one_process: Rows
) -> None:
    with worker(environment, tmp_path, "one"), worker(environment, tmp_path, "two"):
        assert week(environment, tmp_path) == 0, (tmp_path / "week.log").read_text()[-3000:]
    assert_same(environment, of_one_process)


def test_the_step_of_a_killed_worker_is_taken_up_by_another(
    environment: dict[str, str], tmp_path: Path, of_one_process: Rows
) -> None:
    with worker(environment, tmp_path, "two") as second, worker(environment, tmp_path, "one"):
        ended: list[int] = []

        def kill_one_that_works() -> bool:
            if steps_begun(environment) < 3:
                return False
            os.killpg(second.pid, signal.SIGKILL)
            ended.append(second.pid)
            return True

        assert week(environment, tmp_path, kill_one_that_works) == 0, (tmp_path / "week.log").read_text()[-3000:]
        assert ended
    assert_same(environment, of_one_process)


def test_a_broker_that_is_killed_and_comes_back_with_nothing_delays_the_week(
    environment: dict[str, str], broker: Broker, tmp_path: Path, of_one_process: Rows
) -> None:
    def kill_and_start() -> bool:
        if steps_begun(environment) < 3:
            return False
        broker.kill()
        time.sleep(3)
        broker.start()
        return True

    with worker(environment, tmp_path, "one"), worker(environment, tmp_path, "two"):
        assert week(environment, tmp_path, kill_and_start) == 0, (tmp_path / "week.log").read_text()[-3000:]
    assert_same(environment, of_one_process)


def week(environment: dict[str, str], tmp_path: Path, disturb: Callable[[], bool] = lambda: True) -> int:
    """Execute the weekly job as Dagster's run launcher does; its exit status."""
    module = "matchme_pipeline.definitions"
    tags = f'{{"dagster/partition": "{WEEK.key}"}}'
    command = [sys.executable, "-m", "dagster", "job", "execute", "-m", module, "-j", "weekly_batch", "--tags", tags]
    is_disturbed = False
    with running(command, environment, tmp_path / "week.log") as process:
        until = time.monotonic() + PATIENCE_SECONDS
        while process.poll() is None and time.monotonic() < until:
            is_disturbed = is_disturbed or disturb()
            time.sleep(0.2)
        assert is_disturbed
        return -1 if process.poll() is None else process.returncode


@contextmanager
def worker(environment: dict[str, str], tmp_path: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that starts a process for every step."""
    app = "matchme_pipeline.operations.celery_app"
    options = ["--queues", "dagster", "--concurrency", "1", "--max-tasks-per-child", "1", "-n", f"{name}@%h"]
    command = [sys.executable, "-m", "celery", "-A", app, "worker", *options, "--loglevel", "INFO"]
    with running(command, environment, tmp_path / f"{name}.log") as process:
        yield process


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
