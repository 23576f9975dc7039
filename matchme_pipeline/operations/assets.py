"""The last asset of a week: the run's results, failures and cost."""

from collections.abc import Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from dagster import AssetExecutionContext, DagsterEventType, MaterializeResult, MetadataValue

from matchme_pipeline.code_versions import formula_version
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.errors import WeekNotFinishedError
from matchme_pipeline.operations import alerts, queries, runs
from matchme_pipeline.operations.alerts import record_alert
from matchme_pipeline.operations.links import links
from matchme_pipeline.operations.report import render
from matchme_pipeline.operations.report.collect import collect
from matchme_pipeline.operations.report.content import message
from matchme_pipeline.operations.report.queries import save_report
from matchme_pipeline.operations.week_outcome import why_not_finished
from matchme_pipeline.operations.week_outcome_queries import model_jobs, stage_calls
from matchme_pipeline.reporting import StageReport, materialisation
from matchme_pipeline.settings import process_settings
from matchme_pipeline.week import Week
from matchme_pipeline.weekly_assets import closed_week_asset, week_of


@closed_week_asset(
    deps=["chaichat_previews", "match_quality"],
    group_name="operations",
    owners=["team:operations"],
    kinds={"postgres"},
    code_version=formula_version("operations.assets"),
    metadata={"table": "batch_run_history"},
    description="Completes the run's row in `batch_run_history`: jobs, failures, tokens, cost, duration and errors.",
)
def run_summary(context: AssetExecutionContext, database: DatabaseResource) -> MaterializeResult[None]:
    """Complete the run's row with the figures of the queue and the ledger.

    Raises WeekNotFinishedError, so that the week stays missing, if too many model calls failed, or all of one stage.
    """
    started = monotonic()
    week = week_of(context)
    stages = _materialised(context)
    stopped_by = next(
        (str(stop.value) for own in stages.values() if (stop := own.get("stopped_by")) and stop.value), ""
    )
    with database.connect() as connection:
        calls = stage_calls(connection, week.sunday, context.run.run_id, stages)
        if (reason := why_not_finished(model_jobs(connection, week.sunday), calls)) is not None:
            raise WeekNotFinishedError(f"Week {week.key} is not finished: {reason}")
        totals = runs.close_run(connection, context.run, "completed", summary=True, stopped_by=stopped_by)
        (summary,) = queries.week_summaries(connection, [week.sunday])
        report = _report(context, connection, week)
    return materialisation(
        StageReport(items=totals.total_jobs, processed=totals.completed_jobs, failed=totals.failed_jobs),
        monotonic() - started,
        # The run's cost, so that this asset's plots show the cost of each week.
        totals.usage,
        rows=summary.runs,
        **report,
        week_items=summary.items,
        week_insights=summary.insights,
        week_matches=summary.matches,
        week_left_in_queue=summary.left_in_queue,
        stopped_by=stopped_by,
    )


def _report(context: AssetExecutionContext, connection: Connection, week: Week) -> dict[str, Any]:
    """Store the week's report and return it as metadata; a failing report does not fail the week."""
    settings = process_settings()
    try:
        with connection.transaction():
            report = collect(connection, context.instance, settings, week, datetime.now(UTC))
            save_report(connection, week.sunday, report.as_json())
        addresses = links(settings, week.key, context.run.run_id)
        shown: dict[str, Any] = {
            "summary": render.markdown(report, addresses),
            "list_price_usd": report.list_price_usd or 0.0,
            "charts": MetadataValue.md(render.pictures(report)),
        }
        named = dict(addresses)
        if (address := named.get(f"Report of week {week.key}")) is not None:
            shown["report_page"] = MetadataValue.url(address)
    except Exception as error:
        context.log.exception("the week's report could not be made")
        return {"report_error": f"{type(error).__name__}; `matchme report --week {week.key}` tries again"}
    if settings.tell_finished_weeks:
        record_alert(connection, alerts.week_finished(week, context.run.run_id, message(report)))
    return shown


def _materialised(context: AssetExecutionContext) -> dict[str, Mapping[str, MetadataValue[Any]]]:
    """The stages that the run has materialised, in this order, with their metadata."""
    records = context.instance.all_logs(context.run.run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)
    made = [record.asset_materialization for record in records]
    return {one.asset_key.to_user_string(): one.metadata for one in made if one is not None}
