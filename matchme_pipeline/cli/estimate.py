"""`matchme estimate`: forecasts a week's model calls and their cost."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from decimal import Decimal
from functools import cache

from rich.table import Table

from matchme_pipeline.cli import console
from matchme_pipeline.content.canonical import canonical_text, content_hash
from matchme_pipeline.content.queries import live_items
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.embeddings import update
from matchme_pipeline.embeddings.queries import items_as_of
from matchme_pipeline.llm import estimate
from matchme_pipeline.llm.contracts import ItemToAnalyse, PairToPreview, PairToReview
from matchme_pipeline.llm.estimate import StageEstimate
from matchme_pipeline.llm.local.provider import LocalProvider
from matchme_pipeline.matching import member_queries as matching_queries
from matchme_pipeline.matching.rules.limits import process_limits
from matchme_pipeline.matching.week import close_call_reviews, preview_queries, weekly_matching
from matchme_pipeline.matching.week.previews import pairs_to_preview
from matchme_pipeline.settings import Settings
from matchme_pipeline.week import Week


def estimate_week(connection: Connection, settings: Settings, week: Week) -> list[StageEstimate]:
    """One estimate per stage that calls models; stored answers cost nothing."""
    model = LocalProvider.embedding_model if settings.provider == "local" else settings.embedding_model
    posts, _ = update.texts_without_vector(connection, items_as_of(connection, week.cutoff, model))
    members = update.member_parts(connection, week, model).texts

    # Reviews and previews use the same pairs. A week that is already matched needs none for its previews.
    @cache
    def allocated() -> weekly_matching.WeekAllocation:
        engine = weekly_matching.load_engine(connection, week, model, process_limits())
        return weekly_matching.allocate_week(connection, engine, week)

    looked_at = (
        []
        if settings.provider == "local" or settings.review_model is None
        else [estimate.estimate_reviews(connection, settings, _close_calls(connection, week, allocated()))]
    )
    return [
        estimate.estimate_insights(connection, settings, _items(connection, week)),
        estimate.estimate_embeddings(connection, settings, posts, "post_embeddings"),
        estimate.estimate_embeddings(connection, settings, members, "user_embeddings"),
        *looked_at,
        estimate.estimate_previews(connection, settings, _pairs(connection, week, allocated)),
    ]


def show(rows: Sequence[StageEstimate]) -> None:
    """One line per stage, and their sum."""
    table = Table(title="Estimate", title_justify="left")
    table.add_column("stage")
    table.add_column("model")
    for heading in ("items", "stored", "calls", "input tokens", "output tokens", "USD", "seconds"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(row.stage, row.model, *_figures([row]))
    table.add_section()
    table.add_row("all", "", *_figures(rows), style="bold")
    console.out.print(table)


def as_rows(rows: Sequence[StageEstimate]) -> list[dict[str, object]]:
    """The estimates as JSON-ready mappings."""
    return [asdict(row) for row in rows]


def _items(connection: Connection, week: Week) -> list[ItemToAnalyse]:
    return [
        ItemToAnalyse(item.user_id, digest, canonical_text(item.text), item.categories, item.depth_level)
        for item in live_items(connection, week.items_from, week.cutoff)
        if (digest := content_hash(item.text)) is not None
    ]


def _pairs(
    connection: Connection, week: Week, allocated: Callable[[], weekly_matching.WeekAllocation]
) -> list[PairToPreview]:
    """The week's pairs; before the week is matched, the pairs that matching would choose now."""
    pairs = [(pair.a, pair.b) for pair in matching_queries.pairs_of_week(connection, week.match_week)]
    if not pairs:
        pairs = [(match.a, match.b) for match in allocated().allocation.matches]
    members = {user_id for pair in pairs for user_id in pair}
    approved = matching_queries.approved_insights(connection, week.cutoff, members)
    rows = [matching_queries.PairRow(a, b, None) for a, b in pairs]
    return pairs_to_preview(rows, approved, preview_queries.common_attributes(connection, members))


def _close_calls(connection: Connection, week: Week, result: weekly_matching.WeekAllocation) -> list[PairToReview]:
    """The pairs that the week's matching would send to review now."""
    wanted = close_call_reviews.pairs_to_review(
        result.allocation.matches,
        close_call_reviews.approved_by_matched(connection, week, result),
        process_limits().least_score,
    )
    return [pair for _, pair in wanted.values()]


def _figures(rows: Sequence[StageEstimate]) -> list[str]:
    return [
        f"{sum(row.items for row in rows):,}",
        f"{sum(row.reused for row in rows):,}",
        f"{sum(row.calls for row in rows):,}",
        f"{sum(row.input_tokens for row in rows):,}",
        f"{sum(row.output_tokens for row in rows):,}",
        f"{sum((row.cost_usd for row in rows), Decimal(0)):.4f}",
        f"{sum(row.seconds for row in rows):,.0f}",
    ]
