"""A job, its types and its states."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID


class JobType(StrEnum):
    """What a job does."""

    CONTENT_ANALYSIS = "content_analysis"
    EMBEDDING_UPDATE = "embedding_update"
    DNA_RECALCULATION = "dna_recalculation"
    MATCH_GENERATION = "match_generation"


# Who pays more is served first when time or budget runs short; 1 comes before 10.
PRIORITY_BY_TIER = {"elite": 2, "premium": 4, "free": 6}
DEFAULT_PRIORITY = 5


@dataclass(frozen=True)
class JobRequest:
    """A job to enqueue: once per type, subject and week; `fingerprint` says what it is to work on.

    A job that is done is opened again only when its fingerprint has changed.
    """

    user_id: str
    subject: str
    fingerprint: str
    priority: int = DEFAULT_PRIORITY
    payload: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """A claimed job."""

    id: UUID
    user_id: str
    subject: str
    attempts: int
    payload: dict[str, Any] = field(hash=False)
