"""Tables and texts for a person: the weeks' summary, a member's matches, runs and queue."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from rich.table import Table
from rich.text import Text

from matchme_pipeline.cli import console
from matchme_pipeline.database.stored_values import json_number, json_object, json_objects, json_texts
from matchme_pipeline.jobs.listing import ListedJob
from matchme_pipeline.operations.alert_queries import AlertRow
from matchme_pipeline.operations.queries import MatchRow, RunRow, WeekSummary
from matchme_pipeline.operations.status_queries import QueueRow


def weeks_table(summaries: Sequence[WeekSummary]) -> None:
    """One line a week, and their sum."""
    table = Table(title="Weeks", title_justify="left")
    table.add_column("week")
    for heading in ("items", "insights", "scored", "matches", "tokens", "cost USD", "seconds", "failures"):
        table.add_column(heading, justify="right")
    for week in summaries:
        table.add_row(week.week.isoformat(), *_figures(week))
    if len(summaries) > 1:
        table.add_section()
        table.add_row("all", *_figures(_sum(summaries)), style="bold")
    console.out.print(table)


def stops(summaries: Sequence[WeekSummary], stopped_by: Mapping[date, str]) -> None:
    """What ended the work on a week before all was done, and how many of its jobs are open."""
    for week in summaries:
        if reason := stopped_by.get(week.week):
            console.result(f"week {week.week}: {week.left_in_queue:,} jobs are open. {reason}")


def matches(user_id: str, match_week: date, rows: Sequence[MatchRow]) -> None:
    """A member's matches with their reasons and starters."""
    console.out.print(Text(f"\nMatches of {user_id}, week of {match_week}", style="bold"))
    if not rows:
        console.result("  none")
    for row in rows:
        console.out.print(Text(f"\n  {row.rank}. {row.match_user_id}   {row.score} of 100", style="bold"))
        for factor in reasons(row.compatibility_factors):
            console.result(f"     + {factor}")
        preview = json_object(row.chaichat_preview)
        for level, heading in (("level_1", "light"), ("level_2", "values")):
            for starter in json_texts(preview.get(level)):
                console.result(f"     {heading:>6}: {starter}")


def reasons(factors: Any) -> list[str]:
    """The sentences of the factors that contribute, the largest contribution first."""
    rows = json_objects(json_object(factors).get("factors"))
    told = [(json_number(row.get("contribution")), str(row.get("name", "")), row.get("sentence")) for row in rows]
    return [
        f"{added:5.2f}  {sentence}" for added, _, sentence in sorted(told, key=_largest_first) if sentence and added > 0
    ]


def _largest_first(factor: tuple[float, str, Any]) -> tuple[float, str]:
    return -factor[0], factor[1]


def runs_table(rows: Sequence[RunRow]) -> None:
    """The newest runs."""
    table = Table(title="Runs", title_justify="left")
    for heading in ("started (UTC)", "type", "week", "status"):
        table.add_column(heading, no_wrap=True)
    for heading in ("seconds", "jobs", "done", "failed", "tokens", "cost USD"):
        table.add_column(heading, justify="right")
    for run in rows:
        table.add_row(
            _utc(run.started_at),
            run.run_type,
            str(run.week or "-"),
            run.status,
            str(run.duration_seconds if run.duration_seconds is not None else "-"),
            f"{run.total_jobs:,}",
            f"{run.completed_jobs:,}",
            f"{run.failed_jobs:,}",
            f"{run.tokens_used:,}",
            _usd(run.cost_usd),
        )
    console.out.print(table)
    for run in rows:
        if run.status == "running":
            console.result(f"run {run.dagster_run_id} is at work; matchme cancel {run.dagster_run_id} ends it")


def missing_weeks(weeks: Sequence[date], automation: bool) -> None:
    """Closed weeks that no run has materialised to the end, and who will."""
    if not weeks:
        return
    shown = ", ".join(map(str, weeks[:10])) + (f" and {len(weeks) - 10} more" if len(weeks) > 10 else "")
    remedy = "the backfill sensor launches them" if automation else "matchme run --week YYYY-MM-DD materialises one"
    console.result(f"\n{len(weeks)} closed weeks are not materialised: {shown}; {remedy}")


def queue_table(rows: Sequence[QueueRow]) -> None:
    """Jobs by type and state."""
    table = Table(title="Queue", title_justify="left")
    table.add_column("job type")
    for heading in ("pending", "processing", "retry", "failed", "completed"):
        table.add_column(heading, justify="right")
    table.add_column("oldest open (UTC)")
    table.add_column("next retry (UTC)")
    for row in rows:
        figures = (row.pending, row.processing, row.retry, row.failed, row.completed)
        table.add_row(row.job_type, *(f"{jobs:,}" for jobs in figures), _utc(row.oldest_open), _utc(row.next_retry))
    console.out.print(table)
    failed = sum(row.failed for row in rows)
    if failed:
        console.result(f"{failed:,} jobs have failed for good: matchme jobs list, then matchme jobs retry or discard")


def alerts_table(rows: Sequence[AlertRow]) -> None:
    """What somebody should know of, the newest first."""
    if not rows:
        console.result("\nno alerts in the last seven days")
        return
    table = Table(title="Alerts of the last seven days", title_justify="left")
    for heading in ("raised (UTC)", "kind", "what", "told"):
        table.add_column(heading)
    for row in rows:
        told = _utc(row.told_at) if row.told_at else row.last_error or "not yet"
        table.add_row(_utc(row.raised_at), row.kind, row.title, told)
    console.out.print(table)


def jobs_table(rows: Sequence[ListedJob], title: str) -> None:
    """Jobs, one a line, with the error in full."""
    table = Table(title=title, title_justify="left")
    for heading in ("id", "type", "week", "member", "attempts", "due (UTC)", "last error"):
        table.add_column(heading)
    for job in rows:
        table.add_row(
            str(job.id),
            job.job_type,
            str(job.week or "-"),
            Text(job.user_id),
            f"{job.attempts} of {job.max_attempts}",
            _utc(job.scheduled_for),
            Text(job.last_error or "-"),
        )
    console.out.print(table)


def _utc(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}" if moment is not None else "-"


def _figures(week: WeekSummary) -> list[str]:
    return [
        f"{week.items:,}",
        f"{week.insights:,}",
        f"{week.members_scored:,}",
        f"{week.matches:,}",
        f"{week.tokens:,}",
        _usd(week.cost_usd),
        f"{week.seconds:,}",
        f"{week.failures:,}",
    ]


def _sum(weeks: Sequence[WeekSummary]) -> WeekSummary:
    return WeekSummary(
        week=weeks[-1].week,
        items=sum(week.items for week in weeks),
        insights=sum(week.insights for week in weeks),
        members_scored=max(week.members_scored for week in weeks),
        matches=sum(week.matches for week in weeks),
        tokens=sum(week.tokens for week in weeks),
        cost_usd=sum((week.cost_usd for week in weeks), Decimal(0)),
        seconds=sum(week.seconds for week in weeks),
        failures=sum(week.failures for week in weeks),
        runs=sum(week.runs for week in weeks),
        left_in_queue=sum(week.left_in_queue for week in weeks),
    )


def _usd(amount: Decimal) -> str:
    return f"{amount:.4f}"
