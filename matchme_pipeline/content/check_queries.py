"""SQL of the content checks. It reads the tables and ignores the stages' own counts."""

from datetime import date, datetime
from uuid import UUID

from matchme_pipeline.database.connection import Connection


def unhashed_items(connection: Connection, first: datetime, before: datetime, week: date) -> tuple[int, int]:
    """Numbers of live items of the window without a row, and of rows of the week with neither hash nor reason."""
    row = connection.execute(
        """
        select
            (
                select count(*)
                from matchme_live_items l
                join matchme_present_members m on m.user_id = l.user_id
                left join content_items c on c.item_type = l.item_type and c.item_id = l.item_id
                where l.shared_at >= %(first)s and l.shared_at < %(before)s and c.item_id is null
            ),
            (
                select count(*) from content_items
                where week = %(week)s and content_hash is null and skip_reason is null
            )
        """,
        {"first": first, "before": before, "week": week},
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def quotes_with_sources(connection: Connection, week: date) -> list[tuple[UUID, str, str | None]]:
    """Each insight source of the week: the insight, the quote, and its item's text (None if another member owns the
    item).
    """
    return connection.execute(
        """
        select i.id, coalesce(i.source_quote, ''), coalesce(p.caption, v.transcription)
        from insight_sources s
        join user_insights i on i.id = s.insight_id
        left join posts p on s.item_type = 'post' and p.id = s.item_id and p.clerk_user_id = i.clerk_user_id
        left join voice_introductions v
            on s.item_type = 'voice_introduction' and v.id = s.item_id and v.user_id = i.clerk_user_id
        -- All sources of the insights that the week found: their words may come from an earlier one.
        where s.insight_id in (select insight_id from insight_sources where week = %s)
        """,
        [week],
    ).fetchall()


def items_without_outcome(connection: Connection, week: date) -> tuple[int, int, int]:
    """Posts of the week that wait without a job, posts that wait with one, and posts that were given up."""
    row = connection.execute(
        """
        select count(*) filter (where p.processing_status in ('pending', 'processing') and q.id is null),
            count(*) filter (where p.processing_status in ('pending', 'processing') and q.id is not null),
            count(*) filter (where p.processing_status = 'failed')
        from content_items c
        join posts p on c.item_type = 'post' and p.id = c.item_id
        left join batch_processing_queue q
            on q.job_type = 'content_analysis' and q.subject = c.user_id and q.week = c.week
            and q.status in ('pending', 'processing', 'retry')
        where c.week = %s
        """,
        [week],
    ).fetchone()
    return (int(row[0]), int(row[1]), int(row[2])) if row else (0, 0, 0)
