"""SQL of members' data and decisions: insights, matches, scores. Every statement is restricted to one member."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from matchme_pipeline.database.connection import Connection


@dataclass(frozen=True)
class InsightRow:
    """A row of `user_insights`."""

    id: UUID
    category: str
    title: str
    description: str
    source_quote: str | None
    confidence: int
    status: str
    created_at: datetime
    expires_at: datetime
    reviewed_at: datetime | None


@dataclass(frozen=True)
class MatchRow:
    """A row of `weekly_matches`."""

    id: UUID
    match_user_id: str
    rank: int
    score: Decimal
    compatibility_factors: Any
    chaichat_preview: Any
    viewed_at: datetime | None
    actioned_at: datetime | None


@dataclass(frozen=True)
class ScoreRow:
    """A row of `dna_score_history`."""

    week: date
    score: int
    tier: str
    percentile_rank: Decimal | None
    change: int | None
    previous_tier: str | None
    trait_rarity: Decimal
    profile_depth: Decimal
    behavioural: Decimal
    content_originality: Decimal
    cultural_variance: Decimal
    component_breakdown: dict[str, Any]
    rare_traits: list[Any]
    unique_behaviours: list[Any]
    algorithm_version: str


def insights_page(
    connection: Connection, user_id: str, status: str, limit: int, after: tuple[datetime, UUID] | None
) -> list[InsightRow]:
    """The member's insights in `status`, newest first, without expired pending ones."""
    with connection.cursor(row_factory=class_row(InsightRow)) as cursor:
        return cursor.execute(
            """
            select id, insight_category as category, title, description, source_quote, confidence_score as confidence,
                status, created_at, expires_at, reviewed_at
            from user_insights
            where clerk_user_id = %(user_id)s and status = %(status)s
                and (status <> 'pending' or expires_at > now())
                and (%(at)s::timestamptz is null or (created_at, id) < (%(at)s, %(id)s::uuid))
            order by created_at desc, id desc
            limit %(limit)s
            """,
            {
                "user_id": user_id,
                "status": status,
                "limit": limit,
                "at": after[0] if after else None,
                "id": after[1] if after else None,
            },
        ).fetchall()


def insight(connection: Connection, user_id: str, insight_id: UUID) -> InsightRow | None:
    """One of the member's insights."""
    with connection.cursor(row_factory=class_row(InsightRow)) as cursor:
        return cursor.execute(
            """
            select id, insight_category as category, title, description, source_quote, confidence_score as confidence,
                status, created_at, expires_at, reviewed_at
            from user_insights
            where clerk_user_id = %s and id = %s
            """,
            [user_id, insight_id],
        ).fetchone()


def review(connection: Connection, user_id: str, insight_id: UUID, decision: str) -> bool:
    """Record the member's review of a pending insight that has not expired; returns whether there was one.

    The app's trigger on this update awards the points.
    """
    return (
        connection.execute(
            """
            update user_insights
            set status = %(decision)s, reviewed_at = clock_timestamp(), contributes_to_dna = %(decision)s = 'approved'
            where clerk_user_id = %(user_id)s and id = %(id)s and status = 'pending' and expires_at > now()
            """,
            {"decision": decision, "user_id": user_id, "id": insight_id},
        ).rowcount
        == 1
    )


def total_points(connection: Connection, user_id: str) -> int | None:
    """The member's points; None before their first review."""
    row = connection.execute(
        "select total_points from gamification_progress where clerk_user_id = %s", [user_id]
    ).fetchone()
    return row[0] if row else None


def matches(connection: Connection, user_id: str, match_week: date) -> list[MatchRow]:
    """The member's matches of one match week, best first, without members who have since been deleted or hidden."""
    with connection.cursor(row_factory=class_row(MatchRow)) as cursor:
        return cursor.execute(
            """
            select id, match_user_id, rank, score, compatibility_factors, chaichat_preview, viewed_at, actioned_at
            from weekly_matches m
            where user_id = %s and week_start_date = %s
                and exists (
                    select from profiles p
                    where p.clerk_user_id = m.match_user_id and p.deleted_at is null
                        and coalesce(p.profile_visibility, 'members') <> 'hidden'
                )
            order by rank
            """,
            [user_id, match_week],
        ).fetchall()


def scores(connection: Connection, user_id: str, weeks: int) -> list[ScoreRow]:
    """The member's scores of the newest `weeks` weeks, the newest first."""
    with connection.cursor(row_factory=class_row(ScoreRow)) as cursor:
        return cursor.execute(
            """
            select week, score, tier, percentile_rank, change, previous_tier, trait_rarity, profile_depth, behavioural,
                content_originality, cultural_variance, component_breakdown, rare_traits, unique_behaviours,
                algorithm_version
            from dna_score_history
            where user_id = %s
            order by week desc
            limit %s
            """,
            [user_id, weeks],
        ).fetchall()
