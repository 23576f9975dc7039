"""A job, its types and its states."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class JobType(StrEnum):
    """What a job does."""

    CONTENT_ANALYSIS = "content_analysis"
    EMBEDDING_UPDATE = "embedding_update"
    DNA_RECALCULATION = "dna_recalculation"
    MATCH_GENERATION = "match_generation"


class JobStatus(StrEnum):
    """A job's state."""

    PENDING = "pending"
    PROCESSING = "processing"
    RETRY = "retry"
    FAILED = "failed"
    COMPLETED = "completed"


# Members who pay more come first if time or budget runs short; 1 comes before 10.
PRIORITY_BY_TIER = {"gold_plus": 2, "gold": 4, "premium": 4, "free": 6}
DEFAULT_PRIORITY = 5
# The target: fewer than one job in two hundred fails.
MAX_FAILURE_RATE = 0.005


@dataclass(frozen=True)
class JobRequest:
    """A job to enqueue, once per type, subject and week; `fingerprint` identifies its input.

    A completed job reopens only if its fingerprint has changed.
    """

    user_id: str
    subject: str
    fingerprint: str
    priority: int = DEFAULT_PRIORITY
    payload: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """A claimed job. `claimed_at` is the token of the claim: after the lease has ended and another worker has claimed
    the job, the first worker can neither complete nor release it.
    """

    id: UUID
    user_id: str
    subject: str
    attempts: int
    claimed_at: datetime
    payload: dict[str, Any] = field(hash=False)


@dataclass(frozen=True)
class JobCounts:
    """Numbers of jobs in each state; `waiting` jobs are in backoff."""

    pending: int = 0
    processing: int = 0
    completed: int = 0
    waiting: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """All jobs."""
        return self.pending + self.processing + self.completed + self.waiting + self.failed

    @property
    def open(self) -> int:
        """The number of unfinished jobs: waiting or processing."""
        return self.pending + self.processing + self.waiting

    @property
    def failure_rate(self) -> float:
        """The share of failed jobs, including those in backoff; 0 without jobs."""
        return (self.failed + self.waiting) / self.total if self.total else 0.0
