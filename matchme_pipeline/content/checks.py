"""Checks of the content stages."""

from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetCheckSeverity, asset_check

from matchme_pipeline.content import check_queries
from matchme_pipeline.content.canonical import canonical_text
from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.llm.grounding import find_quote
from matchme_pipeline.week import Week


@asset_check(asset="post_hashes", description="Every live content item of the week has a row with hash or reason.")
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


@asset_check(asset="content_insights", description="Every insight's quote stands in that member's own content.")
def quotes_are_grounded(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Look every quote of the week up in the item that it came from."""
    week = Week.parse(context.partition_key)
    with database.connect() as connection:
        rows = check_queries.quotes_with_sources(connection, week.sunday)
    ungrounded = sum(text is None or find_quote(canonical_text(text), quote) is None for quote, text in rows)
    return AssetCheckResult(
        passed=ungrounded == 0,
        severity=AssetCheckSeverity.ERROR,
        metadata={"quotes": len(rows), "ungrounded": ungrounded},
    )


@asset_check(asset="content_insights", description="No content item of the week is left without an outcome.")
def every_item_has_an_outcome(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Count posts of the week that are neither completed, skipped nor failed with a job that says why."""
    week = Week.parse(context.partition_key)
    with database.connect() as connection:
        open_items, failed = check_queries.items_without_outcome(connection, week.sunday)
    return AssetCheckResult(
        passed=open_items == 0, severity=AssetCheckSeverity.WARN, metadata={"open": open_items, "failed": failed}
    )
