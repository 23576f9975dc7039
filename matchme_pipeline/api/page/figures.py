"""The data of the operations page, looked up once per view."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from uuid import UUID

from matchme_pipeline.api.dagster_runs import DagsterUnavailableError
from matchme_pipeline.api.overview import current_run
from matchme_pipeline.api.queries import batch
from matchme_pipeline.api.service import Service
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.jobs.dead_letters import DeadLetter, dead_letters
from matchme_pipeline.operations import alert_queries
from matchme_pipeline.operations.alert_queries import AlertRow
from matchme_pipeline.operations.assessment import assess
from matchme_pipeline.operations.links import links
from matchme_pipeline.operations.queries import week_summaries
from matchme_pipeline.operations.remedies import Cause, cause_of, remedy_for
from matchme_pipeline.operations.report import collect, queries
from matchme_pipeline.operations.report.content import Failures, WeekReport, from_json
from matchme_pipeline.operations.situation import situation
from matchme_pipeline.week import WEEK, Week

SHOWN_WEEKS = 6
SHOWN_RUNS = 8
SHOWN_MISSING = 8
JOBS_OF_A_CAUSE = 3
# Jobs are read newest first; older ones of a cause are counted but not listed.
JOBS_READ = 2_000
MAX_SIMILAR = 100_000


@dataclass(frozen=True)
class FailedJobs:
    """Jobs of one type that failed for one cause; `jobs` are the newest few of `count`."""

    job_type: str
    week: date | None
    cause: Cause
    remedy: str
    count: int
    jobs: list[DeadLetter]


@dataclass(frozen=True)
class Trend:
    """One figure over the shown weeks, as the points of a line in a box of 100 by 24."""

    name: str
    newest: str
    points: str
    said: str


def page_figures(shared: Service, now: datetime) -> dict[str, object]:
    """All variables of the page's template."""
    settings = shared.settings
    newest = Week.last_closed(now).sunday
    shown = [newest - number * WEEK for number in reversed(range(SHOWN_WEEKS))]
    with shared.connection() as connection:
        running = batch.running(connection)
        seen = situation(connection, settings, now)
        summaries = week_summaries(connection, [day for day in shown if day >= settings.first_week])
        figures: dict[str, object] = {
            "assessment": assess(seen),
            "situation": seen,
            "last": batch.last_completed(connection),
            "alerts": _grouped_alerts(alert_queries.open_alerts(connection, now)),
            "missing": seen.missing[-SHOWN_MISSING:],
            "missing_count": len(seen.missing),
            "failed_runs": _failed_runs(connection, seen.missing[-SHOWN_MISSING:]),
            "failures": group_failures(dead_letters(connection, JOBS_READ)),
            "weeks": list(reversed(summaries)),
            "reports": queries.weeks_with_report(connection, shown),
            "trends": _trends(connection, [week for week in shown if week >= settings.first_week]),
            "runs": batch.runs_page(connection, SHOWN_RUNS, None, None, None, None),
        }
    counted = shared.overview.get()
    return (
        figures
        | {"current": current_run(running, counted.value), "as_of": counted.at, "dagster_url": settings.dagster_url}
        | {"automation": settings.automation, "now": now.astimezone(UTC), "run_links": links(settings)}
        | vars(counted.value)
    )


def group_failures(jobs: list[DeadLetter]) -> list[FailedJobs]:
    """Failed jobs by type, week and cause: most urgent first, then the largest group."""
    groups: dict[tuple[str, date | None, str], FailedJobs] = {}
    for job in jobs:
        cause = cause_of(job.last_error)
        key = (job.job_type, job.week, cause.name)
        known = groups.get(key) or FailedJobs(job.job_type, job.week, cause, remedy_for(cause, job.week), 0, [])
        listed = [*known.jobs, job] if len(known.jobs) < JOBS_OF_A_CAUSE else known.jobs
        groups[key] = replace(known, count=known.count + 1, jobs=listed)
    return sorted(groups.values(), key=lambda group: (group.cause.rank, -group.count, group.job_type, str(group.week)))


def jobs_of_same_cause(connection: Connection, job_id: UUID) -> list[UUID]:
    """The failed jobs with the same type, week and cause as this one; empty if it has not failed."""
    failed = dead_letters(connection, MAX_SIMILAR)
    one = next((job for job in failed if job.id == job_id), None)
    if one is None:
        return []
    cause = cause_of(one.last_error)
    return [
        job.id
        for job in failed
        if (job.job_type, job.week) == (one.job_type, one.week) and cause_of(job.last_error) == cause
    ]


def week_report(shared: Service, week: Week) -> WeekReport | None:
    """The stored report of a week with its current failures and checks; None if there is none."""
    with shared.connection() as connection:
        stored = queries.stored_report(connection, week.sunday)
        if stored is None:
            return None
        runs = queries.runs_of(connection, week.sunday)
        failures = [*collect.failed_runs(runs, week.sunday), *collect.failures(connection, week.sunday)]
    report = replace(from_json(stored), failures=failures)
    try:
        checks = shared.dagster.warned_checks([run.dagster_run_id for run in runs if run.dagster_run_id])
    except DagsterUnavailableError:
        return report
    return replace(report, checks=checks)


def _grouped_alerts(rows: list[AlertRow]) -> list[list[AlertRow]]:
    groups: dict[tuple[str, date | None, str], list[AlertRow]] = {}
    for row in rows:
        groups.setdefault((row.kind, row.week, row.title), []).append(row)
    return list(groups.values())


def _failed_runs(connection: Connection, missing: Sequence[date]) -> list[tuple[date, Failures]]:
    return [
        (week, failed)
        for week in reversed(missing)
        for failed in collect.failed_runs(queries.runs_of(connection, week), week)
    ]


def _trends(connection: Connection, weeks: list[date]) -> list[Trend]:
    if not weeks:
        return []
    by_week = queries.figures(connection, weeks)
    figures = [by_week[week] for week in weeks]
    costs = [float(usd) for _, usd in queries.cost_by_week(connection, weeks[-1], len(weeks))]
    listed = queries.list_prices(connection, weeks)
    # The offline models cost nothing, so the cost at list prices is shown instead of zeros.
    money = {"cost in USD": costs} if any(costs) else {"USD at list prices": [listed.get(week, 0.0) for week in weeks]}
    series = {
        **money,
        "matches": [one["matches"] for one in figures],
        "mean match score": [one["mean match score"] for one in figures],
        "mean DNA score": [one["mean DNA score"] for one in figures],
    }
    return [_trend(name, weeks, values) for name, values in series.items()]


def _trend(name: str, weeks: list[date], values: list[float]) -> Trend:
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    step = 100 / max(1, len(values) - 1)
    points = " ".join(
        f"{number * step:.1f},{22 - 20 * (value - low) / span:.1f}" for number, value in enumerate(values)
    )
    said = ", ".join(f"{week}: {value:,.4g}" for week, value in zip(weeks, values, strict=True))
    return Trend(name, f"{values[-1]:,.4g}", points, f"{name} by week: {said}")
