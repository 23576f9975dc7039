"""A week's insights by one process and by several: seconds of the stage, calls, and what was asked twice.

`python -m matchme_pipeline_tests.bench.workers MEMBERS PROCESSES...`: the server takes a second for each call and
allows as many as come; each process has eight calls in flight.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import date

from matchme_pipeline.database.connection import connect
from matchme_pipeline.population.seed import seed_population
from matchme_pipeline_tests.bench.own_server import own_server, with_tables
from matchme_pipeline_tests.openai_server import FakeOpenAI

FIRST = date(2026, 1, 4)


def main() -> None:
    """Print a line for each number of processes."""
    members, *sizes = [int(argument) for argument in sys.argv[1:]]
    print(
        "processes | seconds, first to last answer | calls | posts | posts asked twice | tokens in history, in ledger"
    )
    for processes in sizes:
        print(" | ".join(map(str, measure(members, processes))), flush=True)


def measure(members: int, processes: int) -> tuple[object, ...]:
    """One week of a fresh population by so many processes."""
    with own_server() as server, FakeOpenAI(latency_seconds=1.0) as models, tempfile.TemporaryDirectory() as home:
        url = with_tables(server)
        with connect(url) as connection:
            seed_population(connection, users=members, weeks=1, first_week=FIRST, seed=7)
        values = {
            **os.environ,
            "MATCHME_DATABASE_URL": url,
            "MATCHME_HOME": home,
            "MATCHME_FIRST_WEEK": FIRST.isoformat(),
            "MATCHME_LLM": "openai",
            "OPENAI_API_KEY": "sk-of-the-bench",
            "OPENAI_BASE_URL": models.url,
            "MATCHME_LLM_CONCURRENCY": "8",
        }
        command = [sys.executable, "-m", "matchme_pipeline.cli.main"]
        week = ["--week", FIRST.isoformat()]
        helpers = [
            subprocess.Popen([*command, "worker", *week, "--wait", "5"], env=values, stdout=2)
            for _ in range(processes - 1)
        ]
        subprocess.run([*command, "run", *week], env=values, check=True, stdout=2)
        assert [helper.wait(timeout=60) for helper in helpers] == [0] * len(helpers)
        asked = Counter(
            post["text"]
            for request in models.requests
            if len(messages := request["body"].get("messages", [])) > 1
            for post in json.loads(messages[1]["content"]).get("posts", ())
        )
        with connect(url) as connection:
            row = connection.execute(
                """
                select extract(epoch from max(called_at) - min(called_at))::integer, count(*)
                from llm_calls where stage = 'content_insights'
                """
            ).fetchone()
            books = connection.execute(
                """
                select (select sum(tokens_used) from batch_run_history), sum(input_tokens + output_tokens)
                from llm_calls
                """
            ).fetchone()
        assert row is not None
        return (processes, row[0], row[1], len(asked), sum(asked.values()) - len(asked), books)


if __name__ == "__main__":
    main()
