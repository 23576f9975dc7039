"""Checks of the embeddings stages."""

from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetCheckSeverity

from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.embeddings import check_queries
from matchme_pipeline.week import Week
from matchme_pipeline.weekly_assets import weekly_check

# With a lower share of embedded items, similarity would ignore too much of what members wrote.
MIN_COVERAGE = 0.995


@weekly_check(asset="post_embeddings", description="At least 99.5 % of the week's content items have a vector.")
def items_are_covered(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Count the week's items that have a vector of the most common model."""
    with database.connect() as connection:
        items, by_model = check_queries.item_coverage(connection, Week.parse(context.partition_key).sunday)
    covered = max(by_model.values(), default=0)
    coverage = covered / items if items else 1.0
    return AssetCheckResult(
        passed=coverage >= MIN_COVERAGE,
        severity=AssetCheckSeverity.WARN,
        metadata={"items": items, "with_vector": covered, "coverage": coverage, "by_model": by_model},
    )


@weekly_check(asset="user_embeddings", description="One model has a vector of every member who has one this week.")
def one_model_covers_all_members(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Vectors of different models cannot be compared with each other."""
    with database.connect() as connection:
        members, by_model = check_queries.members_by_model(connection, Week.parse(context.partition_key).sunday)
    covered = max(by_model.values(), default=0)
    return AssetCheckResult(
        passed=covered == members,
        severity=AssetCheckSeverity.ERROR,
        metadata={"members": members, "of_one_model": covered, "by_model": by_model},
    )


@weekly_check(asset="user_embeddings", description="Every member vector of the week has unit length.")
def vectors_have_unit_length(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Compare the shortest and the longest vector with one."""
    with database.connect() as connection:
        vectors, shortest, longest = check_queries.norms(connection, Week.parse(context.partition_key).sunday)
    return AssetCheckResult(
        passed=vectors == 0 or (abs(shortest - 1) < 1e-3 and abs(longest - 1) < 1e-3),
        severity=AssetCheckSeverity.ERROR,
        metadata={"vectors": vectors, "shortest": shortest, "longest": longest},
    )
