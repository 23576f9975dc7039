"""The check of match quality: it warns when quality falls, and never fails a week."""

from collections.abc import Mapping, Sequence
from typing import Any

from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetCheckSeverity

from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.matching.match_quality import quality_queries
from matchme_pipeline.matching.match_quality.trend import NOT_ENOUGH, falls
from matchme_pipeline.week import WEEK, Week
from matchme_pipeline.weekly_assets import weekly_check

WEEKS_BEFORE = 4


@weekly_check(
    asset="match_quality",
    description="Match quality holds: the AUC's interval is not entirely below the mean of the four weeks before, and "
    "the share of members with an eligible partner who appear in a list falls by at most 5 points.",
)
def match_quality_holds(context: AssetCheckExecutionContext, database: DatabaseResource) -> AssetCheckResult:
    """Warn of a fall, in sentences."""
    week = Week.parse(context.partition_key)
    with database.connect() as connection:
        stored = quality_queries.stored_quality(connection, [week.sunday - n * WEEK for n in range(WEEKS_BEFORE + 1)])
    now = stored.pop(week.sunday, None)
    before: Sequence[Mapping[str, Any]] = list(stored.values())
    findings = falls(now, before) if now else []
    has_figures = now is not None and now["auc"] is not None
    return AssetCheckResult(
        passed=not findings,
        severity=AssetCheckSeverity.WARN,
        description=" ".join(findings) or ("Match quality holds." if has_figures else NOT_ENOUGH),
        metadata={"weeks_before": len(before), "findings": findings},
    )
