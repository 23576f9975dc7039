"""All SQL of runs: open, count, close, and sum up per week."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from psycopg.rows import class_row

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.llm.contracts import Usage


@dataclass(frozen=True)
class RunTotals:
    """The results of a run according to the queue and the ledger."""

    total_jobs: int
    completed_jobs: int
    failed_jobs: int
    calls: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    cost_usd: Decimal

    @property
    def usage(self) -> Usage:
        """The usage of the run's model calls."""
        return Usage(self.calls, self.input_tokens, self.cached_input_tokens, self.output_tokens, self.cost_usd)

    @property
    def tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True)
class RunRow:
    """One row of `batch_run_history`."""

    id: str
    run_type: str
    status: str
    week: date | None
    dagster_run_id: str | None
    started_at: datetime
    completed_at: datetime | None
    duration_seconds: int | None
    total_jobs: int
    completed_jobs: int
    failed_jobs: int
    tokens_used: int
    cost_usd: Decimal


@dataclass(frozen=True)
class WeekSummary:
    """One week's figures over all of its runs."""

    week: date
    items: int
    insights: int
    members_scored: int
    matches: int
    tokens: int
    cost_usd: Decimal
    seconds: int
    failures: int
    runs: int
    left_in_queue: int
    # The cost of the week's calls at list prices; None until the week has a report.
    list_price_usd: Decimal | None = None


def run_totals(connection: Connection, dagster_run_id: str) -> RunTotals:
    """The run's completed and failed jobs, and the usage of its model calls."""
    with connection.cursor(row_factory=class_row(RunTotals)) as cursor:
        cursor.execute(
            """
            with jobs as (
                select
                    count(*) as total_jobs,
                    count(*) filter (where status = 'completed') as completed_jobs,
                    count(*) filter (where status in ('failed', 'retry')) as failed_jobs
                from batch_processing_queue
                where dagster_run_id = %(run_id)s
            ),
            calls as (
                select
                    count(*) as calls,
                    coalesce(sum(input_tokens), 0)::bigint as input_tokens,
                    coalesce(sum(cached_input_tokens), 0)::bigint as cached_input_tokens,
                    coalesce(sum(output_tokens), 0)::bigint as output_tokens,
                    coalesce(sum(cost_usd), 0) as cost_usd
                from llm_calls
                where dagster_run_id = %(run_id)s
            )
            select * from jobs cross join calls
            """,
            {"run_id": dagster_run_id},
        )
        totals = cursor.fetchone()
    if totals is None:
        raise LookupError(f"no totals for run {dagster_run_id}")
    return totals


def run_errors(connection: Connection, dagster_run_id: str, limit: int = 100) -> list[dict[str, str]]:
    """The errors of the run's failed jobs, the most frequent first, without members' ids or text."""
    rows = connection.execute(
        """
        select job_type, coalesce(last_error, 'no error recorded'), count(*)
        from batch_processing_queue
        where dagster_run_id = %s and status in ('failed', 'retry')
        group by 1, 2
        order by 3 desc, 1, 2
        limit %s
        """,
        [dagster_run_id, limit],
    ).fetchall()
    return [{"job_type": job_type, "error": error, "jobs": str(count)} for job_type, error, count in rows]


