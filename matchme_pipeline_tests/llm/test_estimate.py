"""Estimates: offline, close to what is then recorded, nothing for what is answered already."""

import pytest

from matchme_pipeline.llm.estimate import estimate_embeddings, estimate_insights, estimate_previews
from matchme_pipeline.llm.queries import usage_of
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


def test_flex_and_previews_are_estimated_too(app_database, settings):
    flex = settings.model_copy(update={"llm_mode": "flex"})
    standard, half = (estimate_previews(app_database, s, 500) for s in (settings, flex))
    assert standard.calls == 50
    assert round(standard.cost_usd / half.cost_usd, 6) == 2


def test_the_offline_models_cost_nothing(app_database, settings):
    local = settings.model_copy(update={"llm": "local"})
    assert estimate_insights(app_database, local, members_items(2, 2)).cost_usd == 0
