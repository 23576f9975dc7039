"""Close calls looked at by a stronger model: few, paid once, in both lists alike, and never in a week's way."""

import json
from decimal import Decimal
from typing import Any

import pytest
from dagster import ExecuteInProcessResult

from matchme_pipeline import settings
from matchme_pipeline.cli.estimate import estimate_week
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.llm.execution import batch_run
from matchme_pipeline_tests.materialising import WEEKS, changed_tables, materialise, rows_of_every_table
from matchme_pipeline_tests.openai_server import FakeOpenAI, faults

WEEK = WEEKS[-1]


@pytest.fixture
def reviewing(paid: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> FakeOpenAI:
    """A server that reviews close calls."""
    monkeypatch.setenv("MATCHME_REVIEW_MODEL", "gpt-4.1")
    settings.process_settings.cache_clear()
    return paid


def match_week(url: str) -> ExecuteInProcessResult:
    """Match the week, members' vectors left aside."""
    return materialise(url, WEEK, "weekly_matches", provider="openai")


def metadata(result: ExecuteInProcessResult) -> dict[str, Any]:
    (event,) = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def rows(connection: Connection) -> list[Any]:
    return connection.execute(
        """
        select user_id, match_user_id, rank, score, compatibility_factors from weekly_matches
        where week_start_date = %s order by user_id, match_user_id
        """,
        [WEEK.match_week],
    ).fetchall()


def reviewed(connection: Connection) -> list[Any]:
    return [row for row in rows(connection) if any(f["name"] == "review" for f in row[4]["factors"])]


def test_a_tenth_at_most_is_reviewed_and_every_row_adds_up_in_both_lists(finished_url: str, reviewing: FakeOpenAI):
    told = metadata(match_week(finished_url))
    with connect(finished_url) as connection:
        every, looked_at = rows(connection), reviewed(connection)
        stages = connection.execute(
            "select stage, model, mode from llm_calls where provider = 'openai' group by 1, 2, 3"
        ).fetchall()
        names = connection.execute("select first_name, clerk_user_id from profiles").fetchall()
    assert 0 < len(looked_at) <= 0.1 * len(every)
    assert told["reviews"]["reviewed"] == told["reviews"]["close_calls"] == len(looked_at) // 2
    assert told["cost_usd"] > 0
    assert stages == [("weekly_matches", "gpt-4.1", "standard")]
    both = {(user, other): (score, factors) for user, other, _, score, factors in every}
    for (user, other), (score, factors) in both.items():
        assert both[other, user] == (score, factors)
        assert sum(Decimal(str(f["contribution"])) for f in factors["factors"]) == score
    sent = json.dumps([request["body"]["messages"][1] for request in reviewing.requests])
    assert not any(user_id in sent for _, user_id in names)
    assert not any(f'"{first_name}"' in sent for first_name, _ in names if first_name)


def test_matching_a_week_again_pays_for_no_review_and_changes_nothing(finished_url: str, reviewing: FakeOpenAI):
    match_week(finished_url)
    billed = reviewing.tokens
    with connect(finished_url) as connection:
        before = rows_of_every_table(connection)
        told = metadata(match_week(finished_url))
        assert changed_tables(before, rows_of_every_table(connection)) == []
    assert reviewing.tokens == billed
    assert told["reviews"]["reused"] == told["reviews"]["reviewed"] > 0


@pytest.mark.parametrize("trouble", ["budget", "unauthorized", "server_error", "not_json"])
def test_whatever_happens_to_the_reviews_the_matches_go_out(
    finished_url: str, reviewing: FakeOpenAI, monkeypatch: pytest.MonkeyPatch, trouble: str
):
    if trouble == "budget":
        monkeypatch.setenv("MATCHME_WEEKLY_BUDGET_USD", "0.0001")
    else:
        reviewing.fault_rates = {trouble: 1.0}
    monkeypatch.setattr("matchme_pipeline.llm.execution.request_sender.MAX_PAUSE_SECONDS", 0.01)
    settings.process_settings.cache_clear()
    told = metadata(match_week(finished_url))
    with connect(finished_url) as connection:
        assert rows(connection)
        assert not reviewed(connection)
        spent = connection.execute("select coalesce(sum(cost_usd), 0) from llm_calls").fetchone()
    looked_at = told["reviews"]
    assert looked_at["reviewed"] == 0
    assert looked_at["failed"] + looked_at["left"] == looked_at["close_calls"] > 0
    # A server that answers nothing counts as down after a few requests, or is asked to the end where there are fewer.
    assert trouble == "server_error" or bool(looked_at["stopped_by"]) == (trouble in ("budget", *faults.FATAL))
    assert trouble != "budget" or (spent is not None and spent[0] <= Decimal("0.0001"))


def test_by_batch_the_same_rows_come_out(finished_url: str, reviewing: FakeOpenAI, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(batch_run, "MAX_POLL_SECONDS", 0.05)
    match_week(finished_url)
    with connect(finished_url) as connection:
        ordinary = rows(connection)
        connection.execute("truncate content_analyses, llm_calls cascade")
        monkeypatch.setenv("MATCHME_LLM_MODE", "batch")
        settings.process_settings.cache_clear()
        match_week(finished_url)
        assert rows(connection) == ordinary
    assert len(reviewing.batches.batches) == 1


def test_the_estimate_knows_of_the_reviews(finished_url: str, reviewing: FakeOpenAI):
    with connect(finished_url) as connection:
        lines = estimate_week(connection, settings.process_settings(), WEEK)
        (expected,) = (line for line in lines if line.stage == "weekly_matches")
        told = metadata(match_week(finished_url))
        (again,) = (
            line
            for line in estimate_week(connection, settings.process_settings(), WEEK)
            if line.stage == "weekly_matches"
        )
    assert (expected.items, expected.calls) == (told["reviews"]["close_calls"], told["model_calls"])
    assert float(expected.cost_usd) == pytest.approx(told["cost_usd"], rel=0.15)
    assert (again.calls, again.cost_usd) == (0, 0)


def test_a_review_model_without_a_price_stops_before_anything_is_spent(
    finished_url: str, reviewing: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MATCHME_REVIEW_MODEL", "gpt-9-nova")
    settings.process_settings.cache_clear()
    with pytest.raises(Exception, match="MATCHME_REVIEW_MODEL"):
        match_week(finished_url)
    assert not reviewing.requests
