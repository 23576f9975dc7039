"""All SQL of the week's report: figures, funnel, cost, failures, distributions. No result contains a text or an id."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, LiteralString

from psycopg.rows import class_row, dict_row

from matchme_pipeline.database.connection import Connection


@dataclass(frozen=True)
class StageSpending:
    """The ledger's rows of one stage and model in a week."""

    stage: str
    provider: str
    model: str
    calls: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    cost_usd: Decimal


@dataclass(frozen=True)
class FailedJobs:
    """The week's jobs of one type that failed with one error, with or without attempts left."""

    job_type: str
    status: str
    error: str | None
    jobs: int


@dataclass(frozen=True)
class WeekRun:
    """A run of the week that ended."""

    dagster_run_id: str | None
    run_type: str
    status: str
    started_at: datetime
    completed_at: datetime | None
    seconds: int | None
    error: str | None
    stopped_by: str | None
    is_summary: bool


def figures(connection: Connection, weeks: Sequence[date]) -> dict[date, dict[str, float]]:
    """The results of all weeks by name; a mean score is 0 if nobody has a score."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            """
            select
                w.week,
                (select count(*) from content_items c where c.week = w.week) as items,
                (select count(distinct s.insight_id) from insight_sources s where s.week = w.week) as insights,
                scores.members as "members scored",
                scores.shown as "members who see their score",
                scores.mean as "mean DNA score",
                matches.rows as matches,
                matches.members as "members with matches",
                coalesce((select r.matchable from matching_reports r where r.week = w.week), 0) as "members to match",
                matches.mean as "mean match score",
                matches.previews as "lists' rows with starters"
            from unnest(%s::date[]) as w (week)
            cross join lateral (
                select count(*) as members, count(*) filter (where not seed_state) as shown,
                    coalesce(avg(score) filter (where not seed_state), 0)::float8 as mean
                from dna_score_history d where d.week = w.week
            ) scores
            cross join lateral (
                select count(*) as rows, count(distinct user_id) as members,
                    coalesce(avg(score), 0)::float8 as mean, count(chaichat_preview) as previews
                from weekly_matches m where m.week_start_date = w.week + 7
            ) matches
            """,
            [list(weeks)],
        ).fetchall()
    return {row.pop("week"): {name: float(value) for name, value in row.items()} for row in rows}


def spending(connection: Connection, week: date) -> list[StageSpending]:
    """The ledger of the week by stage and model."""
    with connection.cursor(row_factory=class_row(StageSpending)) as cursor:
        return cursor.execute(
            """
            select stage, provider, model, count(*) as calls, sum(input_tokens)::bigint as input_tokens,
                sum(cached_input_tokens)::bigint as cached_input_tokens, sum(output_tokens)::bigint as output_tokens,
                sum(cost_usd) as cost_usd
            from llm_calls
            where week = %s
            group by stage, provider, model
            order by sum(cost_usd) desc, stage, provider, model
            """,
            [week],
        ).fetchall()


def cost_by_week(connection: Connection, last: date, weeks: int) -> list[tuple[date, Decimal]]:
    """The cost of each of the `weeks` weeks up to `last`."""
    return connection.execute(
        """
        select w.week::date, coalesce(sum(c.cost_usd), 0)
        from generate_series(%(last)s::date - 7 * (%(weeks)s - 1), %(last)s::date, interval '7 days') as w (week)
        left join llm_calls c on c.week = w.week::date
        group by 1
        order by 1
        """,
        {"last": last, "weeks": weeks},
    ).fetchall()


def failed_jobs(connection: Connection, week: date | None) -> list[FailedJobs]:
    """Failed jobs and jobs that wait after a failure, by type and error; of one week, or (None) of all weeks."""
    with connection.cursor(row_factory=class_row(FailedJobs)) as cursor:
        return cursor.execute(
            """
            select job_type, status, last_error as error, count(*) as jobs
            from batch_processing_queue
            where (week = %(week)s::date or %(week)s::date is null)
                and (status = 'failed' or (status = 'retry' and attempts > 0))
            group by job_type, status, last_error
            order by count(*) desc, job_type, status, last_error
            limit 2000
            """,
            {"week": week},
        ).fetchall()


def runs_of(connection: Connection, week: date) -> list[WeekRun]:
    """The week's runs, the oldest first."""
    with connection.cursor(row_factory=class_row(WeekRun)) as cursor:
        return cursor.execute(
            """
            select dagster_run_id, run_type, status, started_at, completed_at, duration_seconds as seconds,
                case when jsonb_typeof(error_log) = 'array' then error_log -> 0 ->> 'error' end as error,
                metadata ->> 'stopped_by' as stopped_by,
                coalesce(run_type = 'weekly_full' or metadata ->> 'summary' = 'true', false) as is_summary
            from batch_run_history
            where week = %s
            order by started_at, id
            """,
            [week],
        ).fetchall()


