"""SQL of the content checks: read the tables as they stand, independent of what the stages believe they wrote."""

from datetime import date, datetime

from matchme_pipeline.database.connection import Connection


def unhashed_items(connection: Connection, first: datetime, before: datetime, week: date) -> tuple[int, int]:
    """Live posts of the window without a row, and rows of the week with neither hash nor reason."""
    row = connection.execute(
        """
        select
            (
                select count(*)
                from posts p
                join profiles m on m.clerk_user_id = p.clerk_user_id and m.deleted_at is null
                where p.created_at >= %(first)s and p.created_at < %(before)s and p.deleted_at is null
                    and coalesce(p.is_visible, true) and coalesce(p.is_approved, true)
                    and not exists (select from content_items c where c.item_type = 'post' and c.item_id = p.id)
            ),
            (
                select count(*) from content_items
                where week = %(week)s and content_hash is null and skip_reason is null
            )
        """,
        {"first": first, "before": before, "week": week},
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def quotes_with_sources(connection: Connection, week: date) -> list[tuple[str, str | None]]:
    """Each quote of the week's insights with the text of its item, None where that isn't the same member's."""
    return connection.execute(
        """
        select i.source_quote, coalesce(p.caption, v.transcription)
        from insight_sources s
        join user_insights i on i.id = s.insight_id
        left join posts p on s.item_type = 'post' and p.id = s.item_id and p.clerk_user_id = i.clerk_user_id
        left join voice_introductions v
            on s.item_type = 'voice_introduction' and v.id = s.item_id and v.user_id = i.clerk_user_id
        where s.week = %s
        """,
        [week],
    ).fetchall()


def items_without_outcome(connection: Connection, week: date) -> tuple[int, int]:
    """Posts of the week that wait, and posts that failed."""
    row = connection.execute(
        """
        select count(*) filter (where p.processing_status in ('pending', 'processing')),
            count(*) filter (where p.processing_status = 'failed')
        from content_items c
        join posts p on c.item_type = 'post' and p.id = c.item_id
        where c.week = %s
        """,
        [week],
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)
