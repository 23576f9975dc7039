"""SQL of one member's rows as the app reads them."""

from typing import LiteralString
from uuid import UUID

from matchme_pipeline.api.queries.app_rows import Row, rows
from matchme_pipeline.database.connection import Connection


def subscription_tier(connection: Connection, user_id: str) -> str | None:
    """The member's stored tier; None without a member or a tier."""
    row = connection.execute("select subscription_tier from profiles where clerk_user_id = %s", [user_id]).fetchone()
    return row[0] if row else None


def pending_insights(connection: Connection, user_id: str) -> list[Row]:
    """Pending insights that have not expired, oldest first."""
    clauses: LiteralString = """
        where t.clerk_user_id = %s and t.status = 'pending' and t.expires_at > now()
        order by t.created_at, t.id
        limit 1000
    """
    return rows(connection, "user_insights", clauses, [user_id])


def approved_insights(connection: Connection, user_id: str, limit: int, offset: int) -> tuple[list[Row], int]:
    """A page of approved insights, newest review first, and their total number."""
    counted = connection.execute(
        "select count(*) from user_insights where clerk_user_id = %s and status = 'approved'", [user_id]
    ).fetchone()
    clauses: LiteralString = """
        where t.clerk_user_id = %s and t.status = 'approved'
        order by t.reviewed_at desc nulls last, t.id desc
        limit %s offset %s
    """
    found = rows(connection, "user_insights", clauses, [user_id, limit, offset])
    return found, int(counted[0]) if counted else 0


def insight(connection: Connection, user_id: str, insight_id: UUID) -> Row | None:
    """One of the member's insights."""
    found = rows(connection, "user_insights", "where t.clerk_user_id = %s and t.id = %s", [user_id, insight_id])
    return found[0] if found else None


def progress(connection: Connection, user_id: str) -> Row | None:
    """The member's points and badges; None before their first review."""
    found = rows(connection, "gamification_progress", "where t.clerk_user_id = %s", [user_id], ["badges"])
    return found[0] if found else None


def achievements(connection: Connection, user_id: str) -> list[Row]:
    """The member's achievements, the newest first."""
    clauses: LiteralString = "where t.user_id = %s order by t.earned_at desc, t.id limit 1000"
    return rows(connection, "mysoul_achievements", clauses, [user_id], ["achievement_data"])
