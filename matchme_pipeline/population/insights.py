"""Insights that the app had of its members before the pipeline's first week, reviewed before and through the weeks."""

from datetime import datetime, timedelta

import numpy as np

from matchme_pipeline.population.ids import row_id
from matchme_pipeline.population.people import Member, Row
from matchme_pipeline.population.posts import Source
from matchme_pipeline.population.random_draws import after, happens, one, whole

MAX_INSIGHTS = 9
_NOTED_SHARE = 0.95
_APPROVED_SHARE = 0.88
# Seeded insights end in the first week, in which the pipeline begins to find insights.
_INTO_FIRST_WEEK = timedelta(days=7)
_LIFETIME = timedelta(days=30)
_DESCRIPTIONS = (
    "What you shared suggests that {about} has a place in your life.",
    "You write about {about} as someone who means it.",
    "Your own words show how much {about} matters to you.",
    "People who read your posts will notice that you care about {about}.",
)


def insights(
    rng: np.random.Generator, member: Member, seed: int, start: datetime, end: datetime, sources: list[Source]
) -> list[Row]:
    """Up to nine insights, each with a quote from a sentence that the member had shared before."""
    unique = {
        source.sentence.text: source
        for source in sorted(sources, key=lambda source: (source.shared_at, source.sentence.text), reverse=True)
        if source.shared_at < start + _INTO_FIRST_WEEK
    }
    last = min(end, member.leaves_at or end)
    rows = []
    for number, source in enumerate(list(reversed(unique.values()))[:MAX_INSIGHTS]):
        created = after(rng, source.shared_at, timedelta(hours=10))
        if not happens(rng, _NOTED_SHARE) or created >= last:
            continue
        reviewed = after(rng, created, timedelta(days=5))
        decided = happens(rng, 0.5 + 0.5 * member.reviews) and reviewed < last
        status = ("approved" if happens(rng, _APPROVED_SHARE) else "rejected") if decided else "pending"
        theme = source.sentence.theme
        rows.append(
            {
                "id": row_id(seed, "insight", member.index, number),
                "clerk_user_id": member.user_id,
                "insight_category": theme.category,
                "title": theme.title,
                "description": one(rng, _DESCRIPTIONS).format(about=theme.about),
                "source_quote": source.sentence.text,
                "confidence_score": whole(rng, 60, 95),
                "status": status,
                "contributes_to_dna": status == "approved",
                "reviewed_at": reviewed if decided else None,
                "created_at": created,
                "expires_at": created + _LIFETIME,
                "updated_at": reviewed if decided else created,
            }
        )
    return rows
