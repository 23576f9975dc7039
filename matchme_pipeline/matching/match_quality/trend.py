"""Detects a fall of match quality; pure."""

from collections.abc import Mapping, Sequence
from typing import Any

# Fewer earlier weeks give no mean to compare with.
MIN_WEEKS = 2
# The allowed fall of the share of members who appear in a list, 0 to 1.
MAX_COVERAGE_LOST = 0.05
NOT_ENOUGH = "Not enough outcomes yet."


def falls(now: Mapping[str, Any], before: Sequence[Mapping[str, Any]]) -> list[str]:
    """What has fallen against the previous weeks, in sentences; rows are as stored in `match_quality`."""
    findings = []
    areas = [row["auc"] for row in before if row["auc"] is not None]
    if now["auc"] is not None and len(areas) >= MIN_WEEKS:
        mean = sum(areas) / len(areas)
        if now["auc_high"] < mean:
            findings.append(
                f"The score predicts mutual likes less well: AUC {now['auc']:.3f} ({now['auc_low']:.3f} to "
                f"{now['auc_high']:.3f}) against {mean:.3f} in the {len(areas)} weeks before."
            )
    shares = [row["coverage"] for row in before if row["coverage"] is not None]
    if now["coverage"] is not None and len(shares) >= MIN_WEEKS:
        share, mean = now["coverage"], sum(shares) / len(shares)
        if share < mean - MAX_COVERAGE_LOST:
            findings.append(
                f"Fewer of the members with an eligible partner appear in a list: {share:.1%} against {mean:.1%} "
                f"in the {len(shares)} weeks before."
            )
    return findings
