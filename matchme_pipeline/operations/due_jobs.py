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

    A job that failed once more has another number of attempts, so that its next retry is another set.
    """
    with connection.cursor(row_factory=class_row(DueSet)) as cursor:
        return cursor.execute(
            """
            select week, job_type in ('content_analysis', 'embedding_update') as for_content, count(*) as jobs,
                md5(string_agg(id::text || ':' || attempts, ',' order by id)) as fingerprint
            from batch_processing_queue
            where week is not null and subject is not null and status in ('retry', 'processing')
                and (
                    (status = 'retry' and scheduled_for <= now())
                    or (status = 'processing' and lease_expires_at < now())
                )
            group by 1, 2
            order by 1, 2 desc
            limit %s
            """,
            [limit],
        ).fetchall()


def waiting_app_jobs(connection: Connection, job_type: str) -> tuple[int, str]:
    """How many rows of the app of one type wait to be adopted, and a fingerprint of them."""
    row = connection.execute(
        """
        select count(*), coalesce(md5(string_agg(id::text || ':' || attempts, ',' order by id)), '')
        from batch_processing_queue
        where (week is null or subject is null) and status in ('pending', 'retry') and job_type = %s
        """,
        [job_type],
    ).fetchone()
    return (int(row[0]), str(row[1])) if row else (0, "")
