"""Further worker processes drain a week together with its run: nothing is asked twice, and one row tells of it all."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from dagster import DagsterInstance, RunsFilter

from matchme_pipeline import settings
from matchme_pipeline.cli import environment
from matchme_pipeline.database import dagster_addresses
from matchme_pipeline.database.connection import connect
from matchme_pipeline.operations import week_workers
from matchme_pipeline_tests.cli.test_errors import fails_with, matchme
from matchme_pipeline_tests.materialising import WEEKS
from matchme_pipeline_tests.openai_server import FakeOpenAI

WEEK = WEEKS[0]


def start(place: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "matchme_pipeline.cli.main", *arguments],
        cwd=place,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def settings_of(url: str, server: FakeOpenAI, home: Path) -> dict[str, str]:
    return {
        "MATCHME_DATABASE_URL": url,
        "MATCHME_HOME": str(home),
        "MATCHME_FIRST_WEEK": WEEK.key,
        "MATCHME_LLM": "openai",
        "OPENAI_API_KEY": "sk-of-the-test",
        "OPENAI_BASE_URL": server.url,
        "MATCHME_LLM_CONCURRENCY": "2",
    }


def test_a_worker_and_the_run_ask_every_post_once_between_them(
    small_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with FakeOpenAI(latency_seconds=0.4) as server:
        values = settings_of(small_url, server, tmp_path / "home")
        # A worker waits for the run to begin; another one is killed while it works.
        workers = [start(tmp_path, "worker", "--week", WEEK.key, "--wait", "5", **values) for _ in range(2)]
        run = start(tmp_path, "run", "--week", WEEK.key, **values)
        until = time.monotonic() + 120
        while server.peak_in_flight < 6 and time.monotonic() < until:
            time.sleep(0.02)
        workers[0].kill()
        said = [process.communicate(timeout=240)[0] for process in (run, *workers[1:])]
        assert [process.returncode for process in (run, *workers[1:])] == [0, 0], said
        calls = [
            [post["text"] for post in json.loads(request["body"]["messages"][1]["content"])["posts"]]
            for request in server.requests
            if '"posts"' in json.dumps(request["body"].get("messages", "")).replace("\\", "")
        ]
        billed = server.tokens[0] + server.tokens[2]
    asked = Counter(text for texts in calls for text in texts)
    # Only what the killed worker had on its way is asked once more: two calls.
    assert sum(times - 1 for times in asked.values()) <= sum(sorted(map(len, calls))[-2:])
    assert all("content_insights" in words for words in said[1:])
    with connect(small_url) as connection:
        rows = connection.execute(
            "select dagster_run_id, status, tokens_used, failed_jobs, metadata -> 'workers' from batch_run_history"
        ).fetchall()
        ((ledger,),) = connection.execute("select sum(input_tokens + output_tokens) from llm_calls").fetchall()
        states = connection.execute("select distinct status from batch_processing_queue").fetchall()
        answered = connection.execute(
            "select count(distinct content_hash) from content_items where week = %s and content_hash is not null",
            [WEEK.sunday],
        ).fetchone()
    assert len(rows) == 1
    assert rows[0][1:4] == ("completed", ledger, 0)
    assert ledger <= billed
    assert states == [("completed",)]
    assert answered == (len(asked),)
    # `prepare_dagster` sets these for the command's process; the test gives them back.
    for name in ("DAGSTER_HOME", "DAGSTER_DISABLE_TELEMETRY", dagster_addresses.URL_VARIABLE):
        monkeypatch.setenv(name, "")
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    settings.process_settings.cache_clear()
    environment.prepare_dagster()
    with DagsterInstance.get() as instance:
        week_workers.close_lost_workers(instance)
        members = instance.get_runs(RunsFilter(tags={week_workers.MEMBER_OF_TAG: rows[0][0]}))
    assert sorted(member.status.value for member in members) == ["FAILURE", "SUCCESS"]
    assert {member.run_id for member in members} == set(rows[0][4])
    fails_with(matchme("worker", "--week", WEEK.key, cwd=tmp_path, **values), WEEK.key, "is finished")
    fails_with(matchme("worker", "--week", WEEKS[1].key, cwd=tmp_path, **values), "matchme run --week", "--wait")
    settings.process_settings.cache_clear()


@pytest.mark.parametrize(
    ("week", "values", "words"),
    [
        ("2026-01-05", {}, ["2026-01-05", "Monday"]),
        ("2025-01-05", {}, ["before the pipeline's first week"]),
        ("2126-01-06", {}, ["is in the future"]),
        (WEEK.key, {}, ["MATCHME_LLM=local"]),
        (WEEK.key, {"MATCHME_LLM": "openai", "OPENAI_API_KEY": "x", "MATCHME_LLM_MODE": "batch"}, ["MATCHME_LLM_MODE"]),
    ],
)
def test_a_worker_that_has_nothing_to_help_says_so(
    app_database_url: str, tmp_path: Path, week: str, values: dict[str, str], words: list[str]
):
    usual = {"MATCHME_DATABASE_URL": app_database_url, "MATCHME_FIRST_WEEK": WEEK.key, "MATCHME_LLM": "local"}
    fails_with(matchme("worker", "--week", week, cwd=tmp_path, **{**usual, **values}), *words)
