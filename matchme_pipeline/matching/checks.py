"""Checks of the matching stages."""

from time import monotonic

from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetCheckSeverity

from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.embeddings import nearest_queries
from matchme_pipeline.embeddings.nearest import index_name
from matchme_pipeline.matching import member_queries, scale_queries
from matchme_pipeline.matching.rules.limits import process_limits
from matchme_pipeline.matching.search import recall_check
from matchme_pipeline.matching.search.member_search import Moment
from matchme_pipeline.matching.week import check_queries, report_queries, weekly_matching
from matchme_pipeline.matching.week.pair_verification import broken_filters
from matchme_pipeline.week import Week
from matchme_pipeline.weekly_assets import weekly_check

# The recall check costs the sample searches (bounded by a time limit) and one read of the week's members.
MEMBERS_SEARCHED = 12
SECONDS_SEARCHED = 30.0
MIN_RECALL = 0.98


@weekly_check(
    asset="weekly_matches",
    description="Members can be matched: at least one pair is eligible, no filter removes nearly all pairs, and no "
    "column is unknown for nearly all members.",
)
def members_can_be_matched(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Report unusual values by column; the severity is an error if nobody can be matched."""
    week = Week.parse(context.partition_key)
    with database.connect() as connection:
        report = report_queries.report_of(connection, week.sunday)
    findings = report.findings if report else []
    has_errors = any(finding["severity"] == "error" for finding in findings)
    return AssetCheckResult(
        passed=not findings,
        severity=AssetCheckSeverity.ERROR if has_errors else AssetCheckSeverity.WARN,
        description=" ".join(finding["sentence"] for finding in findings) or "Members can be matched.",
        metadata={"findings": [finding["sentence"] for finding in findings]},
    )


@weekly_check(
    asset="weekly_matches",
    blocking=True,
    description="Every match is mutual and has one score, no member has more than five, and no pair repeats.",
)
def matches_keep_the_rules(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Count the rows that break a rule."""
    with database.connect() as connection:
        broken = check_queries.broken_rules(
            connection, Week.parse(context.partition_key).match_week, process_limits().no_repeat_weeks
        )
    return AssetCheckResult(passed=not any(broken.values()), severity=AssetCheckSeverity.ERROR, metadata=dict(broken))


@weekly_check(asset="weekly_matches", blocking=True, description="Every match keeps both members' hard preferences.")
def matches_keep_hard_preferences(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Count the rows that break a preference of the row's member, and the pairs that all filters together reject."""
    week = Week.parse(context.partition_key)
    limits = process_limits()
    with database.connect() as connection:
        matchable = member_queries.matchable_members(connection, week.cutoff, limits)
        pairs = check_queries.untouched_pairs(connection, week.match_week, matchable.members.user_ids)
        broken = check_queries.broken_preferences(connection, week.cutoff, week.match_week, limits)
    broken["by_any_filter"] = broken_filters(matchable.members, pairs)["not_eligible"]
    return AssetCheckResult(passed=not any(broken.values()), severity=AssetCheckSeverity.ERROR, metadata=dict(broken))


@weekly_check(
    asset="weekly_matches",
    description="The member search finds the partners that a scan of all pairs finds, for a sample of at most 12 "
    "members within half a minute.",
)
def search_finds_what_the_exact_way_finds(
    context: AssetCheckExecutionContext, database: DatabaseResource
) -> AssetCheckResult:
    """Compare the best partners of sampled members from the SQL search and from a scan of all pairs."""
    week, limits = Week.parse(context.partition_key), process_limits()
    with database.connect() as connection:
        model = scale_queries.model_of_matches(connection, week.match_week)
        scale = scale_queries.scale_of(connection, week.sunday, model) if model else None
        if model is None or scale is None:
            return AssetCheckResult(passed=True, metadata={"members": 0})
        moment = Moment(week.cutoff, week.sunday, week.match_week, model, limits)
        engine = weekly_matching.load_engine(connection, week, model, limits)
        sample = recall_check.evenly(list(engine.position), MEMBERS_SEARCHED)
        result = recall_check.measure(connection, engine, moment, scale, sample, monotonic, SECONDS_SEARCHED)
        indexed = index_name(week.sunday, model) in nearest_queries.indexes(connection)
    return AssetCheckResult(
        passed=result.share >= MIN_RECALL,
        severity=AssetCheckSeverity.WARN,
        metadata={
            "members": result.members,
            "expected": result.expected,
            "found": result.found,
            "recall": result.share,
            "median_seconds": result.median_seconds,
            "indexed": indexed,
        },
    )


@weekly_check(asset="chaichat_previews", description="Every pair has starters on both levels, the same in both lists.")
def every_pair_has_a_preview(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Count the rows without starters."""
    with database.connect() as connection:
        rows, missing = check_queries.pairs_without_preview(connection, Week.parse(context.partition_key).match_week)
    return AssetCheckResult(
        passed=missing == 0, severity=AssetCheckSeverity.WARN, metadata={"rows": rows, "without_preview": missing}
    )
