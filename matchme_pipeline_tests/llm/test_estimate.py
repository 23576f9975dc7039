"""Estimates: offline, close to what is then recorded, nothing for what is answered already."""

import pytest

from matchme_pipeline.llm.contracts import PairToPreview, SharedInsight
from matchme_pipeline.llm.estimate import estimate_embeddings, estimate_insights, estimate_previews
from matchme_pipeline.llm.store.ledger_queries import usage_of
from matchme_pipeline.settings import load_settings
from matchme_pipeline_tests.llm.conftest import CONTEXT, members_items


@pytest.fixture
def settings(server):
    return load_settings(None, {"MATCHME_LLM": "openai", "OPENAI_API_KEY": "sk-x", "OPENAI_BASE_URL": server.url})


def test_an_estimate_comes_close_before_and_closer_after_the_first_run(server, models, app_database, settings):
    items = members_items(30, 6)
    before = estimate_insights(app_database, settings, items)
    assert not server.requests
    with models() as session:
        list(session.analyse(items[:90], CONTEXT))
        after = estimate_insights(app_database, settings, items)
        so_far = usage_of(app_database, CONTEXT.dagster_run_id, CONTEXT.week, CONTEXT.stage)
        list(session.analyse(items, CONTEXT))
    recorded = usage_of(app_database, CONTEXT.dagster_run_id, CONTEXT.week, CONTEXT.stage)
    assert before.calls == recorded.calls == 30
    assert after.reused == 90
    assert abs(before.input_tokens / recorded.input_tokens - 1) < 0.15
    assert abs(before.cost_usd / recorded.cost_usd - 1) < 0.25
    assert abs(after.cost_usd / (recorded.cost_usd - so_far.cost_usd) - 1) < 0.05
    assert estimate_insights(app_database, settings, items).cost_usd == 0


def test_embeddings_are_estimated_as_the_server_counts_them(server, models, app_database, settings):
    texts = {f"h{n}": f"What member {n} wrote about the sea." for n in range(3_000)}
    estimate = estimate_embeddings(app_database, settings, texts, "post_embeddings")
    with models() as session:
        session.embed(texts, CONTEXT)
    assert (estimate.calls, estimate.input_tokens) == (2, server.tokens[0])
    assert estimate_embeddings(app_database, settings, texts, "post_embeddings").reused == 3_000


def pairs(number):
    insights = [SharedInsight(str(n), "values", f"Values thing {n}", "They do.") for n in range(number)]
    return [PairToPreview(str(n), (insight,), ()) for n, insight in enumerate(insights)]


def test_flex_and_previews_are_estimated_too(app_database, settings):
    flex = settings.model_copy(update={"llm_mode": "flex"})
    standard, half = (estimate_previews(app_database, s, pairs(500)) for s in (settings, flex))
    assert standard.calls == 50
    assert round(standard.cost_usd / half.cost_usd, 6) == 2


def test_pairs_of_which_a_model_sees_the_same_are_paid_once(app_database, settings):
    estimate = estimate_previews(app_database, settings, [*pairs(20), *pairs(20)])
    assert (estimate.items, estimate.reused, estimate.calls) == (40, 20, 2)


def test_what_was_sent_by_batch_calibrates_as_well(server, models, app_database, settings):
    server.batches.looks = 1
    server.tokens_a_byte = 0.4
    items = members_items(30, 6)
    texts = {f"h{n}": f"What member {n} wrote about the sea." for n in range(300)}
    with models(MATCHME_LLM_MODE="batch") as session:
        list(session.analyse(items[:90], CONTEXT))
        session.embed(dict(list(texts.items())[:100]), CONTEXT)
        billed = server.tokens[0]
        estimates = [
            estimate_insights(app_database, settings, items),
            estimate_embeddings(app_database, settings, texts, CONTEXT.stage),
        ]
        list(session.analyse(items, CONTEXT))
        session.embed(texts, CONTEXT)
    assert sum(e.input_tokens for e in estimates) == pytest.approx(server.tokens[0] - billed, rel=0.05)


def test_answers_that_had_to_be_asked_for_again_are_expected_again(server, models, app_database, settings):
    server.fault_rates = {"not_json": 0.4}
    items = members_items(120, 2)
    with models() as session:
        list(session.analyse(items[:160], CONTEXT))
        billed = server.tokens
        estimate = estimate_insights(app_database, settings, items)
        list(session.analyse(items, CONTEXT))
    assert estimate.input_tokens == pytest.approx(server.tokens[0] - billed[0], rel=0.25)
    assert estimate.calls > 50


def test_limits_a_minute_decide_how_long_a_stage_takes(app_database, settings):
    items = members_items(600, 1)
    slow = settings.model_copy(update={"llm_requests_per_minute": 60})
    assert estimate_insights(app_database, slow, items).seconds == 600
    assert estimate_insights(app_database, settings, items).seconds < 60
    batch = settings.model_copy(update={"llm_mode": "batch"})
    assert estimate_insights(app_database, batch, items).seconds == 3_600


def test_the_offline_models_cost_nothing(app_database, settings):
    local = settings.model_copy(update={"llm": "local"})
    assert estimate_insights(app_database, local, members_items(2, 2)).cost_usd == 0
