"""SQL of the outcomes of a week's jobs that call models."""

from datetime import date

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.jobs.model import JobType
from matchme_pipeline.operations.week_outcome import JobCounts

_CALL_MODELS = [JobType.CONTENT_ANALYSIS, JobType.EMBEDDING_UPDATE]


def model_jobs(connection: Connection, week: date) -> dict[str, JobCounts]:
    """The week's jobs by type, for types that call models; a discarded job does not count as failed."""
    rows = connection.execute(
        """
        select job_type, count(*), count(*) filter (where status = 'failed' or (status = 'retry' and attempts > 0))
        from batch_processing_queue
        where week = %s and job_type = any(%s)
        group by job_type
        """,
        [week, _CALL_MODELS],
    ).fetchall()
    return {job_type: JobCounts(jobs, failed) for job_type, jobs, failed in rows}
