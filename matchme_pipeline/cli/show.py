"""Tables and texts for a person: the weeks' summary, a member's matches, runs and queue."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from rich.table import Table
from rich.text import Text

from matchme_pipeline.cli import console
from matchme_pipeline.operations.queries import MatchRow, RunRow, WeekSummary


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


def matches(user_id: str, match_week: date, rows: Sequence[MatchRow]) -> None:
    """A member's matches with their reasons and starters."""
    console.out.print(Text(f"\nMatches of {user_id}, week of {match_week}", style="bold"))
    if not rows:
        console.result("  none")
    for row in rows:
        console.out.print(Text(f"\n  {row.rank}. {row.match_user_id}   {row.score} of 100", style="bold"))
        for factor in reasons(row.compatibility_factors):
            console.result(f"     + {factor}")
        preview = row.chaichat_preview or {}
        for level, heading in (("level_1", "light"), ("level_2", "values")):
            for starter in preview.get(level, []):
                console.result(f"     {heading:>6}: {starter}")


def reasons(factors: dict[str, Any]) -> list[str]:
    """The sentences of the factors that contribute, the largest contribution first."""
    rows = factors.get("factors", [])
    ordered = sorted(rows, key=lambda factor: (-float(factor.get("contribution", 0)), str(factor.get("name", ""))))
    return [
        f"{float(factor['contribution']):5.2f}  {factor['sentence']}"
        for factor in ordered
        if factor.get("sentence") and float(factor.get("contribution", 0)) > 0
    ]


def runs_table(rows: Sequence[RunRow]) -> None:
    """The newest runs."""
    table = Table(title="Runs", title_justify="left")
    for heading in ("started (UTC)", "type", "week", "status"):
        table.add_column(heading)
    for heading in ("seconds", "jobs", "failed", "tokens", "cost USD"):
        table.add_column(heading, justify="right")
    for run in rows:
        table.add_row(
            f"{run.started_at:%Y-%m-%d %H:%M}",
            run.run_type,
            str(run.week or "-"),
            run.status,
            str(run.duration_seconds if run.duration_seconds is not None else "-"),
            f"{run.total_jobs:,}",
            f"{run.failed_jobs:,}",
            f"{run.tokens_used:,}",
            _usd(run.cost_usd),
        )
    console.out.print(table)


def queue_table(counts: dict[tuple[str, str], int]) -> None:
    """Jobs by type and status."""
    table = Table(title="Queue", title_justify="left")
    table.add_column("job type")
    table.add_column("status")
    table.add_column("jobs", justify="right")
    for (job_type, status), count in counts.items():
        table.add_row(job_type, status, f"{count:,}")
    console.out.print(table)


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
    )


def _usd(amount: Decimal) -> str:
    return f"{amount:.4f}"
