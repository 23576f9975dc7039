"""Checks across stages: the failure rate, the equality of the three cost records, and the hour a week is due."""

from datetime import UTC, datetime

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetKey,
    AssetRecordsFilter,
    EventLogRecord,
)

from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.jobs.model import MAX_FAILURE_RATE
from matchme_pipeline.operations import queries
from matchme_pipeline.operations.alerts import ready_by
from matchme_pipeline.settings import process_settings
from matchme_pipeline.week import WEEK, Week
from matchme_pipeline.weekly_assets import weekly_check


@weekly_check(asset="run_summary", description="Fewer than 0.5 % of the run's jobs failed.")
def failure_rate(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Compare the share of failed jobs of the run that finished the week with the limit."""
    if (finished := _finishing_event(context)) is None:
        return _nothing_to_check(context)
    with database.connect() as connection:
        totals = queries.run_totals(connection, finished.run_id)
    rate = totals.failed_jobs / totals.total_jobs if totals.total_jobs else 0.0
    return AssetCheckResult(
        passed=rate < MAX_FAILURE_RATE,
        severity=AssetCheckSeverity.WARN,
        metadata={"jobs": totals.total_jobs, "failed": totals.failed_jobs, "failure_rate": rate},
    )


@weekly_check(
    asset="run_summary", description="Tokens and cost are equal in Dagster's metadata, the run history and the ledger."
)
def books_agree(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Compare the three records of the tokens and cost of the run that finished the week."""
    if (finished := _finishing_event(context)) is None:
        return _nothing_to_check(context)
    with database.connect() as connection:
        ledger = queries.run_totals(connection, finished.run_id)
        history = queries.run_row(connection, finished.run_id)
    shown = _shown_in_dagster(context, finished.run_id)
    tokens = {"dagster": int(shown["tokens"]), "history": history.tokens_used, "ledger": ledger.tokens}
    cost = {"dagster": shown["cost_usd"], "history": float(history.cost_usd), "ledger": float(ledger.cost_usd)}
    # Ten decimals: the ledger's precision.
    agree = len(set(tokens.values())) == 1 and len({round(value, 10) for value in cost.values()}) == 1
    return AssetCheckResult(
        passed=agree, severity=AssetCheckSeverity.ERROR, metadata={"tokens": tokens, "cost_usd": cost}
    )


@weekly_check(
    asset="run_summary", description="The newest week is finished by Sunday 07:00 UTC, when members open the app."
)
def finished_by_sunday_seven(context: AssetCheckExecutionContext) -> AssetCheckResult:
    """Compare the time at which the week finished with its due time; an older, backfilled week was due earlier.

    `hours_before_due` is negative for a late week. A late week warns only if automation was on.
    """
    if (finished := _finishing_event(context)) is None:
        return _nothing_to_check(context)
    week = Week.parse(context.partition_key)
    at = datetime.fromtimestamp(finished.timestamp, UTC)
    due_applies = process_settings().automation and at < week.cutoff + WEEK
    hours = (ready_by(week) - at).total_seconds() / 3600
    return AssetCheckResult(
        passed=hours >= 0 or not due_applies,
        severity=AssetCheckSeverity.WARN,
        description=_due_time_sentence(week, at, hours, due_applies),
        metadata={"hours_before_due": hours, "finished_at": at.isoformat(timespec="minutes"), "promised": due_applies},
    )


def _due_time_sentence(week: Week, at: datetime, hours: float, due_applies: bool) -> str:
    when = f"Finished {at:%Y-%m-%d %H:%M} UTC"
    if hours >= 0:
        return f"{when}, {hours:.1f} hours before members open the app."
    if due_applies:
        return f"Late, not broken. {when}, {-hours:.1f} hours after it was due ({ready_by(week):%a %H:%M} UTC)."
    return f"{when}, started by hand or as a backfill; no schedule was to finish it by {ready_by(week):%a %H:%M} UTC."


def _finishing_event(context: AssetCheckExecutionContext) -> EventLogRecord | None:
    """The newest materialisation of the week's summary: this run's, or an earlier run's for a check executed alone."""
    wanted = AssetRecordsFilter(asset_key=AssetKey("run_summary"), asset_partitions=[context.partition_key])
    found = context.instance.fetch_materializations(wanted, limit=1).records
    return found[0] if found else None


def _nothing_to_check(context: AssetCheckExecutionContext) -> AssetCheckResult:
    """An open week has nothing to check; an unfinished closed week is a warning."""
    week = Week.parse(context.partition_key)
    is_open = datetime.now(UTC) < week.cutoff
    return AssetCheckResult(
        passed=is_open,
        severity=AssetCheckSeverity.WARN,
        description=f"Week {week.key} is open until {week.cutoff:%Y-%m-%d %H:%M} UTC."
        if is_open
        else f"Week {week.key} is not finished. Materialise it: matchme run --week {week.key}",
    )


def _shown_in_dagster(context: AssetCheckExecutionContext, run_id: str) -> dict[str, float]:
    """The sums of tokens and cost over a run's materialisations, as the UI shows them."""
    sums = {"tokens": 0.0, "cost_usd": 0.0}
    for record in context.instance.all_logs(run_id):
        event = record.dagster_event
        if event is None or not event.is_step_materialization:
            continue
        materialization = event.step_materialization_data.materialization
        # The summary repeats the run's totals.
        if materialization.asset_key == AssetKey("run_summary"):
            continue
        metadata = materialization.metadata
        for name in sums:
            if name in metadata and isinstance(metadata[name].value, int | float):
                sums[name] += float(metadata[name].value)
    return sums
