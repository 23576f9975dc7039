"""A week whose close calls Claude reviews while OpenAI answers everything else."""

import pytest

from matchme_pipeline import settings
from matchme_pipeline.database.connection import connect
from matchme_pipeline_tests.anthropic_server import FakeAnthropic
from matchme_pipeline_tests.materialising import WEEKS, materialise
from matchme_pipeline_tests.openai_server import FakeOpenAI

WEEK = WEEKS[-1]


@pytest.fixture
def reviewing(paid: FakeOpenAI, claude: FakeAnthropic, monkeypatch: pytest.MonkeyPatch) -> FakeAnthropic:
    monkeypatch.setenv("MATCHME_REVIEW_MODEL", "claude-opus-5-5")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret-of-the-test")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", claude.url)
    settings.process_settings.cache_clear()
    return claude


def test_claude_reviews_close_calls_and_openai_embeds_each_on_its_own_account(
    finished_url: str, paid: FakeOpenAI, reviewing: FakeAnthropic
):
    result = materialise(finished_url, WEEK, "weekly_matches", provider="openai")
    (event,) = result.get_asset_materialization_events()
    reviews = event.materialization.metadata["reviews"].value
    assert reviews["reviewed"] == reviews["close_calls"] > 0
    with connect(finished_url) as connection:
        (factors,) = connection.execute(
            """
            select count(*)
            from weekly_matches, jsonb_array_elements(compatibility_factors -> 'factors') factor
            where week_start_date = %s and factor ->> 'name' = 'review'
            """,
            [WEEK.match_week],
        ).fetchone() or (0,)
        booked = connection.execute(
            "select provider, model, stage, sum(input_tokens), sum(output_tokens), sum(cost_usd) from llm_calls "
            "where provider in ('openai', 'anthropic') group by 1, 2, 3"
        ).fetchall()
    assert factors == 2 * reviews["reviewed"]
    sent, _, written = reviewing.tokens
    assert [row[:5] for row in booked] == [("anthropic", "claude-opus-5-5", "weekly_matches", sent, written)]
    assert float(booked[0][5]) == pytest.approx((4 * sent + 20 * written) / 1e6)
    assert event.materialization.metadata["cost_usd"].value == pytest.approx(float(booked[0][5]))
