"""Whom other weeks have shown, read plainly: what the pipeline's array reading has to give."""

from datetime import date, datetime

from matchme_pipeline.database.connection import Connection


def pairs_shown(
    connection: Connection, match_week: date, window_weeks: int, published_before: datetime | None = None
) -> list[tuple[str, str]]:
    """Pairs that any other week within the window shows, earlier or later, published before a moment."""
    return connection.execute(
        """
        select distinct least(user_id, match_user_id), greatest(user_id, match_user_id)
        from weekly_matches
        where week_start_date <> %(week)s
            and week_start_date > %(week)s::date - 7 * %(window)s and week_start_date < %(week)s::date + 7 * %(window)s
            and (%(before)s::timestamptz is null or created_at < %(before)s)
        order by 1, 2
        """,
        {"week": match_week, "window": window_weeks, "before": published_before},
    ).fetchall()
