"""A week's insights by one process and by several: seconds of the stage, calls, and what was asked twice.

`python -m matchme_pipeline_tests.bench.workers MEMBERS PROCESSES...`: the server takes a second for each call and
allows as many as come; each process has eight calls in flight. With `insights` before the numbers the run stops after
the insights; otherwise it is the whole week.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import date
from pathlib import Path

from matchme_pipeline.database import files
from matchme_pipeline.database.connection import connect
from matchme_pipeline.population.seed import seed_population
from matchme_pipeline_tests.bench.own_server import own_server, with_tables
from matchme_pipeline_tests.openai_server import FakeOpenAI

FIRST = date(2026, 1, 4)
_MATCHME = [sys.executable, "-m", "matchme_pipeline.cli.main"]
_WEEK = ["--week", FIRST.isoformat()]
_INSIGHTS = [
    *(sys.executable, "-m", "dagster", "asset", "materialize", "-m", "matchme_pipeline.definitions"),
    *("--select", "post_hashes,content_insights", "--partition", FIRST.isoformat()),
]
_STAGES = """
    select stage, extract(epoch from max(called_at) - min(called_at))::integer, count(*),
        sum(input_tokens + output_tokens)::bigint
    from llm_calls group by stage order by min(called_at)
"""


def main() -> None:
    """Print a line for each number of processes and stage."""
    only_insights = "insights" in sys.argv
    members, *sizes = [int(argument) for argument in sys.argv[1:] if argument.isdigit()]
    print("processes | stage | seconds, first to last answer | calls | tokens | asked twice")
    for processes in sizes:
        for line in measure(members, processes, only_insights):
            print(" | ".join(map(str, line)), flush=True)


def measure(members: int, processes: int, only_insights: bool) -> list[tuple[object, ...]]:
    """One week of a fresh population by so many processes; a line a stage, and one for the books."""
    with own_server() as server, FakeOpenAI(latency_seconds=1.0) as models, tempfile.TemporaryDirectory() as home:
        url = with_tables(server)
        with connect(url) as connection:
            seed_population(connection, users=members, weeks=1, first_week=FIRST, seed=7)
        values = os.environ | {
            "DAGSTER_HOME": str(files.dagster_home()),
            "MATCHME_DATABASE_URL": url,
            "MATCHME_HOME": str(Path(home)),
            "MATCHME_FIRST_WEEK": FIRST.isoformat(),
            "MATCHME_LLM": "openai",
            "OPENAI_API_KEY": "sk-of-the-bench",
            "OPENAI_BASE_URL": models.url,
            "MATCHME_LLM_CONCURRENCY": "8",
        }
        helpers = [
            subprocess.Popen([*_MATCHME, "worker", *_WEEK, "--wait", "5"], env=values, stdout=2)
            for _ in range(processes - 1)
        ]
        run = _INSIGHTS if only_insights else [*_MATCHME, "run", *_WEEK]
        subprocess.run(run, env=values, check=True, stdout=2)
        assert [helper.wait(timeout=60) for helper in helpers] == [0] * len(helpers)
        twice = {stage: sum(asked.values()) - len(asked) for stage, asked in _asked(models).items()}
        with connect(url) as connection:
            stages = connection.execute(_STAGES).fetchall()
            history = connection.execute("select sum(tokens_used), count(*) from batch_run_history").fetchone()
        assert history is not None
        return [
            *((processes, *stage, twice.get(stage[0], 0)) for stage in stages),
            (processes, "history", f"{history[1]} row", "", history[0], ""),
        ]


def _asked(models: FakeOpenAI) -> dict[str, Counter[str]]:
    """What each stage asked about: posts, texts, pairs of members by what they are told of them."""
    asked: dict[str, Counter[str]] = {name: Counter() for name in ("content_insights", "embeddings", "previews")}
    for request in models.requests:
        body = request["body"]
        if isinstance(texts := body.get("input"), list):
            asked["embeddings"].update(map(str, texts))
        if len(messages := body.get("messages", [])) > 1:
            question = json.loads(messages[1]["content"])
            asked["content_insights"].update(post["text"] for post in question.get("posts", ()))
            asked["previews"].update(
                json.dumps([pair["a"], pair["b"]], sort_keys=True) for pair in question.get("pairs", ())
            )
    return {
        "content_insights": asked["content_insights"],
        "post_embeddings": asked["embeddings"],
        "chaichat_previews": asked["previews"],
    }


if __name__ == "__main__":
    main()
