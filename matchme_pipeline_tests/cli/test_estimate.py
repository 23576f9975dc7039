"""`matchme estimate`: a week's estimate against what the week then records."""

from decimal import Decimal

import pytest

from matchme_pipeline.cli.estimate import estimate_week
from matchme_pipeline.database.connection import connect
from matchme_pipeline.llm.estimate import StageEstimate
from matchme_pipeline.population.reviews import review_insights
from matchme_pipeline.settings import process_settings
from matchme_pipeline.week import Week
from matchme_pipeline_tests.materialising import WEEKS, materialise
from matchme_pipeline_tests.openai_server import FakeOpenAI


def estimated(url: str, week: Week) -> tuple[list[StageEstimate], int, Decimal]:
    with connect(url) as connection:
        rows = estimate_week(connection, process_settings(), week)
    return rows, sum(row.input_tokens + row.output_tokens for row in rows), sum((r.cost_usd for r in rows), Decimal(0))


def recorded(url: str, week: Week) -> tuple[int, Decimal]:
    with connect(url) as connection:
        row = connection.execute(
            "select sum(input_tokens + output_tokens)::bigint, sum(cost_usd) from llm_calls where week = %s",
            [week.sunday],
        ).fetchone()
    assert row is not None
    return row


@pytest.mark.parametrize("insights_a_post", [1.0, 1.5])
def test_a_weeks_estimate_is_within_15_percent_of_what_it_then_records(
    small_url: str, paid: FakeOpenAI, insights_a_post: float
):
    paid.insights_a_post, paid.latency_seconds = insights_a_post, 0.02
    for week in WEEKS[:2]:
        if not week.is_first:
            with connect(small_url) as connection:
                review_insights(connection, week_cutoff=week.previous.cutoff, seed=7)
        before = len(paid.requests)
        rows, tokens, usd = estimated(small_url, week)
        assert len(paid.requests) == before
        assert [row.stage for row in rows] == [
            "content_insights", "post_embeddings", "user_embeddings", "chaichat_previews",
        ]  # fmt: skip
        assert all(row.seconds > 0 for row in rows if row.calls)
        materialise(small_url, week, provider="openai")
        paid_tokens, paid_usd = recorded(small_url, week)
        assert tokens == pytest.approx(paid_tokens, rel=0.15)
        assert usd == pytest.approx(paid_usd, rel=Decimal("0.15"))
        assert estimated(small_url, week)[1:] == (0, 0)