def score_bins(connection: Connection, week: date) -> list[int]:
    """Scored members in ten bins of ten points; the last bin includes 100."""
    return _bins(
        connection,
        """
        select least(score / 10, 9), count(*) from dna_score_history
        where week = %s and not seed_state group by 1
        """,
        week,
    )


def match_score_bins(connection: Connection, match_week: date) -> list[int]:
    """Rows of the week's lists in ten bins of ten points."""
    return _bins(
        connection,
        "select least(floor(score / 10)::int, 9), count(*) from weekly_matches where week_start_date = %s group by 1",
        match_week,
    )


def tiers(connection: Connection, week: date) -> dict[str, int]:
    """Scored members by tier."""
    rows = connection.execute(
        "select tier, count(*) from dna_score_history where week = %s and not seed_state group by tier", [week]
    ).fetchall()
    return dict(rows)


def members_by_list_size(connection: Connection, match_week: date) -> list[tuple[int, int]]:
    """How many members are shown to how many others."""
    return connection.execute(
        """
        select matches, count(*)
        from (select count(*) as matches from weekly_matches where week_start_date = %s group by user_id) lists
        group by matches
        order by matches
        """,
        [match_week],
    ).fetchall()


def findings(connection: Connection, week: date) -> list[str]:
    """Unusual observations about the week's members, as sentences."""
    row = connection.execute("select findings from matching_reports where week = %s", [week]).fetchone()
    return [str(finding["sentence"]) for finding in row[0]] if row else []


def save_report(connection: Connection, week: date, report: dict[str, Any]) -> None:
    """Store the report of a week and replace an earlier one."""
    connection.execute(
        """
        insert into week_reports (week, report) values (%s, %s)
        on conflict (week) do update set report = excluded.report, written_at = clock_timestamp()
        """,
        [week, json.dumps(report)],
    )


def stored_report(connection: Connection, week: date) -> dict[str, Any] | None:
    """The stored report of a week; None if there is none."""
    row = connection.execute("select report from week_reports where week = %s", [week]).fetchone()
    return row[0] if row else None


def list_prices(connection: Connection, weeks: Sequence[date]) -> dict[date, float]:
    """The cost of each of `weeks` at list prices, from its stored report; weeks without one are left out."""
    rows = connection.execute(
        """
        select week, (report ->> 'list_price_usd')::float8
        from week_reports
        where week = any(%s) and report ->> 'list_price_usd' is not null
        """,
        [list(weeks)],
    ).fetchall()
    return dict(rows)


def weeks_with_report(connection: Connection, weeks: Sequence[date]) -> set[date]:
    """Those of `weeks` with a stored report."""
    rows = connection.execute("select week from week_reports where week = any(%s)", [list(weeks)]).fetchall()
    return {week for (week,) in rows}


def _bins(connection: Connection, statement: LiteralString, week: date) -> list[int]:
    found: dict[int, int] = dict(connection.execute(statement, [week]).fetchall())
    return [int(found.get(number, 0)) for number in range(10)]
