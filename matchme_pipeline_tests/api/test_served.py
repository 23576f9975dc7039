"""`matchme api` as a process: a run reaches Dagster's queue with its tags, though the process is killed half-way."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from matchme_pipeline.api.identity.local_key import mint
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.settings import Settings
from matchme_pipeline_tests.api.conftest import ADMIN

START_SECONDS = 120
LAUNCH_SECONDS = 180
# A machine under load answers late; httpx would give up after five seconds.
CLIENT = httpx.Client(timeout=LAUNCH_SECONDS)


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The process and its address, once it is ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "matchme_pipeline.cli.main", "api", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"

    def is_ready() -> bool:
        assert process.poll() is None, "the service ended"
        try:
            return CLIENT.get(f"{address}/ready").status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_until(is_ready, START_SECONDS)
        yield address, process
    finally:
        process.kill()
        process.wait()


def wait_until(is_so: Callable[[], bool], seconds: float, pause: float = 0.1) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(pause)


@pytest.fixture
def environment(app_database_url: str, tmp_path: Path) -> dict[str, str]:
    ours = ("MATCHME_", "OPENAI_", "DAGSTER_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {
        "MATCHME_HOME": str(tmp_path),
        "MATCHME_DATABASE_URL": app_database_url,
        "MATCHME_FIRST_WEEK": "2026-01-04",
        "MATCHME_DEVELOPMENT_TOKENS": "true",
        "ADMIN_USER_IDS": ADMIN,
    }


def test_a_run_reaches_dagsters_queue_though_the_service_is_killed_half_way(
    environment: dict[str, str], app_database_url: str, tmp_path: Path
):
    development = Settings(
        MATCHME_HOME=tmp_path, MATCHME_DATABASE_URL=app_database_url, MATCHME_DEVELOPMENT_TOKENS="true"
    )
    token = mint(development, ADMIN, 1)
    headers = {"Authorization": f"Bearer {token}"}
    with connect(app_database_url, vectors=False) as database:
        with serving(environment) as (address, process):
            answer = CLIENT.post(f"{address}/api/batch/trigger", json={"week": "2026-01-04"}, headers=headers)
            (run,) = answer.json()["runs"]
            wait_until(lambda: leases(database) == 1, LAUNCH_SECONDS)
            process.kill()
            process.wait()
        # Nobody has to wait for the end of a dead process's lease here.
        database.execute("update api_triggers set lease_until = now() - interval '1 second'")
        with serving(environment) as (address, _):
            path = f"{address}/api/batch/runs/{run['dagster_run_id']}"
            # A caller has 300 requests a minute: one who asks ten times a second is told to wait where this takes long.
            wait_until(lambda: CLIENT.get(path, headers=headers).json()["state"] == "queued", LAUNCH_SECONDS, pause=0.5)
            again = CLIENT.post(f"{address}/api/batch/trigger", json={"week": "2026-01-04"}, headers=headers)
            assert again.json()["runs"] == [run | {"started": False}]
            assert "No Dagster daemon" in again.json()["notes"][0]
            assert tags(database) == {"dagster/partition": "2026-01-04", "matchme/requested_by": ADMIN}
            assert CLIENT.post(f"{path}/cancel", headers=headers).status_code == 202
            assert CLIENT.get(path, headers=headers).json()["state"] == "canceled"
        assert database.execute("select count(*) from dagster.runs").fetchone() == (1,)


def leases(database: Connection) -> int:
    row = database.execute("select count(*) from api_triggers where lease_until is not null").fetchone()
    return int(row[0]) if row else 0


def tags(database: Connection) -> dict[str, str]:
    rows = database.execute(
        "select key, value from dagster.run_tags where key in ('dagster/partition', 'matchme/requested_by')"
    ).fetchall()
    return dict(rows)
