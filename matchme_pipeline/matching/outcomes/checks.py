"""Checks of outcomes."""

from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetCheckSeverity

from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.matching.outcomes import outcome_queries
from matchme_pipeline.week import Week
from matchme_pipeline.weekly_assets import weekly_check


@weekly_check(
    asset="match_outcomes",
    description="Every shown side has an outcome, none is of a later week, nobody liked and passed at once.",
)
def outcomes_are_whole(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Count the rows that break what outcomes promise."""
    with database.connect() as connection:
        broken = outcome_queries.missing_outcomes(connection, Week.parse(context.partition_key))
    return AssetCheckResult(passed=not any(broken.values()), severity=AssetCheckSeverity.ERROR, metadata=dict(broken))
