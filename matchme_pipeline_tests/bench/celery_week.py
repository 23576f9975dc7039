"""A week on Celery workers over Redis against the same week in one process: rows, seconds, calls, ledger.

`.venv-distributed/bin/python -m matchme_pipeline_tests.bench.celery_week MEMBERS WORKERS...`: needs the extra `celery`
and `redis-server`. Every worker executes one step at a time, each in a process of its own.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from matchme_pipeline.database import files
from matchme_pipeline.database.connection import connect
from matchme_pipeline.database.embedded import DATABASE_NAME
from matchme_pipeline.population.seed import seed_population
from matchme_pipeline_tests.bench.executors import FIRST
from matchme_pipeline_tests.bench.own_server import own_server, with_tables
from matchme_pipeline_tests.chaos.rows import Rows, differences, result_rows
from matchme_pipeline_tests.databases import copy_database
from matchme_pipeline_tests.distributed.weeks import running, wait_until
from matchme_pipeline_tests.openai_server import FakeOpenAI

LATENCY_SECONDS = 0.2
_CELERY = [sys.executable, "-m", "celery", "-A", "matchme_pipeline.operations.celery_app", "worker", "--loglevel"]
_OPTIONS = ["ERROR", "--queues", "dagster", "--concurrency", "1", "--max-tasks-per-child", "1", "-n"]
_BOOKS = """
    select (select count(*) from llm_calls), (select sum(input_tokens + output_tokens) from llm_calls),
        (select sum(tokens_used) from batch_run_history), (select count(*) from batch_run_history),
        (select min(status) from batch_run_history)
"""


def main() -> None:
    """Print a line for one process and for each number of workers."""
    members, *numbers = (int(argument) for argument in sys.argv[1:])
    print("way | seconds | calls served | ledger rows | tokens in ledger, in history | rows that differ")
    with own_server() as server, tempfile.TemporaryDirectory() as home:
        with connect(with_tables(server)) as connection:
            seed_population(connection, users=members, weeks=1, first_week=FIRST, seed=7)
        expected: Rows | None = None
        for workers in (0, *numbers):
            url = copy_database(server.url("postgres"), f"celery_{workers}", DATABASE_NAME)
            seconds, calls = _week(url, Path(home, str(workers)), workers)
            with connect(url) as connection:
                rows = result_rows(connection)
                books = connection.execute(_BOOKS).fetchone()
            assert books is not None
            ledger, tokens, in_history, runs, status = books
            expected = expected or rows
            name = f"Celery, {workers} workers" if workers else "one process"
            differ = len(differences(expected, rows))
            print(f"{name} | {seconds:.0f} | {calls} | {ledger} | {tokens}, {in_history} | {differ}", flush=True)
            if (runs, status) != (1, "completed"):
                print(f"the history has {runs} rows, the first is {status}")


def _week(url: str, home: Path, workers: int) -> tuple[float, int]:
    """Seconds of the week without the workers' start, and the calls that the model server answered."""
    home.mkdir()
    with ExitStack() as stack:
        models = stack.enter_context(FakeOpenAI(latency_seconds=LATENCY_SECONDS))
        port = _free_port()
        environment = os.environ | {
            "DAGSTER_HOME": str(files.dagster_home()),
            "MATCHME_DATABASE_URL": url,
            "MATCHME_HOME": str(home),
            "MATCHME_FIRST_WEEK": FIRST.isoformat(),
            "MATCHME_LLM": "openai",
            "OPENAI_API_KEY": "sk-of-the-bench",
            "OPENAI_BASE_URL": models.url,
        }
        if not workers:
            began = time.monotonic()
            command = [sys.executable, "-m", "matchme_pipeline.cli.main", "run", "--week", FIRST.isoformat()]
            subprocess.run(command, env=environment, check=True, stdout=sys.stderr)
            return time.monotonic() - began, len(models.requests)
        environment |= {"MATCHME_EXECUTOR": "celery", "MATCHME_CELERY_BROKER": f"redis://127.0.0.1:{port}/0"}
        redis = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        stack.enter_context(running(redis, environment, home / "redis.log"))
        logs = [home / f"worker-{number}.log" for number in range(workers)]
        for number, log in enumerate(logs):
            stack.enter_context(running([*_CELERY, *_OPTIONS, f"w{number}@%h"], environment, log))
        wait_until(lambda: _ready(environment) >= workers, 120)
        began = time.monotonic()
        tags = f'{{"dagster/partition": "{FIRST.isoformat()}"}}'
        job = ["-m", "matchme_pipeline.definitions", "-j", "weekly_batch", "--tags", tags]
        with (home / "week.log").open("wb") as log_file:
            command = [sys.executable, "-m", "dagster", "job", "execute", *job]
            done = subprocess.run(command, env=environment, check=False, stdout=log_file, stderr=log_file)
        if done.returncode:
            raise SystemExit((home / "week.log").read_text()[-3_000:])
        return time.monotonic() - began, len(models.requests)


def _ready(environment: dict[str, str]) -> int:
    command = [sys.executable, "-m", "celery", "-A", "matchme_pipeline.operations.celery_app", "inspect", "ping"]
    answer = subprocess.run([*command, "--timeout", "3"], env=environment, capture_output=True, text=True, check=False)
    return answer.stdout.count("pong")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


if __name__ == "__main__":
    main()
