"""Due jobs, for which retry runs are launched."""

from dataclasses import dataclass
from datetime import date

from psycopg.rows import class_row

from matchme_pipeline.database.connection import Connection


@dataclass(frozen=True)
class DueSet:
    """The due jobs of one week that one kind of run works on; `fingerprint` identifies this set.

    `for_content`: content analysis and embeddings; otherwise DNA and matches.
    """

    week: date
    for_content: bool
    jobs: int
    fingerprint: str


def due_sets(connection: Connection, limit: int) -> list[DueSet]:
    """Sets of jobs whose backoff has passed or whose lease has ended, oldest weeks first.

    A job that fails again, or that an operator reopens, has another due time and so belongs to another set.
    """
    with connection.cursor(row_factory=class_row(DueSet)) as cursor:
        return cursor.execute(
            """
            select week, job_type in ('content_analysis', 'embedding_update') as for_content, count(*) as jobs,
                md5(string_agg(
                    id::text || ':' || attempts || ':' || extract(epoch from scheduled_for), ',' order by id
                )) as fingerprint
            from batch_processing_queue
            where week is not null and subject is not null and status in ('retry', 'processing')
                and matchme_job_is_due(status, scheduled_for, lease_expires_at)
            group by 1, 2
            order by 1, 2 desc
            limit %s
            """,
            [limit],
        ).fetchall()


def waiting_scores(connection: Connection, newest_week: date | None) -> tuple[int, str]:
    """The number of members who wait for a new DNA score, and a fingerprint of their jobs.

    These are the app's rows that wait for adoption, and jobs of the newest scored week that a refresh has left open.
    """
    row = connection.execute(
        """
        select count(*), coalesce(md5(string_agg(
            id::text || ':' || attempts || ':' || extract(epoch from scheduled_for), ',' order by id
        )), '')
        from batch_processing_queue
        where job_type = 'dna_recalculation' and status in ('pending', 'retry') and scheduled_for <= now()
            and (week is null or subject is null or (week = %(newest)s and status = 'pending'))
        """,
        {"newest": newest_week},
    ).fetchone()
    return (int(row[0]), str(row[1])) if row else (0, "")
