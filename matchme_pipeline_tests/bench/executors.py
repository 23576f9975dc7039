"""A week through Dagster's UI, every step a process, against the same week by the command, which is one process.

`python -m matchme_pipeline_tests.bench executors`; numbers of members may follow the module's own name:
`python -m matchme_pipeline_tests.bench.executors 300 1000`.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import psutil
from dagster_graphql.client.query import LAUNCH_PIPELINE_EXECUTION_MUTATION

from matchme_pipeline.database.connection import connect
from matchme_pipeline.database.embedded import DATABASE_NAME, EmbeddedServer
from matchme_pipeline.population.seed import seed_population
from matchme_pipeline_tests.bench.own_server import own_server, with_tables
from matchme_pipeline_tests.databases import copy_database

FIRST = date(2026, 1, 4)
MEMBERS = (300, 1_000)
PATIENCE_SECONDS = 540
# A process for each step may cost this much against one process for all.
MOST = 1.5
_SELECTOR = {"repositoryLocationName": "matchme", "repositoryName": "__repository__", "pipelineName": "weekly_batch"}
_STATUS = "query Run($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
_LOADED = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"
# Seconds of a run in Dagster's log: until its first step begins, and in which no step is at work after that.
_IDLE = """
    with steps as (
        select min(timestamp) filter (where dagster_event_type = 'STEP_START') as began,
            max(timestamp) filter (where dagster_event_type = 'STEP_SUCCESS') as ended
        from dagster.event_logs where step_key is not null group by step_key
    ), joined as (
        select began - max(ended) over (order by began rows between unbounded preceding and 1 preceding) as gap
        from steps where began is not null
    )
    select (select count(*) from steps where began is not null),
        (select extract(epoch from min(began) - (
            select min(timestamp) from dagster.event_logs where dagster_event_type = 'PIPELINE_STARTING'
        )) from steps),
        (select coalesce(sum(extract(epoch from gap)) filter (where gap > interval '0'), 0) from joined)
"""


def main() -> None:
    """Print a line for each number of members."""
    print("members | steps | command, s | UI, s | ratio | before the first step, s | no step at work, s")
    for members in [int(argument) for argument in sys.argv[1:] if argument.isdigit()] or MEMBERS:
        figures = measure(members)
        print(" | ".join(map(str, figures)), flush=True)
        if figures[4] > MOST:
            print(f"missed: the UI may take at most {MOST} times the command's seconds")


def measure(members: int) -> tuple[float, ...]:
    """The first week of a fresh population in both ways, on the same rows."""
    with own_server() as server, tempfile.TemporaryDirectory() as home:
        with connect(with_tables(server)) as connection:
            seed_population(connection, users=members, weeks=1, first_week=FIRST, seed=7)
        command = _by_command(_environment(server, home, "command"))
        environment = _environment(server, home, "ui")
        through_ui = _through_ui(environment)
        with connect(environment["MATCHME_DATABASE_URL"]) as connection:
            row = connection.execute(_IDLE).fetchone()
        assert row is not None
        steps, before, idle = row
        return (
            members, steps, round(command, 1), round(through_ui, 1), round(through_ui / command, 2),
            round(before, 1), round(idle, 1),
        )  # fmt: skip


def _environment(server: EmbeddedServer, home: str, name: str) -> dict[str, str]:
    url = copy_database(server.url("postgres"), name, DATABASE_NAME)
    return os.environ | {
        "MATCHME_DATABASE_URL": url,
        "MATCHME_EXECUTOR": "multiprocess",
        "MATCHME_FIRST_WEEK": FIRST.isoformat(),
        "MATCHME_HOME": str(Path(home, name)),
        "MATCHME_LLM": "local",
    }


def _by_command(environment: dict[str, str]) -> float:
    began = time.monotonic()
    command = [sys.executable, "-m", "matchme_pipeline.cli.main", "run", "--week", FIRST.isoformat()]
    subprocess.run(command, env=environment, check=True, stdout=sys.stderr)
    return time.monotonic() - began


def _through_ui(environment: dict[str, str]) -> float:
    """From the button "Launch run" to the run's end, with the UI and the daemon of `matchme dev` at work."""
    with _ui(environment) as ask:
        began = time.monotonic()
        tags = [{"key": "dagster/partition", "value": FIRST.isoformat()}]
        parameters = {"selector": _SELECTOR, "runConfigData": {}, "executionMetadata": {"tags": tags}}
        answer = ask(LAUNCH_PIPELINE_EXECUTION_MUTATION, executionParams=parameters)["launchPipelineExecution"]
        run_id = answer["run"]["runId"]
        while (status := ask(_STATUS, id=run_id)["runOrError"]["status"]) != "SUCCESS":
            if status in ("FAILURE", "CANCELED") or time.monotonic() - began > PATIENCE_SECONDS:
                raise RuntimeError(f"the run {run_id} of the UI is {status}")
            time.sleep(0.2)
        return time.monotonic() - began


@contextmanager
def _ui(environment: dict[str, str]) -> Iterator[Any]:
    """`matchme dev`, ready; yields a function that asks its GraphQL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "matchme_pipeline.cli.main", "dev", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stdout=sys.stderr)

    def ask(query: str, **variables: object) -> Any:
        address = f"http://127.0.0.1:{port}/graphql"
        answer = httpx.post(address, json={"query": query, "variables": variables}, timeout=60).json()
        assert "errors" not in answer, answer
        return answer["data"]

    try:
        _wait_until_loaded(process, ask)
        yield ask
    finally:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
        process.wait()


def _wait_until_loaded(process: "subprocess.Popen[bytes]", ask: Any) -> None:
    until = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < until:
        try:
            if ask(_LOADED)["repositoriesOrError"]["nodes"]:
                return
        except (httpx.TransportError, KeyError):
            pass
        time.sleep(0.5)
    raise RuntimeError("matchme dev did not start")


if __name__ == "__main__":
    main()
