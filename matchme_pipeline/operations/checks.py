"""Checks across stages: the promise on failures, the three books that must agree, and the hour a week is due."""

from datetime import UTC, datetime

from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetCheckSeverity, asset_check

from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.jobs.model import LARGEST_FAILURE_RATE
from matchme_pipeline.operations import queries
from matchme_pipeline.operations.alerts import ready_by
from matchme_pipeline.week import Week


@asset_check(asset="run_summary", description="Fewer than 0.5 % of the run's jobs failed.")
def failure_rate(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Compare the run's failed jobs with the promise."""
    with database.connect() as connection:
        totals = queries.run_totals(connection, context.run.run_id)
    rate = totals.failed_jobs / totals.total_jobs if totals.total_jobs else 0.0
    return AssetCheckResult(
        passed=rate < LARGEST_FAILURE_RATE,
        severity=AssetCheckSeverity.WARN,
        metadata={"jobs": totals.total_jobs, "failed": totals.failed_jobs, "failure_rate": rate},
    )


@asset_check(
    asset="run_summary", description="Tokens and cost are equal in Dagster's metadata, the run history and the ledger."
)
def books_agree(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Compare the three places that hold a run's tokens and cost."""
    with database.connect() as connection:
        ledger = queries.run_totals(connection, context.run.run_id)
        history = queries.run_row(connection, context.run.run_id)
    shown = _shown_in_dagster(context)
    tokens = {"dagster": int(shown["tokens"]), "history": history.tokens_used, "ledger": ledger.tokens}
    cost = {"dagster": shown["cost_usd"], "history": float(history.cost_usd), "ledger": float(ledger.cost_usd)}
    # Ten decimals: the ledger's precision.
    agree = len(set(tokens.values())) == 1 and len({round(value, 10) for value in cost.values()}) == 1
    return AssetCheckResult(
        passed=agree, severity=AssetCheckSeverity.ERROR, metadata={"tokens": tokens, "cost_usd": cost}
    )


@asset_check(asset="run_summary", description="The newest week is finished by Sunday 07:00 UTC, when members look.")
def finished_by_sunday_seven(context: AssetCheckExecutionContext) -> AssetCheckResult:
    """Compare the hour at which the week finished with the hour it is due; an older week, backfilled, was due before.

    `hours_before_due` is negative for a week that is late.
    """
    week, now = Week.parse(context.partition_key), datetime.now(UTC)
    newest = week.sunday == Week.last_closed(now).sunday
    hours = (ready_by(week) - now).total_seconds() / 3600
    return AssetCheckResult(
        passed=hours >= 0 or not newest,
        severity=AssetCheckSeverity.WARN,
        metadata={"hours_before_due": hours, "newest_week": newest},
    )


def _shown_in_dagster(context: AssetCheckExecutionContext) -> dict[str, float]:
    """The sums of tokens and cost over the run's materialisations, as the UI shows them."""
    sums = {"tokens": 0.0, "cost_usd": 0.0}
    for record in context.instance.all_logs(context.run.run_id):
        event = record.dagster_event
        if event is None or not event.is_step_materialization:
            continue
        metadata = event.step_materialization_data.materialization.metadata
        for name in sums:
            if name in metadata and isinstance(metadata[name].value, int | float):
                sums[name] += float(metadata[name].value)
    return sums
