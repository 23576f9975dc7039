"""The protocol that a provider's folder implements: it only translates requests and answers.

The modules beside this one hold everything that providers share (budget, rate limits, retries, packing, ledger,
batches). `docs/model_providers.md` describes how to add a provider.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.llm.execution.exchange import Json, Reply
from matchme_pipeline.llm.prices import Mode, ModelEntry, TokenUsage
from matchme_pipeline.llm.store.batch_queries import Batch
from matchme_pipeline.llm.tasks.questions import Task
from matchme_pipeline.settings import Settings


@dataclass(frozen=True)
class ChatAnswer:
    """A model's text and the reason why it ended: complete, refused, or cut off at the token limit."""

    content: str
    end: Literal["complete", "refused", "cut_off"] = "complete"


class ChatFormat(Protocol):
    """How one provider writes a question and its answer."""

    def body(self, model: str, entry: ModelEntry, mode: Mode, task: Task, data: Json, output_limit: int) -> Json:
        """The request that asks `task` about `data`: instructions separate from members' texts, structured output."""

    def answer(self, data: Json | None) -> ChatAnswer | None:
        """The model's text in an answer's body; None if the body has no message."""

    def usage(self, data: Json) -> TokenUsage | None:
        """The reported tokens; None if there are none or the figures are invalid."""

    def billed_mode(self, asked: Mode, data: Json) -> Mode:
        """The billed mode, if it may differ from the requested one."""


@dataclass(frozen=True)
class EmbeddingLimits:
    """The limits of one embeddings request: inputs, total tokens, tokens per input."""

    inputs: int
    request_tokens: int
    input_tokens: int


class EmbeddingFormat(Protocol):
    """How one provider writes a request for vectors and its answer."""

    @property
    def limits(self) -> EmbeddingLimits:
        """The limits of one request."""

    def body(self, model: str, entry: ModelEntry, texts: list[str]) -> Json:
        """The request for the vectors of `texts`."""

    def vectors(self, data: Json | None, asked: int) -> dict[int, NDArray[np.float32]]:
        """The usable vectors of an answer to `asked` texts by their position, of unit length."""

    def usage(self, data: Json) -> TokenUsage | None:
        """As in ChatFormat."""


@dataclass(frozen=True)
class ParameterFallbacks:
    """Parameters that a request can omit or replace if a model rejects them.

    `instead` maps a parameter to its replacement; `remedies` says what an operator can do about a required one.
    """

    optional: frozenset[str] = frozenset()
    instead: Mapping[str, Callable[[Json], Json]] = field(default_factory=dict)
    remedies: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BatchLimits:
    """The limits of one batch: requests, total bytes, total embedding inputs."""

    requests: int
    bytes: int
    inputs: int | None = None


@dataclass(frozen=True)
class BatchState:
    """The provider's state of a batch."""

    id: str
    status: Literal["submitted", "completed", "expired", "failed", "cancelled"]
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    # The account's limit on queued work is reached.
    too_much: bool = False


class BatchApi(Protocol):
    """A provider's batches. Its methods retry where that helps.

    They raise RetryableError if the provider does not answer, BatchGoneError for an unknown batch, RefusedRequestError
    and ModelRequestError as single requests do.
    """

    @property
    def limits(self) -> BatchLimits:
        """The limits of one batch."""

    async def submit(self, batch: Batch, bodies: Mapping[str, str]) -> BatchState:
        """Submit the request bodies (JSON texts by request id) of `batch`, at most once.

        Raises SubmissionUnknownError if no answer came and the batch may exist.
        """

    async def find(self, batch: Batch) -> BatchState | None:
        """The submitted `batch` with an unknown provider id; None if the provider has no such batch."""

    async def state(self, batch: Batch) -> BatchState:
        """The provider's state of `batch`."""

    async def cancel(self, batch: Batch) -> None:
        """Ask the provider to cancel; earlier answers can still be read. Raises nothing."""

    def results(self, batch: Batch) -> AbstractAsyncContextManager[Iterable[bytes]]:
        """The result lines of a finished batch, in any order."""

    def read_line(self, line: Json) -> tuple[str, Reply | None]:
        """The request id of a result line and its answer; None for a request that failed or never ran."""

    async def discard(self, batch: Batch) -> None:
        """Delete a batch that has been read, so that members' texts stay at the provider no longer than needed."""


@dataclass(frozen=True)
class RateLimits:
    """An account's limits a minute, as far as the operator states them."""

    requests: int | None = None
    tokens: int | None = None


@dataclass(frozen=True)
class ListedModel:
    """A model that the account may use, and the day on which it will be shut down."""

    id: str
    shutdown: date | None = None


class ProviderApi(Protocol):
    """One account at one provider; belongs to one event loop. It uses the provider's client library."""

    # The provider's name in the ledger: the name of its folder.
    name: ClassVar[str]
    # The setting with the server's address, for messages.
    address_setting: ClassVar[str]
    chat_format: ClassVar[ChatFormat]
    # None without embedding models.
    embedding_format: ClassVar[EmbeddingFormat | None]
    fallbacks: ClassVar[ParameterFallbacks]

    def __init__(self, settings: Settings) -> None:
        """Raises ConfigurationError without a usable key."""

    @staticmethod
    def rate_limits(settings: Settings) -> RateLimits:
        """The account's limits a minute."""

    @property
    def batches(self) -> BatchApi:
        """The account's batches."""

    async def chat(self, body: Json) -> Reply:
        """One question. Raises ModelRequestError, RetryableError, RefusedRequestError, UnsupportedParameterError."""

    async def embeddings(self, body: Json) -> Reply:
        """One request for vectors; raises as `chat` does."""

    async def models(self) -> Sequence[ListedModel]:
        """The models that the key may use; raises as `chat` does."""

    async def close(self) -> None:
        """Close the connections."""
