"""Checks of outcomes."""

from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetCheckSeverity

from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.matching.outcomes import outcome_queries
from matchme_pipeline.week import Week
from matchme_pipeline.weekly_assets import weekly_check


@weekly_check(
    asset="match_outcomes",
    description="Every side of a shown pair has an outcome, no outcome belongs to a later week, and none is both a "
    "like and a pass.",
)
def outcomes_are_whole(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Count the rows that break a rule of outcomes."""
    with database.connect() as connection:
        broken = outcome_queries.missing_outcomes(connection, Week.parse(context.partition_key))
    return AssetCheckResult(passed=not any(broken.values()), severity=AssetCheckSeverity.ERROR, metadata=dict(broken))
