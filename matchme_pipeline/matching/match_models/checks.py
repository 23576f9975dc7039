"""Checks of learned versions."""

from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetCheckSeverity

from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.matching.match_models import decision_queries
from matchme_pipeline.week import Week
from matchme_pipeline.weekly_assets import weekly_check


@weekly_check(
    asset="match_models",
    description="At most one version is in use, the week's version exists, no tendency belongs to a deleted member, "
    "and no version is trained on weeks that it scores.",
)
def versions_keep_the_rules(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Count violations of the rules for learned versions."""
    with database.connect() as connection:
        broken = decision_queries.broken_rules(connection, Week.parse(context.partition_key).sunday)
    return AssetCheckResult(passed=not any(broken.values()), severity=AssetCheckSeverity.ERROR, metadata=dict(broken))
