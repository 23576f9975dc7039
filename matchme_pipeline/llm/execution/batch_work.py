"""The content of a batch: questions or texts as request lines, and how a line's answer is read."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Protocol

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.llm.contracts import CallContext
from matchme_pipeline.llm.execution.answer_outcome import answer_limit, evaluate_answer
from matchme_pipeline.llm.execution.batch_limits import Line
from matchme_pipeline.llm.execution.billing import billed_usage, booked_call
from matchme_pipeline.llm.execution.embedding_run import fitting, outcome_of, packed
from matchme_pipeline.llm.execution.exchange import Json, Reply
from matchme_pipeline.llm.execution.request_sender import highest_cost_usd
from matchme_pipeline.llm.execution.wire_format import ChatFormat, EmbeddingFormat
from matchme_pipeline.llm.prices import ModelEntry, PriceTable, TokenUsage
from matchme_pipeline.llm.provider import Answered, Embedded
from matchme_pipeline.llm.store import answer_queries
from matchme_pipeline.llm.store.records import Call, StoredAnswer, StoredVector
from matchme_pipeline.llm.tasks.packing import pack_questions
from matchme_pipeline.llm.tasks.questions import Question, Task
from matchme_pipeline.llm.text.contact_masking import mask
from matchme_pipeline.llm.text.token_estimates import certain_tokens


@dataclass(frozen=True)
class LineResult:
    """One answered line: its ledger row and its results."""

    call: Call
    answers: list[StoredAnswer] = field(default_factory=list)
    vectors: list[StoredVector] = field(default_factory=list)

    def outcomes(self) -> Iterator[Answered | Embedded]:
        """The results of the line."""
        yield from (Answered(answer.key, answer.answer) for answer in self.answers)
        yield from (Embedded(vector.content_hash, vector.vector) for vector in self.vectors)


class BatchWork(Protocol):
    """Questions or texts that may be sent as a batch."""

    @property
    def kind(self) -> Literal["chat", "embedding"]:
        """The kind of its requests."""

    @property
    def model(self) -> str:
        """The model that answers."""

    @property
    def entry(self) -> ModelEntry:
        """The model's prices and parameters."""

    def lines(self, keys: Sequence[str]) -> Iterator[Line]:
        """The requests for `keys`."""

    def read(self, keys: Sequence[str], reply: Reply) -> LineResult:
        """The results of the answer to a request for `keys`; keys outside this run are ignored."""

    def stored(self, connection: Connection, keys: Sequence[str]) -> list[Answered | Embedded]:
        """The stored results of `keys`."""


@dataclass
class QuestionWork:
    """Questions of one stage."""

    model: str
    entry: ModelEntry
    prices: PriceTable
    chat_format: ChatFormat
    task: Task
    context: CallContext
    questions: Mapping[str, Question]
    kind: Literal["chat"] = "chat"

    def lines(self, keys: Sequence[str]) -> Iterator[Line]:
        """One line a request, packed as requests always are."""
        for pack in pack_questions([self.questions[key] for key in keys], self.task.prompt.settings):
            text = self._text(self.task.request(pack)[0], len(pack))
            limit = answer_limit(self.task, len(pack), self.entry)
            yield Line(text, tuple(question.key for question in pack), _cover_usd(self.entry, text, limit))

    def read(self, keys: Sequence[str], reply: Reply) -> LineResult:
        """The valid answers of a line; missing and invalid ones stay open."""
        # A removed question keeps its place, so that the others keep their ids.
        asked = [self.questions.get(key, Question(key, "", None, {})) for key in keys]
        data, by_id = self.task.request(asked)
        answer = self.chat_format.answer(reply.data)
        outcome = evaluate_answer(answer, self.task, by_id)
        owners = {question.owner for question in asked if question.owner}
        request_bytes = certain_tokens(self._text(data, len(asked)))
        call = booked_call(
            self.context,
            self.model,
            self.entry,
            self.entry.mode_for("batch"),
            self.prices.version,
            outcome.word,
            len(keys),
            reply=reply,
            usage=_usage(self.chat_format, reply, answer.content if answer else "", request_bytes),
            request_bytes=request_bytes,
            member_id=owners.pop() if len(owners) == 1 else None,
        )
        reading = outcome.reading
        answers = [
            StoredAnswer(
                key, self.context.stage, self.questions[key].subject, self.model, self.task.prompt.version, stored,
                call.id,
            )
            for key, stored in (reading.stored.items() if reading else ())
            if key in self.questions and reading and key not in reading.doubtful
        ]  # fmt: skip
        return LineResult(call, answers)

    def stored(self, connection: Connection, keys: Sequence[str]) -> list[Answered | Embedded]:
        """The stored answers of `keys`."""
        return [Answered(key, answer) for key, answer in answer_queries.stored_answers(connection, keys).items()]

    def _text(self, data: Json, questions: int) -> str:
        limit = answer_limit(self.task, questions, self.entry)
        body = self.chat_format.body(self.model, self.entry, "batch", self.task, data, limit)
        return json.dumps(body, ensure_ascii=False)


@dataclass
class EmbeddingWork:
    """Texts of one stage."""

    model: str
    entry: ModelEntry
    prices: PriceTable
    embedding_format: EmbeddingFormat
    context: CallContext
    texts: Mapping[str, str]
    kind: Literal["embedding"] = "embedding"

    def lines(self, keys: Sequence[str]) -> Iterator[Line]:
        """One line a request, many texts each."""
        for pack in packed({key: self.texts[key] for key in keys}, self.embedding_format.limits):
            text = self._text([text for _, text in pack])
            yield Line(text, tuple(key for key, _ in pack), _cover_usd(self.entry, text, 0))

    def read(self, keys: Sequence[str], reply: Reply) -> LineResult:
        """The usable vectors of a line."""
        found = fitting(self.embedding_format.vectors(reply.data, len(keys)))
        request_bytes = certain_tokens(self._text([mask(self.texts.get(key, "")) for key in keys]))
        call = booked_call(
            self.context,
            self.model,
            self.entry,
            self.entry.mode_for("batch"),
            self.prices.version,
            outcome_of(found, len(keys)),
            len(keys),
            reply=reply,
            usage=_usage(self.embedding_format, reply, "", request_bytes),
            request_bytes=request_bytes,
        )
        vectors = [StoredVector(keys[i], self.model, vector, call.id) for i, vector in sorted(found.items())]
        return LineResult(call, vectors=[vector for vector in vectors if vector.content_hash in self.texts])

    def stored(self, connection: Connection, keys: Sequence[str]) -> list[Answered | Embedded]:
        """The stored vectors of `keys`."""
        found = answer_queries.stored_vectors(connection, self.model, keys)
        return [Embedded(key, vector) for key, vector in found.items()]

    def _text(self, texts: list[str]) -> str:
        return json.dumps(self.embedding_format.body(self.model, self.entry, texts), ensure_ascii=False)


def _cover_usd(entry: ModelEntry, text: str, output_limit: int) -> Decimal:
    return highest_cost_usd(entry, entry.mode_for("batch"), certain_tokens(text), output_limit)


def _usage(
    wire_format: ChatFormat | EmbeddingFormat, reply: Reply, written: str, request_bytes: int
) -> tuple[TokenUsage, bool]:
    """The billed tokens of a line, and whether the server reported them; an invalid body costs nothing."""
    if reply.data is None:
        return TokenUsage(), True
    return billed_usage(wire_format.usage(reply.data), written, request_bytes)
