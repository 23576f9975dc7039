"""A week's cost at list prices: from the ledger's tokens, or from the texts that the offline models received."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from matchme_pipeline.content.canonical import canonical_text, content_hash
from matchme_pipeline.content.queries import live_items
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.llm import estimate
from matchme_pipeline.llm.contracts import ItemToAnalyse
from matchme_pipeline.llm.estimate import StageEstimate
from matchme_pipeline.llm.prices import PriceTable, TokenUsage
from matchme_pipeline.matching import member_queries
from matchme_pipeline.matching.week import preview_queries
from matchme_pipeline.matching.week.previews import pairs_to_preview
from matchme_pipeline.operations.report.queries import StageSpending
from matchme_pipeline.settings import Settings
from matchme_pipeline.week import Week

T = TypeVar("T")
# Building all requests of 40,000 members would take minutes, and the figure is called "about".
MAX_MEMBERS, MAX_PAIRS = 300, 600


@dataclass(frozen=True)
class ListPrice:
    """The cost of a stage's tokens at list prices, in USD."""

    stage: str
    tokens: int
    cost_usd: Decimal


def of_spending(prices: PriceTable, row: StageSpending) -> Decimal:
    """The standard price of the row's tokens without caching; its real cost if the model has no price."""
    entry = prices.models.get(row.model)
    if entry is None:
        return row.cost_usd
    return entry.standard.cost_usd(TokenUsage(row.input_tokens, 0, 0, row.output_tokens))


def of_offline_week(
    connection: Connection,
    settings: Settings,
    week: Week,
    most_members: int = MAX_MEMBERS,
    most_pairs: int = MAX_PAIRS,
) -> list[ListPrice]:
    """The cost that OpenAI's models would have had for a week of the offline models, by stage.

    Builds the real requests for an even sample of members and pairs, and scales the result. Vectors are counted for the
    week's own items, not for members' profiles, which are embedded when they change. Empty if a configured model has no
    price.
    """
    paid = settings.model_copy(update={"llm": "openai"})
    by_member: dict[str, list[ItemToAnalyse]] = {}
    for item in live_items(connection, week.items_from, week.cutoff):
        if (digest := content_hash(item.text)) is not None:
            text = canonical_text(item.text)
            by_member.setdefault(item.user_id, []).append(
                ItemToAnalyse(item.user_id, digest, text, item.categories, item.depth_level)
            )
    items = [item for member in _evenly(sorted(by_member), most_members) for item in by_member[member]]
    all_pairs = member_queries.pairs_of_week(connection, week.match_week)
    pairs = _evenly(all_pairs, most_pairs)
    members = {user_id for pair in pairs for user_id in (pair.a, pair.b)}
    approved = member_queries.approved_insights(connection, week.cutoff, members)
    wanted = pairs_to_preview(pairs, approved, preview_queries.common_attributes(connection, members))
    texts = {item.content_hash: item.text for item in items}
    of_items = sum(map(len, by_member.values())) / (len(items) or 1)
    of_pairs = len(all_pairs) / (len(pairs) or 1)
    try:
        return [
            _scaled(estimate.estimate_insights(connection, paid, items), of_items),
            _scaled(estimate.estimate_embeddings(connection, paid, texts, "post_embeddings"), of_items),
            _scaled(estimate.estimate_previews(connection, paid, wanted), of_pairs),
        ]
    except ConfigurationError:
        return []


def _evenly(rows: Sequence[T], most: int) -> list[T]:
    """At most `most` of the rows, evenly spaced."""
    step = max(1.0, len(rows) / most)
    return [rows[int(number * step)] for number in range(int(len(rows) / step))]


def _scaled(row: StageEstimate, factor: float) -> ListPrice:
    tokens = round((row.input_tokens + row.output_tokens) * factor)
    return ListPrice(row.stage, tokens, row.cost_usd * Decimal(factor))
