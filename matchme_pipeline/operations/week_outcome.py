"""Decides whether a week counts as finished: not if too many model calls failed, or all of one stage; pure."""

from collections.abc import Iterable, Mapping
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


@dataclass(frozen=True)
class StageCalls:
    """The requests of one stage to one model, in the last run that sent any.

    `answered` also counts answers that are of no use; `unanswered` are requests to which the server gave no readable
    answer. A request that the server refuses is neither, because its content is at fault. `answered_later`: the model
    has answered another stage of the week since.
    """

    stage: str
    model: str
    answered: int
    unanswered: int
    answered_later: bool = False

    @property
    def is_outage(self) -> bool:
        """Has the server answered nothing? One request suffices: a small week sends no more."""
        return self.unanswered > 0 and self.answered == 0 and not self.answered_later


def why_not_finished(counts: Mapping[str, JobCounts], calls: Iterable[StageCalls] = ()) -> str | None:
    """Why a week is not finished, as a sentence; None if it counts as finished. `counts` by job type."""
    widely = [
        f"{count.failed:,} of {count.jobs:,} {job_type} jobs"
        for job_type, count in sorted(counts.items())
        if count.failed >= MIN_FAILED and count.failed > MAX_FAILED_SHARE * count.jobs
    ]
    if widely:
        return (
            f"{' and '.join(widely)} failed, more than {MAX_FAILED_SHARE:.0%}. `matchme jobs list --status failed` "
            "and `--status retry` show why; run the week again when the cause is gone, or discard the jobs."
        )
    silent = sorted(f"{own.stage} ('{own.model}')" for own in calls if own.is_outage)
    if silent:
        return (
            f"no request of {' and '.join(silent)} was answered. Check the address and state of the model's server "
            "(`matchme doctor`), then run the week again. Jobs without attempts left need `matchme jobs retry` first, "
            "or `matchme jobs discard`."
        )
    return None
