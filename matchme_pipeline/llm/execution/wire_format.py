"""The protocol of a provider's folder: it translates requests and answers, and does nothing else.

Everything that providers share (budget, pacing, retries, packing, booking, batches) stands beside this module.
`docs/model_providers.md` describes how to add a provider.
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
    """What a model wrote and why it stopped: by itself, because it refuses, or at the token limit."""

    content: str
    end: Literal["complete", "refused", "cut_off"] = "complete"


class ChatFormat(Protocol):
    """How one provider writes a question and its answer."""

    def body(self, model: str, entry: ModelEntry, mode: Mode, task: Task, data: Json, output_limit: int) -> Json:
        """The request that asks `task` about `data`: instructions apart from members' texts, structured output."""

    def answer(self, data: Json | None) -> ChatAnswer | None:
        """What the model wrote in an answer's body; None where the body holds no message."""

    def usage(self, data: Json) -> TokenUsage | None:
        """The tokens that the server reports; None where it reports none or figures that are no amounts."""

    def billed_mode(self, asked: Mode, data: Json) -> Mode:
        """The mode that the server billed, where it may differ from the one asked for."""


@dataclass(frozen=True)
class EmbeddingLimits:
    """What one embeddings request may hold: inputs, tokens in all, tokens an input."""

    inputs: int
    request_tokens: int
    input_tokens: int


class EmbeddingFormat(Protocol):
    """How one provider writes a request for vectors and its answer."""

    @property
    def limits(self) -> EmbeddingLimits:
        """What one request may hold."""

    def body(self, model: str, entry: ModelEntry, texts: list[str]) -> Json:
        """The request for the vectors of `texts`."""

    def vectors(self, data: Json | None, asked: int) -> dict[int, NDArray[np.float32]]:
        """The usable vectors of an answer to `asked` texts by their position, of unit length."""

    def usage(self, data: Json) -> TokenUsage | None:
        """As in ChatFormat."""


@dataclass(frozen=True)
class ParameterFallbacks:
    """What a request can do without, or can say in another way, where a model refuses a parameter.

    `instead` maps a parameter to what replaces it; `remedies` says what an operator can do about one that is needed.
    """

    optional: frozenset[str] = frozenset()
    instead: Mapping[str, Callable[[Json], Json]] = field(default_factory=dict)
    remedies: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BatchLimits:
    """What one batch may hold: requests, bytes in all, inputs of embeddings in all."""

    requests: int
    bytes: int
    inputs: int | None = None


@dataclass(frozen=True)
class BatchState:
    """What the provider says of a batch."""

    id: str
    status: Literal["submitted", "completed", "expired", "failed", "cancelled"]
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    # The account may not have so much waiting at once.
    too_much: bool = False


class BatchApi(Protocol):
    """A provider's batches. Its methods retry where that helps.

    They raise RetryableError when the provider does not answer, BatchGoneError for a batch that it does not know,
    RefusedRequestError and ModelRequestError as single requests do.
    """

    @property
    def limits(self) -> BatchLimits:
        """What one batch may hold."""

    async def submit(self, batch: Batch, bodies: Mapping[str, str]) -> BatchState:
        """Submit the request bodies (JSON texts by request id) of `batch`, at most once.

        Raises SubmissionUnknownError when no answer came and the batch may exist.
        """

    async def find(self, batch: Batch) -> BatchState | None:
        """The submitted `batch` whose provider id is unknown; None where the provider has no such batch."""

    async def state(self, batch: Batch) -> BatchState:
        """How far `batch` is."""

    async def cancel(self, batch: Batch) -> None:
        """Ask the provider to stop; what is answered by then can still be read. Raises nothing."""

    def results(self, batch: Batch) -> AbstractAsyncContextManager[Iterable[bytes]]:
        """The result lines of a batch that is over, in any order."""

    def read_line(self, line: Json) -> tuple[str, Reply | None]:
        """The request id of a result line and its answer; None for a request that failed or never ran."""

    async def discard(self, batch: Batch) -> None:
        """Remove a batch that is read from the provider: members' words stay there no longer than needed."""


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
    """One account at one provider; belongs to one event loop. The client library is the provider's own."""

    # What the ledger calls the provider: the name of its folder.
    name: ClassVar[str]
    # The setting that holds the server's address, for messages.
    address_setting: ClassVar[str]
    chat_format: ClassVar[ChatFormat]
    # None where the provider has no embedding models.
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
