"""What a batch carries: chat questions or texts to embed, as lines with ids, and how a line's answer is read."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.llm.contracts import CallContext
from matchme_pipeline.llm.execution.batch_limits import MOST_INPUTS, Line
from matchme_pipeline.llm.execution.request_sender import OVERHEAD_TOKENS
from matchme_pipeline.llm.openai.chat import answer_limit, call_error, chat_body, judge
from matchme_pipeline.llm.openai.client import Reply, billed_usage
from matchme_pipeline.llm.openai.embeddings import DIMENSIONS, embedding_body, packed, read_vectors
from matchme_pipeline.llm.prices import ModelEntry, PriceTable
from matchme_pipeline.llm.provider import Answered, Embedded
from matchme_pipeline.llm.store import queries
from matchme_pipeline.llm.store.records import Call, StoredAnswer, StoredVector
from matchme_pipeline.llm.tasks.packing import pack_questions
from matchme_pipeline.llm.tasks.questions import Question, Task
from matchme_pipeline.llm.text.contact_masking import mask
from matchme_pipeline.llm.text.token_estimates import certain_tokens

Json = dict[str, Any]


@dataclass(frozen=True)
class LineResult:
    """One answered line: its booking and what it brought."""

    call: Call
    answers: list[StoredAnswer] = field(default_factory=list)
    vectors: list[StoredVector] = field(default_factory=list)

    def outcomes(self) -> Iterator[Answered | Embedded]:
        """What the line settles."""
        yield from (Answered(answer.key, answer.answer) for answer in self.answers)
        yield from (Embedded(vector.content_hash, vector.vector) for vector in self.vectors)


class BatchWork(Protocol):
    """Questions or texts that may travel as a batch."""

    @property
    def kind(self) -> Literal["chat", "embedding"]:
        """What its requests ask for."""

    @property
    def endpoint(self) -> str:
        """The path that its requests go to."""

    @property
    def model(self) -> str:
        """The model that answers."""

    @property
    def most_items(self) -> int | None:
        """How many keys a batch may ask about, beside the limits that every batch has."""

    def lines(self, keys: Sequence[str]) -> Iterator[Line]:
        """The requests that ask about `keys`."""

    def read(self, keys: Sequence[str], reply: Reply) -> LineResult:
        """What the answer to a request about `keys` brought; keys that nobody asks about any more bring nothing."""

    def stored(self, connection: Connection, keys: Sequence[str]) -> list[Answered | Embedded]:
        """What is kept under `keys`."""


@dataclass
class ChatWork:
    """Questions of one stage."""

    model: str
    entry: ModelEntry
    prices: PriceTable
    task: Task
    context: CallContext
    questions: Mapping[str, Question]
    kind: Literal["chat"] = "chat"
    endpoint: str = "/v1/chat/completions"
    most_items: int | None = None

    def lines(self, keys: Sequence[str]) -> Iterator[Line]:
        """One line a request, packed as requests always are."""
        for pack in pack_questions([self.questions[key] for key in keys], self.task.prompt.settings):
            limit = answer_limit(self.task, len(pack))
            body = chat_body(self.model, self.entry, "batch", self.task, self.task.request(pack)[0], limit)
            yield _line(body, tuple(question.key for question in pack), self.entry, limit)

    def read(self, keys: Sequence[str], reply: Reply) -> LineResult:
        """The valid answers of a line; what is missing or invalid stays open."""
        # A question that is gone keeps its place, so that the others keep their ids.
        asked = [self.questions.get(key, Question(key, "", None, {})) for key in keys]
        data, by_id = self.task.request(asked)
        verdict = judge(reply.data, self.task, by_id)
        owners = {question.owner for question in asked if question.owner}
        sent = chat_body(self.model, self.entry, "batch", self.task, data, answer_limit(self.task, len(asked)))
        call = _call(self, len(keys), verdict.outcome, reply, sent, owners.pop() if len(owners) == 1 else None)
        stored = verdict.reading.stored if verdict.reading else {}
        doubtful = verdict.reading.doubtful if verdict.reading else frozenset()
        answers = [
            StoredAnswer(
                key,
                self.context.stage,
                self.questions[key].subject,
                self.model,
                self.task.prompt.version,
                answer,
                call.id,
            )
            for key, answer in stored.items()
            if key in self.questions and key not in doubtful
        ]
        return LineResult(call, answers)

    def stored(self, connection: Connection, keys: Sequence[str]) -> list[Answered | Embedded]:
        """The answers that are kept under `keys`."""
        return [Answered(key, answer) for key, answer in queries.stored_answers(connection, keys).items()]


@dataclass
class EmbeddingWork:
    """Texts of one stage."""

    model: str
    entry: ModelEntry
    prices: PriceTable
    context: CallContext
    texts: Mapping[str, str]
    kind: Literal["embedding"] = "embedding"
    endpoint: str = "/v1/embeddings"
    most_items: int | None = MOST_INPUTS

    def lines(self, keys: Sequence[str]) -> Iterator[Line]:
        """One line a request, many texts each."""
        for pack in packed({key: self.texts[key] for key in keys}):
            body = embedding_body(self.model, self.entry, [text for _, text in pack])
            yield _line(body, tuple(key for key, _ in pack), self.entry, 0)

    def read(self, keys: Sequence[str], reply: Reply) -> LineResult:
        """The usable vectors of a line."""
        found = {i: v for i, v in read_vectors(reply.data, len(keys)).items() if v.shape[0] == DIMENSIONS}
        outcome = "ok" if len(found) == len(keys) else "partial" if found else "unreadable"
        sent = embedding_body(self.model, self.entry, [mask(self.texts.get(key, "")) for key in keys])
        call = _call(self, len(keys), outcome, reply, sent, None)
        vectors = [StoredVector(keys[i], self.model, vector, call.id) for i, vector in sorted(found.items())]
        return LineResult(call, vectors=[vector for vector in vectors if vector.content_hash in self.texts])

    def stored(self, connection: Connection, keys: Sequence[str]) -> list[Answered | Embedded]:
        """The vectors that are kept under `keys`."""
        return [Embedded(key, vector) for key, vector in queries.stored_vectors(connection, self.model, keys).items()]


def _line(body: Json, keys: tuple[str, ...], entry: ModelEntry, output_limit: int) -> Line:
    text = json.dumps(body, ensure_ascii=False)
    price = entry.price(entry.mode_for("batch"))
    cover = (price.highest_input * (certain_tokens(text) + OVERHEAD_TOKENS) + price.output * output_limit) / 1_000_000
    return Line(text, keys, cover)


def _call(
    work: ChatWork | EmbeddingWork, items: int, outcome: str, reply: Reply, sent: Json, member_id: str | None
) -> Call:
    mode = work.entry.mode_for("batch")
    request_bytes = certain_tokens(json.dumps(sent, ensure_ascii=False))
    usage, reported = billed_usage(reply, request_bytes)
    return Call(
        context=work.context,
        provider="openai",
        model=work.model,
        mode=mode,
        outcome=outcome,
        items=items,
        member_id=member_id,
        request_id=reply.request_id,
        usage=usage,
        cost_usd=work.entry.price(mode).cost_usd(usage),
        error=call_error(outcome, reported),
        price_version=work.prices.version,
        request_bytes=request_bytes,
    )
