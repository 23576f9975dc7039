"""SQL of the outcomes of a week's jobs and requests to models."""

import json
from collections.abc import Collection
from datetime import date

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.jobs.model import JobType
from matchme_pipeline.operations.week_outcome import JobCounts, StageCalls

_JOBS_OF_STAGE = {"content_insights": JobType.CONTENT_ANALYSIS, "post_embeddings": JobType.EMBEDDING_UPDATE}


def model_jobs(connection: Connection, week: date) -> dict[str, JobCounts]:
    """The week's jobs by type, for types that call models; a discarded job does not count as failed."""
    rows = connection.execute(
        """
        select job_type, count(*), count(*) filter (where status = 'failed' or (status = 'retry' and attempts > 0))
        from batch_processing_queue
        where week = %s and job_type = any(%s)
        group by job_type
        """,
        [week, list(_JOBS_OF_STAGE.values())],
    ).fetchall()
    return {job_type: JobCounts(jobs, failed) for job_type, jobs, failed in rows}


def stage_calls(
    connection: Connection, week: date, dagster_run_id: str, run_stages: Collection[str]
) -> list[StageCalls]:
    """The week's requests by stage, each stage as its last run left it.

    A stage without jobs asks for everything that is missing whenever it runs, so only this run counts if the stage is
    among `run_stages`, the stages of `dagster_run_id`. A stage with jobs counts as long as one of them has failed or
    waits for another attempt: all may have been in backoff in later runs.
    """
    rows = connection.execute(
        """
        with calls as (
            select stage, model, dagster_run_id, called_at, id,
                starts_with(outcome, 'failed_') or outcome = 'unreadable' as is_unanswered,
                not (starts_with(outcome, 'failed_') or starts_with(outcome, 'refused_') or outcome = 'unreadable')
                    as is_answered
            from llm_calls
            where week = %(week)s and dagster_run_id is not null
        ),
        last_run as (
            select distinct on (stage) stage,
                case when stage = any(%(run_stages)s) then %(run_id)s else dagster_run_id end as dagster_run_id
            from calls
            order by stage, called_at desc, id
        ),
        last_calls as (
            select c.stage, c.model, c.dagster_run_id,
                count(*) filter (where is_answered) as answered,
                count(*) filter (where is_unanswered) as unanswered,
                max(called_at) filter (where is_unanswered) as unanswered_at
            from calls c join last_run using (stage, dagster_run_id)
            group by c.stage, c.model, c.dagster_run_id
        )
        select l.stage, l.model, l.answered, l.unanswered, exists (
                select from calls c
                where c.dagster_run_id = l.dagster_run_id and c.model = l.model and c.is_answered
                    and c.called_at > l.unanswered_at
            )
        from last_calls l
        where not l.stage = any(%(stages_with_jobs)s)
            or exists (
                select from batch_processing_queue q
                where q.week = %(week)s and q.job_type = (%(jobs_of_stage)s::jsonb ->> l.stage)
                    and (q.status = 'failed' or (q.status = 'retry' and q.attempts > 0))
            )
        order by l.stage, l.model
        """,
        {
            "week": week,
            "run_id": dagster_run_id,
            "run_stages": [stage for stage in run_stages if stage not in _JOBS_OF_STAGE],
            "stages_with_jobs": list(_JOBS_OF_STAGE),
            "jobs_of_stage": json.dumps(_JOBS_OF_STAGE),
        },
    ).fetchall()
    return [StageCalls(*own) for own in rows]
