"""SQL of active runs: mutual exclusion, heartbeats with figures, and rows with status running."""

from datetime import date, datetime

from psycopg.rows import class_row

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.operations.liveness import RunningRow
from matchme_pipeline.operations.run_ids import history_id

_RUN_LOCK_KEY = 7_214_045
# What the ledger has booked on the run `run_id`, and the figures of a run's row that follow from it.
CALLS_OF_RUN = """
    (
        select coalesce(sum(input_tokens), 0)::bigint as input_tokens,
            coalesce(sum(cached_input_tokens), 0)::bigint as cached_input_tokens,
            coalesce(sum(output_tokens), 0)::bigint as output_tokens,
            coalesce(sum(cost_usd), 0) as cost_usd
        from llm_calls
        where dagster_run_id = %(run_id)s
    ) calls
"""
FIGURES_OF_CALLS = """
    tokens_used = calls.input_tokens + calls.output_tokens,
    input_tokens = calls.input_tokens,
    cached_input_tokens = calls.cached_input_tokens,
    output_tokens = calls.output_tokens,
    cost_usd = calls.cost_usd,
    api_cost_cents = round(calls.cost_usd * 100)
"""


def lock_run_rows(connection: Connection) -> None:
    """Lock so that one run at a time looks for others and opens its row; held until the caller's transaction ends."""
    connection.execute("select pg_advisory_xact_lock(%s)", [_RUN_LOCK_KEY])


def status_of(connection: Connection, dagster_run_id: str) -> str | None:
    """The status in the run's row; None if it has no row yet."""
    row = connection.execute(
        "select status from batch_run_history where dagster_run_id = %s", [dagster_run_id]
    ).fetchone()
    return row[0] if row else None


def running_rows(connection: Connection) -> list[RunningRow]:
    """All rows in status `running`, the oldest first."""
    with connection.cursor(row_factory=class_row(RunningRow)) as cursor:
        return cursor.execute(
            """
            select dagster_run_id, week, started_at, heartbeat_at, worker, publishes_matches
            from batch_run_history
            where status = 'running'
            order by started_at, id
            """
        ).fetchall()


def insert_running(
    connection: Connection,
    dagster_run_id: str,
    run_type: str,
    week: date | None,
    worker: str | None,
    publishes_matches: bool,
) -> None:
    """Write the row of a run that begins, unless it is there."""
    connection.execute(
        """
        insert into batch_run_history (
            id, run_type, dagster_run_id, week, status, heartbeat_at, worker, publishes_matches
        )
        values (%s, %s, %s, %s, 'running', clock_timestamp(), %s, %s)
        on conflict (dagster_run_id) where dagster_run_id is not null do nothing
        """,
        [history_id(dagster_run_id), run_type, dagster_run_id, week, worker, publishes_matches],
    )


def record_progress(connection: Connection, dagster_run_id: str) -> bool:
    """Write the heartbeat and the figures of an active run; returns whether its row still has status running."""
    return (
        connection.execute(
            """
            update batch_run_history h
            set heartbeat_at = clock_timestamp(),
                total_jobs = jobs.total,
                completed_jobs = jobs.completed,
                failed_jobs = jobs.failed,
            """
            + FIGURES_OF_CALLS
            + """
            from (
                select count(*) as total,
                    count(*) filter (where status = 'completed') as completed,
                    count(*) filter (where status in ('failed', 'retry')) as failed
                from batch_processing_queue
                where dagster_run_id = %(run_id)s
            ) jobs
            cross join
            """
            + CALLS_OF_RUN
            + """
            where h.dagster_run_id = %(run_id)s and h.status = 'running'
            """,
            {"run_id": dagster_run_id},
        ).rowcount
        > 0
    )


def has_no_heartbeat_since(connection: Connection, dagster_run_id: str, moment: datetime) -> bool:
    """Has a run that was not stopped had no heartbeat since `moment`?

    `run_summary` completes the row while checks beside it may still be lost with a broker, so completed runs count.
    """
    row = connection.execute(
        "select coalesce(heartbeat_at, started_at) < %s from batch_run_history "
        "where dagster_run_id = %s and status in ('running', 'completed')",
        [moment, dagster_run_id],
    ).fetchone()
    return bool(row and row[0])


def end_at_last_sign(connection: Connection, dagster_run_id: str) -> None:
    """Set a lost run's end to its last heartbeat instead of the time at which it was noticed."""
    connection.execute(
        """
        update batch_run_history
        set completed_at = coalesce(heartbeat_at, started_at)
        where dagster_run_id = %s and status = 'running' and completed_at is null
        """,
        [dagster_run_id],
    )


def end_rows_without_run(connection: Connection, before: datetime) -> int:
    """Close rows of an earlier version of the pipeline, which name no run, that started before `before`; returns their
    number.
    """
    return connection.execute(
        """
        update batch_run_history
        set status = 'failed', completed_at = coalesce(completed_at, started_at),
            error_log = error_log || '[{"job_type": "run", "error": "left behind by an unknown run"}]'::jsonb
        where status = 'running' and dagster_run_id is null and started_at < %s
        """,
        [before],
    ).rowcount
