"""Alerts, once per cause: failed runs, failed jobs, spending, late weeks."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.jobs.model import MAX_FAILURE_RATE
from matchme_pipeline.llm.store.threshold_queries import Crossing
from matchme_pipeline.operations import alert_queries
from matchme_pipeline.operations.alert_queries import EndedRun
from matchme_pipeline.operations.remedies import cause_of, remedy_for, without_quotations
from matchme_pipeline.week import READY_AFTER, Week

_log = logging.getLogger(__name__)

# The length of an error in a message; batch_run_history holds the whole text.
MAX_ERROR_CHARACTERS = 500


class AlertKind(StrEnum):
    """The kinds of alerts."""

    RUN_FAILED = "run_failed"
    FAILURE_RATE = "failure_rate"
    BUDGET_THRESHOLD = "budget_threshold"
    WEEK_LATE = "week_late"
    WEEK_GIVEN_UP = "week_given_up"
    NOBODY_MATCHED = "nobody_matched"
    FOREIGN_MATCHES = "foreign_matches"
    WEEK_FINISHED = "week_finished"
    OVER = "over"


@dataclass(frozen=True)
class Alert:
    """One alert; `kind` and `cause` together identify it, so that it is sent once.

    `cost_alert` names the app's cost alert whose webhook receives it; None means the pipeline's webhook.
    """

    kind: AlertKind
    cause: str
    title: str
    text: str
    week: date | None = None
    run_id: str | None = None
    cost_alert: str | None = None


def record_alert(connection: Connection, alert: Alert) -> bool:
    """Store `alert` in the table and log it; returns whether its cause is new."""
    new = alert_queries.insert_alert(
        connection,
        str(alert.kind),
        alert.cause,
        alert.title,
        alert.text,
        alert.week,
        alert.run_id,
        alert.cost_alert,
    )
    if new:
        _log.warning("%s: %s", alert.title, alert.text)
    return new


def run_failed(run: EndedRun) -> Alert:
    """Alert for a failed run: its error, the meaning, and what to do."""
    # A channel has more readers than may read members' texts.
    error = without_quotations(run.error, MAX_ERROR_CHARACTERS)
    cause = cause_of(run.error)
    return Alert(
        AlertKind.RUN_FAILED,
        cause=run.dagster_run_id,
        title=f"The {run.run_type} run of {_week(run.week)} failed: {cause.name}",
        text=f"{error}\nWhat it means: {cause.meaning}\nWhat to do: {remedy_for(cause, run.week)}\n"
        f"Run {run.dagster_run_id}. What it finished is kept; a run whose process was lost is retried automatically.",
        week=run.week,
        run_id=run.dagster_run_id,
    )


def too_many_failures(run: EndedRun) -> Alert | None:
    """Alert for a run with more failed jobs than the limit; None below the limit."""
    rate = run.failed_jobs / run.total_jobs if run.total_jobs else 0.0
    if rate <= MAX_FAILURE_RATE:
        return None
    return Alert(
        AlertKind.FAILURE_RATE,
        cause=run.dagster_run_id,
        title=f"{rate:.1%} of the jobs of {_week(run.week)} failed",
        text=f"{run.failed_jobs} of {run.total_jobs} jobs of run {run.dagster_run_id}; up to "
        f"{MAX_FAILURE_RATE:.1%} is expected.\nWhat to do: `matchme jobs list --status failed` shows "
        "why; the week's report groups the failures with a remedy each.",
        week=run.week,
        run_id=run.dagster_run_id,
    )


def threshold_passed(crossing: Crossing, cost_alert: str | None = None) -> Alert:
    """A week's spending that passed a threshold of its budget."""
    return Alert(
        AlertKind.BUDGET_THRESHOLD,
        cause=f"{crossing.week}/{crossing.threshold_percent}" + (f"/{cost_alert}" if cost_alert else ""),
        title=f"{crossing.threshold_percent} % of the budget of {_week(crossing.week)} is spent",
        text=f"{crossing.spent_usd:.4f} of {crossing.budget_usd:.2f} USD (MATCHME_WEEKLY_BUDGET_USD).",
        week=crossing.week,
        cost_alert=cost_alert,
    )


def week_late(week: Week) -> Alert:
    """Alert for a week that is not finished when members open the app."""
    return Alert(
        AlertKind.WEEK_LATE,
        cause=week.key,
        title=f"{_week(week.sunday)} is not finished",
        text=f"Its matches were due by {ready_by(week):%Y-%m-%d %H:%M} UTC. `matchme status` shows what runs; "
        f"`matchme run --week {week.key}` materialises it.",
        week=week.sunday,
    )


def week_given_up(week: Week, failed_runs: int) -> Alert:
    """Alert for a missed week that automation does not try again."""
    return Alert(
        AlertKind.WEEK_GIVEN_UP,
        cause=week.key,
        title=f"{_week(week.sunday)} is given up",
        text=f"{failed_runs} runs of it failed, so automation does not try it again. Find the cause, then "
        f"`matchme run --week {week.key}`.",
        week=week.sunday,
    )


def nobody_matched(week: Week, run_id: str, sentences: Sequence[str]) -> Alert:
    """Alert for a finished week without a match."""
    return Alert(
        AlertKind.NOBODY_MATCHED,
        cause=week.key,
        title=f"{_week(week.sunday)} has no matches",
        text=f"{' '.join(sentences)} `matchme doctor` names empty columns; docs/matching.md says what "
        "each reason means.",
        week=week.sunday,
        run_id=run_id,
    )


def foreign_matches(match_week: str, rows: int) -> Alert:
    """Rows of a match week that another batch wrote."""
    return Alert(
        AlertKind.FOREIGN_MATCHES,
        cause=match_week,
        title=f"Another batch wrote matches for {match_week}",
        text=f"{rows:,} rows of weekly_matches were not written by this pipeline. `matchme doctor` looks for the "
        "schedule that wrote them; running the week again removes those that no member has viewed.",
    )


def week_finished(week: Week, run_id: str, text: str) -> Alert:
    """Message for a finished week; optional, once a week."""
    return Alert(
        AlertKind.WEEK_FINISHED,
        cause=week.key,
        title=f"{_week(week.sunday)} is finished",
        text=text,
        week=week.sunday,
        run_id=run_id,
    )


def over(week: date, titles: Sequence[str], first_id: str) -> Alert:
    """Message that a week's problem is over."""
    return Alert(
        AlertKind.OVER,
        cause=first_id,
        title=f"Over: {_week(week)} is in order",
        text="\n".join(f"No longer: {title}" for title in titles),
        week=week,
    )


def ready_by(week: Week) -> datetime:
    """When the week's matches are due."""
    return (week.cutoff + READY_AFTER).astimezone(UTC)


def _week(sunday: date | None) -> str:
    return f"week {sunday}" if sunday else "no week"