def save_run(
    connection: Connection,
    dagster_run_id: str,
    totals: RunTotals,
    errors: Sequence[dict[str, str]],
    status: str,
    metadata: dict[str, Any],
) -> None:
    """Write the run's figures and its final `status`; the first call sets the end time and the duration."""
    connection.execute(
        """
        update batch_run_history
        set total_jobs = %(total_jobs)s,
            completed_jobs = %(completed_jobs)s,
            failed_jobs = %(failed_jobs)s,
            tokens_used = %(tokens)s,
            input_tokens = %(input_tokens)s,
            cached_input_tokens = %(cached_input_tokens)s,
            output_tokens = %(output_tokens)s,
            cost_usd = %(cost_usd)s,
            api_cost_cents = round(%(cost_usd)s * 100),
            status = %(status)s,
            completed_at = coalesce(completed_at, clock_timestamp()),
            duration_seconds = round(extract(epoch from coalesce(completed_at, clock_timestamp()) - started_at)),
            error_log = %(errors)s,
            metadata = coalesce(metadata, '{}'::jsonb) || %(metadata)s
        where dagster_run_id = %(run_id)s
        """,
        {
            "run_id": dagster_run_id,
            "status": status,
            "total_jobs": totals.total_jobs,
            "completed_jobs": totals.completed_jobs,
            "failed_jobs": totals.failed_jobs,
            "tokens": totals.tokens,
            "input_tokens": totals.input_tokens,
            "cached_input_tokens": totals.cached_input_tokens,
            "output_tokens": totals.output_tokens,
            "cost_usd": totals.cost_usd,
            "errors": json.dumps(list(errors)),
            "metadata": json.dumps(metadata),
        },
    )


def recent_runs(connection: Connection, limit: int = 10) -> list[RunRow]:
    """The newest runs."""
    with connection.cursor(row_factory=class_row(RunRow)) as cursor:
        return cursor.execute(
            """
            select id::text, run_type, status, week, dagster_run_id, started_at, completed_at, duration_seconds,
                total_jobs, completed_jobs, failed_jobs, tokens_used, cost_usd
            from batch_run_history
            order by started_at desc, id
            limit %s
            """,
            [limit],
        ).fetchall()


def week_summaries(connection: Connection, weeks: Sequence[date]) -> list[WeekSummary]:
    """The figures of `weeks`, in order; zeros for a week without a run."""
    with connection.cursor(row_factory=class_row(WeekSummary)) as cursor:
        return cursor.execute(
            """
            select
                w.week,
                (select count(*) from content_items c where c.week = w.week) as items,
                (select count(distinct insight_id) from insight_sources s where s.week = w.week) as insights,
                (select count(*) from dna_score_history d where d.week = w.week) as members_scored,
                (select count(*) from weekly_matches m where m.week_start_date = w.week + 7) as matches,
                coalesce(r.tokens, 0) as tokens,
                coalesce(r.cost_usd, 0) as cost_usd,
                coalesce(r.seconds, 0) as seconds,
                coalesce(r.failures, 0) as failures,
                coalesce(r.runs, 0) as runs,
                (select (report ->> 'list_price_usd')::numeric from week_reports p where p.week = w.week)
                    as list_price_usd,
                (
                    select count(*) from batch_processing_queue q
                    where q.week = w.week and q.status in ('pending', 'processing', 'retry')
                ) as left_in_queue
            from unnest(%s::date[]) as w (week)
            left join (
                select week,
                    sum(tokens_used) as tokens,
                    sum(cost_usd) as cost_usd,
                    sum(duration_seconds) as seconds,
                    sum(failed_jobs) as failures,
                    count(*) as runs
                from batch_run_history
                where dagster_run_id is not null
                group by week
            ) r on r.week = w.week
            order by w.week
            """,
            [list(weeks)],
        ).fetchall()


def stop_of_run(connection: Connection, dagster_run_id: str) -> str:
    """Why a successful run left work undone, in one sentence; empty if it left none or the reason is unknown."""
    row = connection.execute(
        "select metadata->>'stopped_by' from batch_run_history where dagster_run_id = %s", [dagster_run_id]
    ).fetchone()
    return str(row[0]) if row is not None and row[0] else ""


def run_row(connection: Connection, dagster_run_id: str) -> RunRow:
    """The row of one run; raises LookupError if there is none."""
    with connection.cursor(row_factory=class_row(RunRow)) as cursor:
        row = cursor.execute(
            """
            select id::text, run_type, status, week, dagster_run_id, started_at, completed_at, duration_seconds,
                total_jobs, completed_jobs, failed_jobs, tokens_used, cost_usd
            from batch_run_history
            where dagster_run_id = %s
            """,
            [dagster_run_id],
        ).fetchone()
    if row is None:
        raise LookupError(f"run {dagster_run_id} has no row in batch_run_history")
    return row
