"""A week paid to an OpenAI-compatible server: three books that agree, a second run for nothing, a kill half-way."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

import pytest
from dagster import DagsterInstance

from matchme_pipeline import settings
from matchme_pipeline.database.connection import connect
from matchme_pipeline.jobs import queries as jobs
from matchme_pipeline.operations import queries
from matchme_pipeline_tests.materialising import WEEKS, changed_tables, materialise, rows_of_every_table
from matchme_pipeline_tests.openai_server import FakeOpenAI

FIRST = WEEKS[0]


@dataclass(frozen=True)
class Books:
    """A run's tokens and cost in the three places."""

    dagster: tuple[int, float]
    history: tuple[int, float]
    ledger: tuple[int, float]


def books(url: str, run_id: str, result) -> Books:
    stages = {
        event.asset_key.to_user_string(): event.materialization.metadata
        for event in result.get_asset_materialization_events()
    }
    # The summary shows the run's sums; a stage that calls no model shows none.
    summary = stages.pop("run_summary")
    shown = [metadata for metadata in stages.values() if "tokens" in metadata]
    assert int(summary["tokens"].value) == sum(int(m["tokens"].value) for m in shown)
    assert round(float(summary["cost_usd"].value), 8) == round(sum(float(m["cost_usd"].value) for m in shown), 8)
    with connect(url) as connection:
        history = connection.execute(
            "select tokens_used, cost_usd from batch_run_history where dagster_run_id = %s", [run_id]
        ).fetchone()
        ledger = connection.execute(
            "select sum(input_tokens + output_tokens), sum(cost_usd) from llm_calls where dagster_run_id = %s", [run_id]
        ).fetchone()
    assert history is not None
    assert ledger is not None
    return Books(
        (sum(int(m["tokens"].value) for m in shown), round(sum(float(m["cost_usd"].value) for m in shown), 8)),
        (int(history[0]), round(float(history[1]), 8)),
        (int(ledger[0]), round(float(ledger[1]), 8)),
    )


def test_what_the_server_billed_stands_in_all_three_books(small_url: str, paid: FakeOpenAI):
    with DagsterInstance.ephemeral() as instance:
        result = materialise(small_url, FIRST, instance=instance, provider="openai")
    found = books(small_url, result.run_id, result)
    assert found.ledger[0] == paid.tokens[0] + paid.tokens[2] > 5_000
    assert found.ledger[1] > 0
    assert found.dagster == found.history == found.ledger
    checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert checks["books_agree"]
    assert checks["quotes_are_grounded"]


def test_a_second_run_pays_for_nothing(small_url: str, paid: FakeOpenAI):
    materialise(small_url, FIRST, provider="openai")
    billed = paid.tokens
    with connect(small_url) as connection:
        before = rows_of_every_table(connection)
        materialise(small_url, FIRST, provider="openai")
        assert changed_tables(before, rows_of_every_table(connection)) == []
    assert paid.tokens == billed


def test_a_budget_ends_the_week_cleanly_and_leaves_the_rest_queued(
    small_url: str, paid: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MATCHME_WEEKLY_BUDGET_USD", "0.0015")
    settings.process_settings.cache_clear()
    result = materialise(small_url, FIRST, provider="openai")
    shown = {
        event.asset_key.to_user_string(): event.materialization.metadata
        for event in result.get_asset_materialization_events()
    }
    left = shown["content_insights"]["left_in_queue"].value
    assert isinstance(left, int)
    assert left > 0
    assert "budget" in str(shown["content_insights"]["stopped_by"].value)
    with connect(small_url) as connection:
        row = connection.execute("select sum(cost_usd) from llm_calls").fetchone()
        waiting = jobs.counts(connection, week=FIRST.sunday).open
        (summary,) = queries.week_summaries(connection, [FIRST.sunday])
        stopped_by = queries.stop_of_run(connection, result.run_id)
    assert row is not None
    assert row[0] <= Decimal("0.0015")
    assert shown["run_summary"]["week_left_in_queue"].value == summary.left_in_queue == waiting >= left
    assert shown["run_summary"]["stopped_by"].value == stopped_by
    assert "budget of 0.0015 USD" in stopped_by


def test_a_week_that_is_paid_to_its_end_was_stopped_by_nothing(small_url: str, paid: FakeOpenAI):
    result = materialise(small_url, FIRST, "post_hashes", "run_summary", provider="openai")
    with connect(small_url) as connection:
        assert queries.stop_of_run(connection, result.run_id) == ""
        assert queries.stop_of_run(connection, "a run that nobody knows") == ""


RUN = """
import sys
from matchme_pipeline_tests.operations.test_paid_week import FIRST, materialise
materialise(sys.argv[1], FIRST, "post_hashes", "content_insights", provider="openai")
"""


def test_a_week_killed_half_way_pays_again_for_no_more_than_the_calls_on_their_way(small_url: str, paid: FakeOpenAI):
    paid.latency_seconds = 0.2
    environment = {**os.environ, "MATCHME_LLM_CONCURRENCY": "4"}
    process = subprocess.Popen([sys.executable, "-c", RUN, small_url], env=environment)
    until = time.monotonic() + 300
    while paid.billed["chat"].requests < 20 and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    paid.latency_seconds = 0
    materialise(small_url, FIRST, "post_hashes", "content_insights", provider="openai")
    asked = Counter(
        tuple(post["text"] for post in json.loads(request["body"]["messages"][1]["content"])["posts"])
        for request in paid.requests
    )
    assert sum(asked.values()) > 20
    assert sum(times - 1 for times in asked.values()) <= 4
    with connect(small_url) as connection:
        states = connection.execute("select distinct status, attempts from batch_processing_queue").fetchall()
    assert states == [("completed", 1)]
