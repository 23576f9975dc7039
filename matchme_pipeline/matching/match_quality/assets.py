"""The asset of match quality: how well the score predicts mutual likes, compared with chance and the previous week."""

from time import monotonic
from typing import Any

from dagster import AssetExecutionContext, MaterializeResult, MetadataValue

from matchme_pipeline.code_versions import formula_version
from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.matching.match_quality import plots, quality_queries, weekly_quality
from matchme_pipeline.matching.match_quality.quality import Quality
from matchme_pipeline.matching.rules.limits import process_limits
from matchme_pipeline.reporting import StageReport, materialisation
from matchme_pipeline.weekly_assets import closed_week_asset, week_of

_COMPARED = ("auc", "log_loss", "mutual_share", "calibration_error", "gini")


@closed_week_asset(
    deps=["match_outcomes"],
    group_name="matches",
    code_version=formula_version(
        "matching.learning.evaluation",
        "matching.match_quality.measures",
        "matching.match_quality.quality",
        "matching.match_quality.cells",
    ),
    owners=["team:data"],
    kinds={"postgres", "numpy"},
    metadata={"table": "match_quality"},
    description="How well the score predicted mutual likes, for the matches that members saw during the week: "
    "AUC, log loss and calibration with intervals over members; the funnel by rank, score, factor and time since "
    "joining; coverage and exposure by group. Compared with the week before and with random places.",
)
def match_quality(context: AssetExecutionContext, database: DatabaseResource) -> MaterializeResult[None]:
    """Measure the week's match quality as of its cutoff."""
    started = monotonic()
    week = week_of(context)
    with database.connect() as connection:
        found = weekly_quality.measure_week(connection, week, process_limits())
        changed = quality_queries.save_quality(connection, week.sunday, found)
        before = quality_queries.stored_quality(connection, [week.previous.sunday]).get(week.previous.sunday, {})
    return materialisation(
        StageReport(items=found.shown_pairs, processed=changed, reused=int(not changed)),
        monotonic() - started,
        rows=1,
        summary=plots.in_words(found),
        **_figures(found, before),
        calibration=MetadataValue.md(plots.calibration_plot(found)),
        funnel=MetadataValue.md(plots.funnel_plot(found)),
        exposure=MetadataValue.md(plots.exposure_table(found)),
    )


def _figures(found: Quality, before: dict[str, Any]) -> dict[str, Any]:
    """The week's figures for plots, with changes against the previous week; without figures of too small samples."""
    figures: dict[str, Any] = {
        "seen_pairs": found.seen_pairs,
        "mutual_pairs": found.mutual_pairs,
        "base_log_loss": found.base_log_loss,
        "drawn_pairs": found.drawn_pairs,
        "drawn_seen_pairs": found.drawn_seen_pairs,
        "members_covered": found.covered,
        "coverage": found.coverage,
    }
    for name in ("auc", "log_loss", "mutual_share", "chosen_share", "drawn_share"):
        interval = getattr(found, name)
        if interval is not None:
            figures |= {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
    figures |= {"calibration_error": found.calibration_error, "gini": found.gini}
    changes = {
        f"{name}_change": figures[name] - before[name]
        for name in _COMPARED
        if figures.get(name) is not None and before.get(name) is not None
    }
    return {name: value for name, value in (figures | changes).items() if value is not None}
