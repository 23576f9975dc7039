"""The interface between the gateway and the models, over the network or offline."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.llm.contracts import CallContext
from matchme_pipeline.llm.tasks.questions import Question, Task


@dataclass(frozen=True)
class Answered:
    """A question's answer, committed with the call that paid for it."""

    key: str
    answer: dict[str, Any]


@dataclass(frozen=True)
class Unanswered:
    """A question without an answer, and whether asking again later can help."""

    key: str
    error: str
    retryable: bool = True


@dataclass(frozen=True)
class Embedded:
    """A text's vector, committed with the call that paid for it."""

    content_hash: str
    vector: NDArray[np.float32]


class Provider(Protocol):
    """One implementation of model calls. Everything that it yields is already committed."""

    @property
    def insight_model(self) -> str:
        """The label of the model that answers questions."""

    @property
    def review_model(self) -> str | None:
        """The label of the model that reviews close calls; None without one."""

    @property
    def embedding_model(self) -> str:
        """The label of the model that embeds."""

    @property
    def answers_by_batch(self) -> bool:
        """Whether answers come by batch, up to a day later."""

    @property
    def parameters(self) -> str:
        """Everything beside prompt and model that affects an answer: part of the cache key."""

    @property
    def review_parameters(self) -> str:
        """The same for the model that reviews."""

    def ask(self, task: Task, questions: Sequence[Question], context: CallContext) -> Iterator[Answered | Unanswered]:
        """Answers to `questions`, in any order, each exactly once."""

    def embed(self, texts: Mapping[str, str], context: CallContext) -> Iterator[Embedded | Unanswered]:
        """Vectors of `texts` by content hash, in any order, each exactly once."""
