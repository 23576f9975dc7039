"""Message batches: the same rows as single requests, at half the price, through restarts, expiry and failure."""

from datetime import UTC, datetime

import pytest

from matchme_pipeline.errors import ModelRequestError
from matchme_pipeline.llm.batch_poll import batches_to_read
from matchme_pipeline.llm.contracts import PairToReview, Review, SharedInsight
from matchme_pipeline.llm.execution import batch_run as batch_module
from matchme_pipeline.llm.execution import client_calls
from matchme_pipeline.settings import load_settings
from matchme_pipeline_tests.llm.conftest import CONTEXT, members_items

ITEMS = members_items(6, 3)
BATCH = {"MATCHME_LLM_MODE": "batch"}


@pytest.fixture(autouse=True)
def _look_often(monkeypatch):
    monkeypatch.setattr(batch_module.BatchRun.__init__, "__defaults__", (lambda: datetime.now(UTC), 0.01))
    monkeypatch.setattr(batch_module, "MAX_POLL_SECONDS", 0.05)


def answers(connection):
    return connection.execute("select cache_key, answer from content_analyses order by 1").fetchall()


def booked(connection):
    return connection.execute(
        "select sum(input_tokens), sum(cached_input_tokens), sum(output_tokens) from llm_calls"
    ).fetchone()


def analysed(results):
    return sum(len(member.analyses) for member in results)


def test_reviews_travel_by_anthropics_batches_and_vectors_by_openais(server, claude, claude_models, app_database):
    sides = [(SharedInsight(str(n), "values", f"Values thing {n}", "They do."),) for n in range(8)]
    with claude_models(**BATCH, MATCHME_REVIEW_MODEL="claude-opus-5-5") as session:
        reviews = list(session.review([PairToReview(str(n), one, sides[0]) for n, one in enumerate(sides)], CONTEXT))
        embedded = session.embed({"h": "a text"}, CONTEXT)
    assert all(isinstance(review, Review) for review in reviews)
    assert len(embedded.vectors) == 1
    by_provider = app_database.execute("select provider, model from llm_batches order by 1").fetchall()
    assert by_provider == [("anthropic", "claude-opus-5-5"), ("openai", "text-embedding-3-small")]
    assert (len(server.batches.batches), len(claude.batches.batches)) == (1, 1)


def test_a_batch_of_somebody_else_with_as_many_requests_is_not_taken_for_ours(claude, claude_models, app_database):
    strangers = [{"custom_id": f"theirs-{n}", "params": {}} for n in range(6)]
    finish = claude.batches._finish

    def finish_theirs_without_answers(batch, end):
        finish(batch, "errored" if batch["id"] == "msgbatch_1" else end)

    claude.batches._finish = finish_theirs_without_answers
    import anthropic

    with anthropic.Anthropic(api_key="x", base_url=claude.url) as other:
        other.messages.batches.create(requests=strangers)
    claude.batches.lose_create_answers = 1
    with claude_models(**BATCH) as session:
        results = list(session.analyse(ITEMS, CONTEXT))
    assert analysed(results) == 18
    assert claude.batches.deleted == ["msgbatch_2"]
    assert len(claude.batches.batches) == 2


def test_one_accounts_trouble_keeps_no_other_accounts_batches_waiting(
    server, claude, claude_environment, app_database, app_database_url
):
    for provider, model in (("anthropic", "claude-haiku-5-5"), ("openai", "gpt-6-luna")):
        app_database.execute(
            """
            insert into llm_batches (id, kind, stage, week, provider, model, status, provider_batch_id, requests)
            values (gen_random_uuid(), 'chat', %s, %s, %s, %s, 'submitted', %s, '{}')
            """,
            [CONTEXT.stage, CONTEXT.week, provider, model, f"{provider}_1"],
        )
    server.batches.batches["openai_1"] = {"id": "openai_1", "object": "batch", "status": "expired", "looks": 0}
    claude.other_faults = {"batches": ["unauthorized"] * 2}
    settings = load_settings(None, claude_environment)
    assert [batch.provider for batch in batches_to_read(settings, app_database_url)] == ["openai"]
    app_database.execute("delete from llm_batches where provider = 'openai'")
    with pytest.raises(ModelRequestError, match="ANTHROPIC_API_KEY"):
        batches_to_read(settings, app_database_url)


@pytest.mark.parametrize(
    "faults_of_the_api",
    [
        {"batches": ["rate_limited"] * 9_999},
        {"batches": ["", *["rate_limited"] * 9_999]},
        {"batches": ["", *["server_error"] * 9_999]},
        # The server has lost the batch's answer and says nothing more.
        {"batches": ["server_error"] * 9_999},
    ],
    ids=["no batch, told to wait", "no look, told to wait", "no look", "unknown"],
)
def test_an_api_that_answers_nothing_about_batches_ends_the_stage_in_bounded_time(
    claude, claude_models, app_database, monkeypatch, faults_of_the_api
):
    monkeypatch.setattr(client_calls, "TRIES", 2)
    monkeypatch.setattr(client_calls, "MAX_PAUSE_SECONDS", 0.05)
    claude.other_faults = {area: list(kinds) for area, kinds in faults_of_the_api.items()}
    claude.fault_rates = {"rate_limited": 1.0}
    outage = {"MATCHME_LLM_OUTAGE_MINUTES": "0.01"}
    with claude_models(**BATCH, **outage) as session, pytest.raises(ModelRequestError, match=r"down: .* 0\.01 minutes"):
        list(session.analyse(ITEMS, CONTEXT))
    claude.other_faults, claude.fault_rates = {}, {}
    with claude_models(**BATCH) as session:
        assert analysed(session.analyse(ITEMS, CONTEXT)) == 18
    assert booked(app_database) == claude.tokens


def test_results_that_cannot_be_loaded_are_no_outage(claude, claude_models, monkeypatch):
    """The API answers about the batch all the time: one file is at fault, and is waited for as before."""
    monkeypatch.setattr(client_calls, "TRIES", 1)
    claude.other_faults = {"results": ["server_error"] * 30}
    with claude_models(**BATCH, MATCHME_LLM_OUTAGE_MINUTES="0.001") as session:
        assert analysed(session.analyse(ITEMS, CONTEXT)) == 18
    assert claude.faults_served["server_error"] == 30


def test_half_a_result_file_is_not_taken_for_the_answers(claude, claude_models, app_database):
    claude.batches.halve_results = True
    with claude_models(**BATCH) as session:
        results = list(session.analyse(ITEMS, CONTEXT))
    assert analysed(results) == 18
    assert len(claude.batches.batches) == 1
    assert booked(app_database) == claude.tokens
