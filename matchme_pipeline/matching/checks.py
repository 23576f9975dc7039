"""Checks of the matching stages."""

from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetCheckSeverity, asset_check

from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.matching import check_queries, queries
from matchme_pipeline.matching.limits import process_limits
from matchme_pipeline.matching.members import as_columns, why_not_matchable
from matchme_pipeline.matching.verification import broken_filters
from matchme_pipeline.matching.vocabulary import Unknown
from matchme_pipeline.week import Week


@asset_check(
    asset="weekly_matches",
    blocking=True,
    description="Every match is mutual with one score, nobody has more than five, nobody meets somebody twice.",
)
def matches_keep_the_rules(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Count the rows that break a rule."""
    with database.connect() as connection:
        broken = check_queries.broken_rules(
            connection, Week.parse(context.partition_key).match_week, process_limits().no_repeat_weeks
        )
    return AssetCheckResult(passed=not any(broken.values()), severity=AssetCheckSeverity.ERROR, metadata=dict(broken))


@asset_check(asset="weekly_matches", blocking=True, description="Every match keeps both members' hard preferences.")
def matches_keep_hard_preferences(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Count the rows that break a wish of the row's member, and the pairs that every filter together would refuse."""
    week = Week.parse(context.partition_key)
    with database.connect() as connection:
        pairs = check_queries.untouched_pairs(connection, week.match_week)
        matched = {user_id for pair in pairs for user_id in pair}
        rows = [row for row in queries.members_as_of(connection, week.cutoff) if row.user_id in matched]
        broken = check_queries.broken_preferences(connection, week.match_week)
    limits = process_limits()
    matchable = [row for row in rows if why_not_matchable(row, week.cutoff, limits) is None]
    members = as_columns(matchable, week.cutoff, Unknown())
    broken["by_any_filter"] = broken_filters(members, pairs)["not_eligible"]
    return AssetCheckResult(passed=not any(broken.values()), severity=AssetCheckSeverity.ERROR, metadata=dict(broken))


@asset_check(asset="chaichat_previews", description="Every pair has starters on both levels, the same in both lists.")
def every_pair_has_a_preview(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Count the rows without starters."""
    with database.connect() as connection:
        rows, missing = check_queries.pairs_without_preview(connection, Week.parse(context.partition_key).match_week)
    return AssetCheckResult(
        passed=missing == 0, severity=AssetCheckSeverity.WARN, metadata={"rows": rows, "without_preview": missing}
    )
