"""Jobs whose time has come: what retry runs are launched for."""

from dataclasses import dataclass
from datetime import date

from psycopg.rows import class_row

from matchme_pipeline.database.connection import Connection


@dataclass(frozen=True)
class DueSet:
    """The due jobs of one week that one kind of run works on; `fingerprint` names this set and no other.

    `for_content`: content analysis and embeddings, else DNA and matches.
    """

    week: date
    for_content: bool
    jobs: int
    fingerprint: str


def due_sets(connection: Connection, limit: int) -> list[DueSet]:
    """The sets of jobs whose backoff has passed or whose worker's lease has ended, the oldest weeks first.

    A job that failed once more, or that an operator opens again, is due at another time: its next retry is another set.
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
    """How many members wait for a fresh DNA score, and a fingerprint of their jobs.

    They are rows of the app that wait to be adopted, and jobs of the newest scored week that a refresh has left open.
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
