"""Batches, whoever runs them: the rows of single requests at half the price, through restarts, expiry and failure."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import BudgetExceededError, ModelRequestError
from matchme_pipeline.llm.batch_poll import batches_to_read
from matchme_pipeline.llm.execution import batch_run as batch_module
from matchme_pipeline.llm.execution import client_calls
from matchme_pipeline.settings import load_settings
from matchme_pipeline_tests.llm.conftest import CONTEXT, Account, each_fault, members_items
from matchme_pipeline_tests.llm.test_pay_once import RUN

ITEMS = members_items(6, 3)
BATCH = {"MATCHME_LLM_MODE": "batch"}


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_module.BatchRun.__init__, "__defaults__", (lambda: datetime.now(UTC), 0.01))
    monkeypatch.setattr(batch_module, "MAX_POLL_SECONDS", 0.05)
    monkeypatch.setattr(client_calls, "MAX_PAUSE_SECONDS", 0.05)


def answers(connection: Connection) -> list[Any]:
    return connection.execute("select cache_key, answer from content_analyses order by 1").fetchall()


def booked(connection: Connection) -> object:
    return connection.execute(
        "select sum(input_tokens), sum(cached_input_tokens), sum(output_tokens) from llm_calls"
    ).fetchone()


def analysed(account: Account, **environment: str) -> int:
    """How many items are answered by batch."""
    with account.models(**BATCH, **environment) as session:
        return sum(len(member.analyses) for member in session.analyse(ITEMS, CONTEXT))


def test_a_batch_gives_the_rows_of_single_requests_at_half_the_price(account: Account, app_database: Connection):
    assert analysed(account) == 18
    by_batch = answers(app_database)
    cost = "select sum(cost_usd), array_agg(distinct mode), array_agg(distinct provider) from llm_calls"
    usd, modes, providers = app_database.execute(cost).fetchone() or ()
    assert (modes, providers) == (["batch"], [account.provider])
    assert booked(app_database) == account.server.tokens
    assert not account.questions
    app_database.execute("truncate content_analyses, llm_calls cascade")
    with account.models() as session:
        list(session.analyse(ITEMS, CONTEXT))
    assert answers(app_database) == by_batch
    assert (app_database.execute(cost).fetchone() or ())[0] == 2 * usd


def test_a_batch_is_read_once_and_then_deleted(account: Account, app_database: Connection):
    for _ in range(2):
        analysed(account)
    assert len(account.server.batches.batches) == 1
    assert account.server.batches.deleted
    assert not account.server.batches.files
    rows = app_database.execute("select status, provider, requests::text like '%joy%' from llm_batches").fetchall()
    assert rows == [("read", account.provider, False)]


@pytest.mark.parametrize(
    ("account", "end", "error_share"),
    [
        ("openai", "expired", 0.0),
        ("openai", "completed", 0.5),
        ("openai", "failed", 0.0),
        ("anthropic", "expired", 0.0),
        ("anthropic", "succeeded", 0.5),
        ("anthropic", "errored", 0.0),
    ],
    indirect=["account"],
)
def test_a_batch_that_ends_badly_loses_nothing_and_pays_for_no_answer_twice(
    account: Account, app_database: Connection, end: str, error_share: float
):
    account.server.batches.end, account.server.batches.error_share = end, error_share
    assert analysed(account) == 18
    assert booked(app_database) == account.server.tokens
    assert app_database.execute("select sum(items) from llm_calls").fetchone() == (18,)


def test_what_is_refused_cut_off_or_spoiled_in_a_batch_is_asked_again(account: Account, app_database: Connection):
    account.server.next_faults = ["refusal", "cut_off", "not_json", "missing_fields"]
    assert analysed(account) == 18
    assert booked(app_database) == account.server.tokens


def test_an_answer_to_the_submission_that_gets_lost_makes_no_second_batch(account: Account, app_database: Connection):
    account.server.batches.lose_create_answers, account.server.batches.looks = 1, 6
    assert analysed(account) == 18
    assert len(account.server.batches.batches) == 1
    assert booked(app_database) == account.server.tokens


@pytest.mark.parametrize("forgotten", [False, True])
def test_after_kill_9_the_same_batch_is_read_by_the_next_run(
    account: Account, app_database: Connection, app_database_url: str, forgotten: bool
):
    account.server.batches.looks = 1_000_000
    environment = {**account.environment, **BATCH}
    process = subprocess.Popen(
        [sys.executable, "-c", RUN.replace("[int(sys.argv[3]) :]", ""), app_database_url, "9", "0"],
        env={**os.environ, **environment},
    )
    submitted = "select count(*) from llm_batches where provider_batch_id is not null"
    until = time.monotonic() + 240
    while app_database.execute(submitted).fetchone() == (0,) and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    if forgotten:
        # As if it had been killed between the API's answer and our writing it down.
        app_database.execute("update llm_batches set provider_batch_id = null, status = 'submitting'")
    settings = load_settings(None, environment)
    assert batches_to_read(settings, app_database_url) == []
    account.server.batches.looks = 1
    over = [(batch.over, batch.provider) for batch in batches_to_read(settings, app_database_url)]
    assert over == [(True, account.provider)]
    with account.models(**BATCH) as session:
        results = list(session.analyse(members_items(9, 2), CONTEXT))
    assert sum(len(member.analyses) for member in results) == 18
    assert len(account.server.batches.batches) == 1
    assert not account.questions


def test_near_the_deadline_a_batch_is_cancelled_and_the_rest_asked_by_single_requests(
    account: Account, app_database: Connection, monkeypatch: pytest.MonkeyPatch
):
    account.server.batches.looks = 1_000_000
    closing = datetime(2026, 1, 11, 6, 14, 59, tzinfo=UTC)

    def clock() -> datetime:
        """The deadline passes once the batch is there, however slow the machine is."""
        return closing + timedelta(minutes=1 if account.server.batches.batches else 0)

    monkeypatch.setattr(batch_module.BatchRun.__init__, "__defaults__", (clock, 0.05))
    assert analysed(account) == 18
    assert len(account.questions) == 3
    assert booked(app_database) == account.server.tokens


def test_a_request_that_the_budget_does_not_cover_is_not_submitted(account: Account, app_database: Connection):
    with pytest.raises(BudgetExceededError):
        analysed(account, MATCHME_WEEKLY_BUDGET_USD="0.0001")
    assert not account.server.batches.batches
    assert app_database.execute("select count(*) from llm_budget_holdings").fetchone() == (0,)


# What each provider's batches travel by.
AREAS = {"openai": ("files", "batches"), "anthropic": ("batches", "results")}


@each_fault("TRANSPORT")
@pytest.mark.parametrize("area", [0, 1])
def test_a_fault_before_any_answer_about_a_batch_loses_nothing_and_pays_nothing_twice(
    account: Account, app_database: Connection, area: int, fault: str
):
    account.server.batches.looks = 1
    # One of each sort of call.
    account.server.other_faults = {AREAS[account.provider][area]: [fault] * 2}
    assert analysed(account) == 18
    assert account.server.faults_served[fault] == 2
    assert len(account.server.batches.batches) == 1
    assert booked(app_database) == account.server.tokens


@pytest.mark.parametrize(
    ("account", "fault", "word"),
    [("openai", "quota_exhausted", "quota"), ("anthropic", "no_credit", "credit")],
    indirect=["account"],
)
def test_credit_that_ends_while_a_batch_is_submitted_stops_with_one_sentence(
    account: Account, app_database: Connection, fault: str, word: str
):
    account.server.other_faults = {"batches": [fault]}
    with pytest.raises(ModelRequestError, match=word):
        analysed(account)
    assert not account.server.batches.batches
    assert app_database.execute("select status from llm_batches").fetchall() == [("lost",)]


def test_a_server_without_batches_is_told_of_in_one_sentence(account: Account, app_database: Connection):
    account.server.batches.offered = False
    with pytest.raises(ModelRequestError, match="MATCHME_LLM_MODE"):
        analysed(account)
    assert app_database.execute("select status from llm_batches").fetchall() == [("lost",)]
