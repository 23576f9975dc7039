"""What a week costs at list prices: from the ledger's tokens, or, for the offline models, from what they were given."""

from dataclasses import dataclass
from decimal import Decimal

from matchme_pipeline.content.canonical import canonical_text, content_hash
from matchme_pipeline.content.queries import live_items
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.llm import estimate
from matchme_pipeline.llm.contracts import ItemToAnalyse
from matchme_pipeline.llm.prices import PriceTable, TokenUsage
from matchme_pipeline.matching import member_queries
from matchme_pipeline.matching.week import preview_queries
from matchme_pipeline.matching.week.previews import pairs_to_preview
from matchme_pipeline.operations.report.queries import StageSpending
from matchme_pipeline.settings import Settings
from matchme_pipeline.week import Week


@dataclass(frozen=True)
class ListPrice:
    """What a stage's tokens would have cost, in USD."""

    stage: str
    tokens: int
    cost_usd: Decimal


def of_spending(prices: PriceTable, row: StageSpending) -> Decimal:
    """The standard price of the row's tokens, none of them cached; its real cost where the model has no price."""
    entry = prices.models.get(row.model)
    if entry is None:
        return row.cost_usd
    return entry.standard.cost_usd(TokenUsage(row.input_tokens, 0, 0, row.output_tokens))


def of_offline_week(connection: Connection, settings: Settings, week: Week) -> list[ListPrice]:
    """What OpenAI's models would have taken for a week that the offline models answered, by stage.

    Requests are built as they would be sent. Vectors are counted for the week's own items; members' profiles, which
    are embedded when they change, are left out. Empty where a configured model has no price.
    """
    paid = settings.model_copy(update={"llm": "openai"})
    items = [
        ItemToAnalyse(item.user_id, digest, canonical_text(item.text), item.categories, item.depth_level)
        for item in live_items(connection, week.items_from, week.cutoff)
        if (digest := content_hash(item.text)) is not None
    ]
    pairs = member_queries.pairs_of_week(connection, week.match_week)
    members = {user_id for pair in pairs for user_id in (pair.a, pair.b)}
    approved = member_queries.approved_insights(connection, week.cutoff, members)
    wanted = pairs_to_preview(pairs, approved, preview_queries.common_attributes(connection, members))
    texts = {item.content_hash: item.text for item in items}
    try:
        found = [
            estimate.estimate_insights(connection, paid, items),
            estimate.estimate_embeddings(connection, paid, texts, "post_embeddings"),
            estimate.estimate_previews(connection, paid, wanted),
        ]
    except ConfigurationError:
        return []
    return [ListPrice(row.stage, row.input_tokens + row.output_tokens, row.cost_usd) for row in found]
