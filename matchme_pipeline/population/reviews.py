"""Seeded members review the pipeline's insights, so that the weeks of a demonstration depend on each other."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.population import queries

APPROVED_SHARE = 0.8


@dataclass(frozen=True)
class ReviewReport:
    """How many insights were offered, and how many were reviewed."""

    offered: int
    reviewed: int


def review_insights(
    connection: Connection, *, week_cutoff: datetime, seed: int, unseen: Collection[UUID] = ()
) -> ReviewReport:
    """Members' reviews of a week's insights, in the six days after its cutoff.

    They follow from the seed, the member's habit and the insight's id alone, so a repetition changes nothing, and
    pending insights stay pending. Insights in `unseen` are skipped.
    """
    offered = queries.offered_insights(connection, week_cutoff - timedelta(days=7), week_cutoff)
    decisions = [
        decision
        for insight_id, _, reviews in offered
        if insight_id not in unseen and (decision := _decide(seed, insight_id, reviews, week_cutoff)) is not None
    ]
    with connection.transaction():
        reviewed = queries.review_insights(connection, decisions)
    return ReviewReport(len(offered), reviewed)


def _decide(seed: int, insight_id: UUID, reviews: float, cutoff: datetime) -> tuple[UUID, str, datetime] | None:
    digest = hashlib.sha256(f"{seed}/{insight_id}".encode()).digest()
    whether, how, when = (int.from_bytes(digest[i : i + 4], "big") / 2**32 for i in (0, 4, 8))
    if whether > reviews:
        return None
    status = "approved" if how < APPROVED_SHARE else "rejected"
    return insight_id, status, cutoff + timedelta(hours=1) + when * timedelta(days=5, hours=22)
