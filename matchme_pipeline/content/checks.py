"""Checks of the content stages."""

from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetCheckSeverity

from matchme_pipeline.content import check_queries
from matchme_pipeline.content.canonical import locate_quote
from matchme_pipeline.content.claims import quote_key
from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.jobs import queries as jobs
from matchme_pipeline.jobs.model import MAX_FAILURE_RATE, JobType
from matchme_pipeline.week import Week
from matchme_pipeline.weekly_assets import weekly_check


@weekly_check(asset="post_hashes", description="Every live content item of the week has a row with a hash or a reason.")
def every_item_is_hashed(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Count live items without a row, and rows without hash and reason."""
    week = Week.parse(context.partition_key)
    with database.connect() as connection:
        missing, incomplete = check_queries.unhashed_items(connection, week.items_from, week.cutoff, week.sunday)
    return AssetCheckResult(
        passed=missing == 0 and incomplete == 0,
        severity=AssetCheckSeverity.ERROR,
        metadata={"missing": missing, "incomplete": incomplete},
    )


@weekly_check(asset="content_insights", description="Every insight's quote occurs in that member's own content.")
def quotes_are_grounded(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Look up every quote of the week in its source items.

    The quote must stand word for word in one of them; other items may differ in case or line breaks.
    """
    week = Week.parse(context.partition_key)
    with database.connect() as connection:
        rows = check_queries.quotes_with_sources(connection, week.sunday)
    grounded = {insight_id for insight_id, quote, text in rows if text and locate_quote(text, quote) is not None}
    claimed = {insight_id for insight_id, _, _ in rows}
    unsupported = sum(text is None or quote_key(quote) not in quote_key(text) for _, quote, text in rows)
    return AssetCheckResult(
        passed=grounded == claimed and unsupported == 0,
        severity=AssetCheckSeverity.ERROR,
        metadata={
            "insights": len(claimed),
            "ungrounded": len(claimed - grounded),
            "sources": len(rows),
            "unsupported_sources": unsupported,
        },
    )


@weekly_check(asset="content_insights", description="Every content item of the week has an outcome.")
def every_item_has_an_outcome(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Count posts of the week that are neither completed, skipped nor failed; `waiting` posts have an open job."""
    week = Week.parse(context.partition_key)
    with database.connect() as connection:
        lost, waiting, failed = check_queries.items_without_outcome(connection, week.sunday)
    return AssetCheckResult(
        passed=lost + waiting == 0,
        severity=AssetCheckSeverity.WARN if lost == 0 else AssetCheckSeverity.ERROR,
        metadata={"lost": lost, "waiting": waiting, "failed": failed},
    )


@weekly_check(asset="content_insights", description="Fewer than 0.5 % of the week's analysis jobs have failed.")
def few_analyses_fail(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Compare the share of the week's failed jobs, with or without attempts left, with the limit."""
    week = Week.parse(context.partition_key)
    with database.connect() as connection:
        counts = jobs.counts(connection, job_type=JobType.CONTENT_ANALYSIS, week=week.sunday)
    return AssetCheckResult(
        passed=counts.failure_rate < MAX_FAILURE_RATE,
        severity=AssetCheckSeverity.WARN,
        metadata={
            "jobs": counts.total,
            "failed": counts.failed,
            "waiting": counts.waiting,
            "failure_rate": counts.failure_rate,
        },
    )
