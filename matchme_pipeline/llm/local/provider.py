"""The offline models as a provider: they answer in chunks and cost nothing."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, islice
from typing import Any

from matchme_pipeline.llm.contracts import CallContext
from matchme_pipeline.llm.local.encoder import MODEL, item_vectors, process_encoder
from matchme_pipeline.llm.local.insights import answer_insights
from matchme_pipeline.llm.local.previews import answer_previews, wording_version
from matchme_pipeline.llm.local.themes import load_themes
from matchme_pipeline.llm.provider import Answered, Embedded, Unanswered
from matchme_pipeline.llm.store.ledger import Ledger
from matchme_pipeline.llm.store.records import Call, StoredAnswer, StoredVector
from matchme_pipeline.llm.tasks.answer_parsing import read_object
from matchme_pipeline.llm.tasks.questions import InsightsTask, Question, Reading, Task

# Questions or texts a chunk: one row of the ledger, one transaction, a few megabytes.
CHUNK = 1_000
# Starters of one chunk are not repeated to a member. They need no encoding, so most weeks are one chunk.
PREVIEWS_CHUNK = 20_000


class LocalProvider:
    """Answers by sentence similarity; deterministic, free, without network."""

    embedding_model = MODEL
    insight_model = f"{MODEL}-themes"
    answers_by_batch = False
    # Answers are free, so every pair gets its own.
    distinguishes_readers = True
    # There is no stronger offline model.
    review_model = None
    review_parameters = ""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.parameters = f"themes-{load_themes().version} starters-{wording_version()}"

    def ask(self, task: Task, questions: Sequence[Question], context: CallContext) -> Iterator[Answered | Unanswered]:
        """Answers to `questions`, a chunk committed at a time."""
        size = CHUNK if isinstance(task, InsightsTask) else PREVIEWS_CHUNK
        for first in range(0, len(questions), size):
            chunk = questions[first : first + size]
            started = time.perf_counter()
            readings = _insights(task, chunk) if isinstance(task, InsightsTask) else _previews(task, chunk)
            stored = {key: answer for reading in readings for key, answer in reading.stored.items()}
            refused = {key: reason for reading in readings for key, reason in reading.refused.items()}
            call = self._call(context, self.insight_model, len(chunk), time.perf_counter() - started)
            subjects = {question.key: question.subject for question in chunk}
            answers = [
                StoredAnswer(
                    key, context.stage, subjects[key], self.insight_model, task.prompt.version, answer, call.id
                )
                for key, answer in stored.items()
            ]
            self._ledger.commit([call], answers)
            yield from (Answered(key, answer) for key, answer in stored.items())
            yield from (Unanswered(key, reason, retryable=False) for key, reason in refused.items())

    def embed(self, texts: Mapping[str, str], context: CallContext) -> Iterator[Embedded | Unanswered]:
        """Vectors of `texts`, committed in chunks; a text without a sentence has none."""
        remaining = iter(texts.items())
        while chunk := list(islice(remaining, CHUNK)):
            started = time.perf_counter()
            vectors = item_vectors([text for _, text in chunk], process_encoder())
            call = self._call(context, self.embedding_model, len(chunk), time.perf_counter() - started)
            found = [(key, vector) for (key, _), vector in zip(chunk, vectors, strict=True) if vector.any()]
            self._ledger.commit(
                [call], vectors=[StoredVector(key, self.embedding_model, vector, call.id) for key, vector in found]
            )
            yield from (Embedded(key, vector) for key, vector in found)
            embedded = {key for key, _ in found}
            yield from (Unanswered(key, "no words to embed", False) for key, _ in chunk if key not in embedded)

    def _call(self, context: CallContext, model: str, items: int, seconds: float) -> Call:
        return Call(
            context, "local", model, "ok", items, mode="local", latency_seconds=round(seconds, 4), price_version="free"
        )


def _insights(task: Task, questions: Sequence[Question]) -> list[Reading]:
    """One request a member, as for any model, with all sentences encoded together."""
    requests = [task.request(list(group)) for _, group in groupby(questions, key=lambda question: question.owner)]
    answers = answer_insights([data for data, _ in requests], load_themes(), process_encoder())
    return [
        task.read(_through_json(answer, "insights"), asked)
        for answer, (_, asked) in zip(answers, requests, strict=True)
    ]


def _previews(task: Task, questions: Sequence[Question]) -> list[Reading]:
    data, asked = task.request(questions)
    readers = {pair_id: question.readers for pair_id, question in asked.items()}
    return [task.read(_through_json(answer_previews(data, process_encoder(), readers), "previews"), asked)]


def _through_json(answer: dict[str, Any], name: str) -> list[Any]:
    # Parsed like any model's answer.
    return read_object(json.dumps(answer), name)
