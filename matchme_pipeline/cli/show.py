"""Tables and texts for a person: the weeks' summary, a member's matches, runs and queue."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from rich.table import Table
from rich.text import Text

from matchme_pipeline.cli import console
from matchme_pipeline.database.stored_values import json_object, json_texts
from matchme_pipeline.jobs.listing import ListedJob
from matchme_pipeline.matching.match_quality.wording import value_in_words
from matchme_pipeline.matching.stored_factors import stored_factors
from matchme_pipeline.operations.alert_queries import AlertRow
from matchme_pipeline.operations.assessment import Assessment
from matchme_pipeline.operations.match_queries import MatchRow
from matchme_pipeline.operations.queries import RunRow, WeekSummary
from matchme_pipeline.operations.status_queries import QueueRow


def weeks_table(summaries: Sequence[WeekSummary]) -> None:
    """One line a week, and their sum."""
    table = Table(title="Weeks", title_justify="left")
    table.add_column("week")
    for heading in ("items", "insights", "scored", "matches", "tokens", "cost USD", "list USD", "seconds", "failures"):
        table.add_column(heading, justify="right")
    for week in summaries:
        table.add_row(week.week.isoformat(), *_figures(week))
    if len(summaries) > 1:
        table.add_section()
        table.add_row("all", *_figures(_sum(summaries)), style="bold")
    console.out.print(table)


def funnel_table(counts: Mapping[str, Mapping[str, int]]) -> None:
    """Members' actions on the matches of each match week: sides that reached each stage."""
    if not counts:
        return
    table = Table(title="What members did with their matches, as last observed", title_justify="left")
    table.add_column("match week")
    for stage in next(iter(counts.values())):
        table.add_column(stage, justify="right")
    for match_week, reached in counts.items():
        table.add_row(match_week, *(f"{count:,}" for count in reached.values()))
    console.out.print(table)


def quality_table(stored: Mapping[date, Mapping[str, Any]]) -> None:
    """How well the score predicts mutual likes, by match week."""
    shown = {week: row for week, row in stored.items() if row["shown_pairs"]}
    if not shown:
        return
    table = Table(title="How well the score predicts mutual likes", title_justify="left")
    table.add_column("match week")
    for heading in ("AUC", "calibration error", "like each other", "chosen", "drawn at random", "Gini"):
        table.add_column(heading, justify="right")
    for week, row in shown.items():
        shares = (
            value_in_words(row, name, "{:.1%}", False) for name in ("mutual_share", "chosen_share", "drawn_share")
        )
        table.add_row(
            week.isoformat(),
            value_in_words(row, "auc"),
            value_in_words(row, "calibration_error", has_interval=False),
            *shares,
            value_in_words(row, "gini", has_interval=False),
        )
    console.out.print(table)


def stops(summaries: Sequence[WeekSummary], stopped_by: Mapping[date, str]) -> None:
    """Why the work on a week stopped early, and how many of its jobs are open."""
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
    return [f"{factor.contribution:5.2f}  {factor.sentence}" for factor in stored_factors(factors)]


def assessment(found: Assessment) -> None:
    """The answer on the first line, less urgent matters below."""
    console.out.print(Text(found.sentence, style="green" if found.can_sleep else "bold red"))
    for line in found.later:
        console.result(f"  In the morning: {line}")


def runs_table(rows: Sequence[RunRow]) -> None:
    """The newest runs with their whole ids, within 80 columns."""
    if not rows:
        console.result("\nno runs yet")
        return
    table = _narrow_table("\nRuns (UTC)")
    for heading in ("started", "week", "status"):
        table.add_column(heading, no_wrap=True)
    table.add_column("secs", justify="right", no_wrap=True)
    table.add_column("run", no_wrap=True)
    for run in rows:
        table.add_row(
            f"{run.started_at.astimezone(UTC):%d %b %H:%M}",
            str(run.week or "-"),
            run.status,
            str(run.duration_seconds if run.duration_seconds is not None else "-"),
            run.dagster_run_id or "-",
        )
    console.out.print(table)
    for run in rows:
        if run.status == "running":
            done = f"{run.completed_jobs:,} of {run.total_jobs:,} jobs, {run.failed_jobs:,} failed"
            console.result(f"Running: {run.run_type}, {done}, {_usd(run.cost_usd)} USD")
            console.result(f"  matchme cancel {run.dagster_run_id} ends it")


def missing_weeks(weeks: Sequence[date], automation: bool) -> None:
    """Closed weeks without a completed run, and the command that materialises them."""
    if not weeks:
        return
    shown = ", ".join(map(str, weeks[:10])) + (f" and {len(weeks) - 10} more" if len(weeks) > 10 else "")
    one = len(weeks) == 1
    command = f"--week {weeks[0]}" if one else f"--from {min(weeks)} --to {max(weeks)} --only-missing"
    them = "it" if one else "them"
    remedy = f"the backfill sensor launches {them}" if automation else f"matchme run {command} materialises {them}"
    console.result(f"\n{_number(len(weeks), 'closed week is', 'closed weeks are')} not materialised: {shown}; {remedy}")


def queue_table(rows: Sequence[QueueRow]) -> None:
    """Jobs by type and state."""
    if not rows:
        console.result("\nno jobs in the queue")
        return
    table = _narrow_table("\nQueue")
    table.add_column("job type", no_wrap=True)
    for heading in ("pending", "processing", "retry", "failed", "done"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("next retry (UTC)", no_wrap=True)
    for row in rows:
        figures = (row.pending, row.processing, row.retry, row.failed, row.completed)
        table.add_row(row.job_type, *(f"{jobs:,}" for jobs in figures), _utc(row.next_retry))
    console.out.print(table)
    failed = sum(row.failed for row in rows)
    if failed:
        jobs = _number(failed, "job has", "jobs have")
        console.result(f"{jobs} failed all attempts: matchme jobs list --status failed, then retry or discard")


def alerts_table(rows: Sequence[AlertRow]) -> None:
    """Alerts, newest first."""
    if not rows:
        console.result("\nno alerts in the last seven days")
        return
    console.out.print(Text("\nAlerts of the last seven days", style="bold"))
    for row in rows:
        console.result(alert_line(row))


def alert_line(row: AlertRow) -> str:
    """An alert in one line: time, title, state."""
    state = "over" if row.resolved_at else f"acknowledged by {row.acknowledged_by}" if row.acknowledged_at else "open"
    notified = "notified" if row.notified_at else row.last_error or "not notified yet"
    return f"{row.raised_at.astimezone(UTC):%d %b %H:%M}  {row.title}  ({row.kind}; {state}; {notified})"


def jobs_table(rows: Sequence[ListedJob], title: str) -> None:
    """Jobs with their whole ids and errors, on two lines each, so that a narrow terminal cuts neither."""
    console.out.print(Text(title, style="bold"))
    for job in rows:
        week = str(job.week or "no week")
        console.result(f"{job.id}  {job.job_type}  {week}  {job.attempts}/{job.max_attempts} tries")
        console.result(f"    {job.user_id}, due {_utc(job.scheduled_for)} UTC: {job.last_error or 'no error recorded'}")


def _narrow_table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))


def _number(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"


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
        "-" if week.list_price_usd is None else _usd(week.list_price_usd),
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
        list_price_usd=sum((week.list_price_usd for week in weeks if week.list_price_usd is not None), Decimal(0)),
    )


def _usd(amount: Decimal) -> str:
    return f"{amount:.4f}"
