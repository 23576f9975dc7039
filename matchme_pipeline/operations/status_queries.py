"""SQL of `matchme status`: the queue at a glance."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from matchme_pipeline.database.connection import Connection


@dataclass(frozen=True)
class QueueRow:
    """The jobs of one type by state; `next_retry` is the earliest due time of jobs in backoff."""

    job_type: str
    pending: int
    processing: int
    retry: int
    failed: int
    completed: int
    next_retry: datetime | None
    oldest_open: datetime | None


def queue_rows(connection: Connection) -> list[QueueRow]:
    """One row for each type that has jobs."""
    with connection.cursor(row_factory=class_row(QueueRow)) as cursor:
        return cursor.execute(
            """
            with counts as (
                select job_type, status, count(*) as jobs
                from batch_processing_queue
                group by 1, 2
            ),
            -- Apart from the counts, so that what is done is counted by an index alone.
            open_jobs as (
                select job_type, min(scheduled_for) filter (where status = 'retry') as next_retry,
                    min(created_at) as oldest_open
                from batch_processing_queue
                where status in ('pending', 'retry', 'processing')
                group by 1
            )
            select c.job_type,
                coalesce(sum(jobs) filter (where status = 'pending'), 0)::bigint as pending,
                coalesce(sum(jobs) filter (where status = 'processing'), 0)::bigint as processing,
                coalesce(sum(jobs) filter (where status = 'retry'), 0)::bigint as retry,
                coalesce(sum(jobs) filter (where status = 'failed'), 0)::bigint as failed,
                coalesce(sum(jobs) filter (where status = 'completed'), 0)::bigint as completed,
                min(o.next_retry) as next_retry,
                min(o.oldest_open) as oldest_open
            from counts c
            left join open_jobs o using (job_type)
            group by c.job_type
            order by c.job_type
            """
        ).fetchall()
