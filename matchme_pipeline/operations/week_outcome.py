"""Decides whether a week counts as finished: not if too many model calls failed; pure."""

from collections.abc import Mapping
from dataclasses import dataclass

# With a larger share of failed jobs of one type, the week's results cover too few members to count as finished.
MAX_FAILED_SHARE = 0.1
# Fewer failures are chance or broken rows.
MIN_FAILED = 5


@dataclass(frozen=True)
class JobCounts:
    """The jobs of one type in a week, and how many of them failed or wait for another attempt after a failure."""

    jobs: int
    failed: int


def why_not_finished(counts: Mapping[str, JobCounts]) -> str | None:
    """Why a week is not finished, as a sentence; None if it counts as finished."""
    widely = [
        f"{count.failed:,} of {count.jobs:,} {job_type} jobs"
        for job_type, count in sorted(counts.items())
        if count.failed >= MIN_FAILED and count.failed > MAX_FAILED_SHARE * count.jobs
    ]
    if not widely:
        return None
    return (
        f"{' and '.join(widely)} failed, more than {MAX_FAILED_SHARE:.0%}. `matchme jobs list --status failed` "
        "and `--status retry` show why; run the week again when the cause is gone, or discard the jobs."
    )
