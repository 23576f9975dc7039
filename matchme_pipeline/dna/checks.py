"""Checks on the DNA assets, computed from the stored rows."""

from collections.abc import Mapping

from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetCheckSeverity

from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.dna.queries import verification
from matchme_pipeline.dna.weights import WEIGHTS
from matchme_pipeline.week import Week
from matchme_pipeline.weekly_assets import weekly_check

# A score changes by a few points a week; if many change by half a tier, a rule or its data is broken.
FAR_POINTS = 10
MAX_SHARE_OF_LARGE_CHANGES = 0.05
MAX_SHIFT_OF_THE_MEAN_POINTS = 3.0


@weekly_check(
    asset="trait_distribution",
    description="Every trait has between one and N members, and its frequency and idf follow from them.",
)
def distribution_adds_up(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Recompute frequency and idf from the counts."""
    with database.connect() as connection:
        traits, wrong = verification.wrong_traits(connection, _week(context).sunday)
    return _result(wrong == 0, {"traits": traits, "wrong": wrong})


@weekly_check(
    asset="content_originality",
    description="Every member's originality is within bounds. It is neutral if, and only if, too few items can be "
    "compared.",
)
def originality_within_bounds(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Compare neutral scores with the numbers of items."""
    with database.connect() as connection:
        figures = verification.originality_figures(connection, _week(context).sunday)
    return _result(figures["wrong"] == 0, figures)


@weekly_check(asset="dna_scores", description="The weights of the five strands add up to 100 per cent.")
def weights_add_up() -> AssetCheckResult:
    """Add the weights."""
    return _result(sum(WEIGHTS.values()) == 100, WEIGHTS)


@weekly_check(
    asset="dna_scores",
    description="Every member has a score of this week, and no other person has one.",
)
def everyone_is_scored(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Compare the week's rows with the population as of the cutoff."""
    week = _week(context)
    with database.connect() as connection:
        figures = verification.coverage(connection, week.sunday, week.cutoff)
    return _result(figures["without_score"] == 0 and figures["left_since"] == 0, figures)


@weekly_check(
    asset="dna_scores",
    description="Every score is the weighted sum of its strands, rounded once, with its tier. Members without data "
    "have 0.",
)
def scores_follow_from_strands(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Recompute scores and tiers in SQL from the stored strands."""
    with database.connect() as connection:
        figures = verification.score_figures(connection, _week(context).sunday)
    return _result(figures["wrong_scores"] == 0 and figures["wrong_tiers"] == 0, figures)


@weekly_check(
    asset="dna_scores",
    description="Every percentile is the share of scored members with a lower score.",
)
def percentiles_follow_from_scores(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Recompute every percentile."""
    with database.connect() as connection:
        scored, wrong = verification.wrong_percentiles(connection, _week(context).sunday)
    # A member who was recalculated alone changes others' percentiles by less than this; the next full pass corrects
    # them.
    return _result(wrong == 0, {"scored": scored, "wrong": wrong}, AssetCheckSeverity.WARN)


@weekly_check(
    asset="dna_scores",
    description="Scores are spread: no single score has most of the scored members, and no strand has only one value.",
)
def scores_are_spread(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Detect a collapsed distribution; its values would all be within bounds."""
    with database.connect() as connection:
        figures = verification.spread(connection, _week(context).sunday)
    collapsed = figures["scored"] >= 20 and figures["most_common_share"] > 0.5
    return _result(not collapsed, figures, AssetCheckSeverity.WARN)


@weekly_check(
    asset="dna_scores",
    description="The mean score changes by at most 3 points a week, and at most one member in twenty changes by more "
    "than 10.",
)
def scores_resemble_last_weeks(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Compare the scores of members who have one in both weeks."""
    with database.connect() as connection:
        figures = verification.movement(connection, _week(context).sunday, FAR_POINTS)
    resembles = (
        abs(figures["mean_now"] - figures["mean_before"]) <= MAX_SHIFT_OF_THE_MEAN_POINTS
        and figures["share_moved_far"] <= MAX_SHARE_OF_LARGE_CHANGES
    )
    return _result(resembles, figures, AssetCheckSeverity.WARN)


@weekly_check(asset="dna_scores", description="The app shows the scores of the newest week.")
def newest_week_is_shown(database: DatabaseResource) -> AssetCheckResult:
    """Compare `mysoul_dna_scores` with the newest week."""
    with database.connect() as connection:
        figures = verification.published(connection)
    return _result(figures["not_shown"] == 0 and figures["different"] == 0, figures)


def _week(context: AssetCheckExecutionContext) -> Week:
    return Week.parse(context.partition_key)


def _result(
    passed: bool, figures: Mapping[str, float], severity: AssetCheckSeverity = AssetCheckSeverity.ERROR
) -> AssetCheckResult:
    return AssetCheckResult(passed=passed, severity=severity, metadata=dict(figures))
