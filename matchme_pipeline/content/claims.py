"""Insights as rows: one row for each claim about a member, however often it is found."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from matchme_pipeline.content.canonical import canonical_text, locate_quote
from matchme_pipeline.content.items import HashedItem
from matchme_pipeline.llm.contracts import Insight, MemberAnalysis

# Namespace of insight ids. An id is derived from the content, so that the same claim always has the same row.
NAMESPACE = uuid.UUID("0c8b2c5e-6d0f-4b7c-8a52-3f7f8f0a9b11")


@dataclass(frozen=True)
class Claim:
    """One insight of a member with its source item and answer; `quote` is in the member's own spelling."""

    id: uuid.UUID
    user_id: str
    insight: Insight
    quote: str
    item_type: str
    item_id: uuid.UUID
    content_hash: str
    cache_key: str


def claims(analysis: MemberAnalysis, items: Sequence[HashedItem]) -> list[Claim]:
    """The claims of one member's analysis; a claim of a duplicated text has one row per item with that text."""
    by_hash = {answer.content_hash: answer for answer in analysis.analyses}
    return [
        Claim(
            claim_id(analysis.member_id, insight),
            analysis.member_id,
            insight,
            _own_spelling(item.raw.text or "", insight.source_quote),
            item.raw.item_type,
            item.raw.item_id,
            str(item.content_hash),
            by_hash[item.content_hash].cache_key,
        )
        for item in items
        if item.content_hash in by_hash
        for insight in by_hash[item.content_hash].insights
    ]


def claim_id(user_id: str, insight: Insight) -> uuid.UUID:
    """The id of a claim: equal member, category and words give an equal id."""
    return uuid.uuid5(NAMESPACE, f"{user_id}|{insight.category}|{quote_key(insight.source_quote)}")


def quote_key(quote: str) -> str:
    """A quote in canonical form without case and line breaks, for comparison."""
    return " ".join(canonical_text(quote).casefold().split())


def insight_text(title: str, description: str) -> str:
    """An insight as one text, the way it is embedded."""
    return f"{title}. {description}"


def _own_spelling(raw: str, quote: str) -> str:
    span = locate_quote(raw, quote)
    return raw[slice(*span)] if span else quote
