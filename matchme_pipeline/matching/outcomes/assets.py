"""The asset of outcomes: what members did with their matches."""

from time import monotonic
from typing import Any

from dagster import AssetExecutionContext, MaterializeResult, MetadataValue

from matchme_pipeline.code_versions import formula_version
from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.matching.outcomes import funnel, outcome_queries
from matchme_pipeline.matching.outcomes.plots import funnel_plot
from matchme_pipeline.reporting import StageReport, materialisation
from matchme_pipeline.weekly_assets import closed_week_asset, week_of


@closed_week_asset(
    deps=["conversations"],
    group_name="matches",
    owners=["team:data"],
    kinds={"postgres"},
    code_version=formula_version("matching.outcomes.outcome_queries", "matching.outcomes.funnel"),
    metadata={"table": "match_outcomes"},
    description="What members did with their matches as of the cutoff, one row for each shown pair, match week and "
    "side: viewed, liked, passed, wrote, replied, still talking. Reads only counts and times.",
)
def match_outcomes(context: AssetExecutionContext, database: DatabaseResource) -> MaterializeResult[None]:
    """Observe the unfinished match weeks as of the cutoff."""
    started = monotonic()
    week = week_of(context)
    with database.connect() as connection:
        changed, removed = outcome_queries.replace_outcomes(connection, week)
        outcomes = outcome_queries.outcomes_of(connection, week.sunday)
        undated = outcome_queries.undated_actions(connection, week)
    figures: dict[str, Any] = {f"{name}_sides": count for name, count in funnel.counts(outcomes).items()}
    return materialisation(
        StageReport(items=len(outcomes), processed=changed, reused=max(0, len(outcomes) - changed)),
        monotonic() - started,
        rows=len(outcomes),
        removed=removed,
        actions_without_time=undated,
        stages=dict(funnel.DEFINITIONS),
        **figures,
        reported_sides=int(outcomes["reported"].sum()),
        funnel=MetadataValue.md(funnel_plot(outcomes)),
    )
