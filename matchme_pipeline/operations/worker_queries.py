"""SQL of worker runs: open jobs, the models that a run asks, and the workers in its row."""

from datetime import date

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.jobs.model import JobType
from matchme_pipeline.operations.run_queries import CALLS_OF_RUN, FIGURES_OF_CALLS


def open_subjects(connection: Connection, job_type: JobType, week: date) -> set[str]:
    """Members with an unfinished job of the week that has not failed before; only the run retries failed jobs."""
    rows = connection.execute(
        """
        select subject
        from batch_processing_queue
        where job_type = %s and week = %s and status in ('pending', 'processing') and attempts <= 1
            and subject is not null
        """,
        [job_type, week],
    ).fetchall()
    return {subject for (subject,) in rows}


def models_asked(connection: Connection, dagster_run_id: str, stage: str) -> set[str]:
    """The models that the ledger names for a run's stage."""
    rows = connection.execute(
        "select distinct model from llm_calls where dagster_run_id = %s and stage = %s", [dagster_run_id, stage]
    ).fetchall()
    return {model for (model,) in rows}


def declare_worker(connection: Connection, dagster_run_id: str, worker_run_id: str) -> None:
    """Add a worker run to the row of the run that it helps."""
    connection.execute(
        """
        update batch_run_history
        set metadata = coalesce(metadata, '{}'::jsonb) || jsonb_build_object(
            'workers', coalesce(metadata -> 'workers', '[]'::jsonb) || to_jsonb(%s::text)
        )
        where dagster_run_id = %s
        """,
        [worker_run_id, dagster_run_id],
    )


def add_late_figures(connection: Connection, dagster_run_id: str) -> None:
    """Add the cost of calls that ended after the row was closed, so that it equals the ledger."""
    connection.execute(
        """
        update batch_run_history h
        set
        """
        + FIGURES_OF_CALLS
        + " from "
        + CALLS_OF_RUN
        + """
        where h.dagster_run_id = %(run_id)s and h.status <> 'running'
            and (h.cost_usd, h.input_tokens, h.output_tokens)
                is distinct from (calls.cost_usd, calls.input_tokens, calls.output_tokens)
        """,
        {"run_id": dagster_run_id},
    )
