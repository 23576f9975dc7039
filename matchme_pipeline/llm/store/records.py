"""The stored parts of a model call: the ledger row, and the answers and vectors that it paid for."""

import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.llm.contracts import CallContext
from matchme_pipeline.llm.prices import TokenUsage


@dataclass(frozen=True)
class Call:
    """One row of the ledger; `attempt` is the number of tries of this request including this one."""

    context: CallContext
    provider: str
    model: str
    outcome: str
    items: int
    mode: str = "standard"
    member_id: str | None = None
    request_id: str | None = None
    attempt: int = 1
    usage: TokenUsage = field(default_factory=TokenUsage)
    cost_usd: Decimal = Decimal(0)
    latency_seconds: float | None = None
    error: str | None = None
    price_version: str | None = None
    request_bytes: int = 0
    id: uuid.UUID = field(default_factory=uuid.uuid4)


@dataclass(frozen=True)
class StoredAnswer:
    """An answer to be stored under its cache key."""

    key: str
    stage: str
    subject: str
    model: str
    prompt_version: str
    answer: dict[str, Any]
    call_id: uuid.UUID


@dataclass(frozen=True)
class StoredVector:
    """A vector to be stored: float32 of shape (1536,)."""

    content_hash: str
    model: str
    vector: NDArray[np.float32]
    call_id: uuid.UUID
