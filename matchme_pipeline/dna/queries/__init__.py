"""All SQL of the DNA package: read facts and vectors, store results by week, publish scores to the app."""

from matchme_pipeline.dna.queries.between_weeks import newest_week, show_between_weeks
from matchme_pipeline.dna.queries.facts import facts_as_of, members_as_of
from matchme_pipeline.dna.queries.items import item_sums_as_of
from matchme_pipeline.dna.queries.published import publish_newest_week
from matchme_pipeline.dna.queries.results import (
    content_originality,
    replace_distribution,
    replace_originality,
    replace_scores,
    scored_members,
    tier_counts,
    trait_distribution,
    update_scores,
)

__all__ = [
    "content_originality",
    "facts_as_of",
    "item_sums_as_of",
    "members_as_of",
    "newest_week",
    "publish_newest_week",
    "replace_distribution",
    "replace_originality",
    "replace_scores",
    "scored_members",
    "show_between_weeks",
    "tier_counts",
    "trait_distribution",
    "update_scores",
]
