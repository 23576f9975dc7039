"""Whether a week's work may count as done: a week in which model calls failed widely is not finished; pure."""

from collections.abc import Mapping
from dataclasses import dataclass

# With a larger share of a kind of job failed, the week says too little of its members to be called finished.
LARGEST_FAILED_SHARE = 0.1
# Fewer are bad luck or bad rows.
FEWEST_FAILED = 5


@dataclass(frozen=True)
class JobCounts:
    """The jobs of one type in a week, and how many of them failed or wait for another attempt after a failure."""

    jobs: int
    failed: int


def why_not_finished(counts: Mapping[str, JobCounts]) -> str | None:
    """What keeps a week from being finished, as a sentence; None where it may count as finished."""
    widely = [
        f"{count.failed:,} of {count.jobs:,} {job_type} jobs"
        for job_type, count in sorted(counts.items())
        if count.failed >= FEWEST_FAILED and count.failed > LARGEST_FAILED_SHARE * count.jobs
    ]
    if not widely:
        return None
    return (
        f"{' and '.join(widely)} failed, more than {LARGEST_FAILED_SHARE:.0%}. `matchme jobs list --status failed` "
        "and `--status retry` show why; run the week again when the cause is gone, or discard the jobs."
    )
