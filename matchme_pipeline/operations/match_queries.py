"""SQL of one member's matches for display."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from psycopg.rows import class_row

from matchme_pipeline.database.connection import Connection


@dataclass(frozen=True)
class MatchRow:
    """One of a member's matches with the displayed columns."""

    match_user_id: str
    rank: int
    score: Decimal
    compatibility_factors: Any  # as stored: an earlier batch may have written any JSON
    chaichat_preview: Any


def matches_of(connection: Connection, user_id: str, match_week: date) -> list[MatchRow]:
    """The member's matches of one match week, best first."""
    with connection.cursor(row_factory=class_row(MatchRow)) as cursor:
        return cursor.execute(
            """
            select match_user_id, rank, score, compatibility_factors, chaichat_preview
            from weekly_matches
            where user_id = %s and week_start_date = %s
            order by rank
            """,
            [user_id, match_week],
        ).fetchall()


def newest_match_week(connection: Connection, user_id: str | None = None) -> date | None:
    """The newest match week with matches (of one member); None if there is none."""
    row = connection.execute(
        "select max(week_start_date) from weekly_matches where %(user)s::text is null or user_id = %(user)s",
        {"user": user_id},
    ).fetchone()
    return row[0] if row else None


def member_to_show(connection: Connection, match_week: date) -> str | None:
    """A member for the demonstration: the fullest list with previews on shared insights; ties by id."""
    row = connection.execute(
        """
        select user_id
        from weekly_matches
        where week_start_date = %s
        group by user_id
        order by count(*) desc,
            sum(
                case jsonb_typeof(chaichat_preview -> 'insights_used')
                    when 'array' then jsonb_array_length(chaichat_preview -> 'insights_used')
                end
            ) desc nulls last,
            user_id
        limit 1
        """,
        [match_week],
    ).fetchone()
    return row[0] if row else None


def member_exists(connection: Connection, user_id: str) -> bool:
    """Whether the app has a profile of that id."""
    return connection.execute("select 1 from profiles where clerk_user_id = %s", [user_id]).fetchone() is not None
