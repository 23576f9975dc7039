"""The model layer for stages: stored answers are reused, others are requested and paid once."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.llm.cache_keys import hash_of
from matchme_pipeline.llm.contracts import (
    CallContext,
    Embeddings,
    ItemAnalysis,
    ItemFailure,
    ItemToAnalyse,
    MemberAnalysis,
    PairToPreview,
    PairToReview,
    Preview,
    PreviewFailure,
    Review,
    ReviewFailure,
    Usage,
)
from matchme_pipeline.llm.provider import Answered, Provider, Unanswered
from matchme_pipeline.llm.store import answer_queries, ledger_queries
from matchme_pipeline.llm.tasks.answer_parsing import shown_starters
from matchme_pipeline.llm.tasks.prompt_files import load_prompt
from matchme_pipeline.llm.tasks.questions import (
    InsightsTask,
    PreviewsTask,
    Question,
    ReviewsTask,
    Task,
    insights_of,
    insights_used,
)
from matchme_pipeline.llm.text.contact_masking import mask_if_named
from matchme_pipeline.llm.text.sentences import cut_at_boundary

Outcome = Answered | Unanswered
# The length of a text to embed; the models' own limits are lower.
MAX_CHARACTERS = 100_000


class Gateway:
    """Implements llm.contracts.Models over one provider and one connection for reading."""

    def __init__(self, provider: Provider, connection: Connection) -> None:
        self._provider = provider
        self._connection = connection

    @property
    def insight_model(self) -> str:
        """The label of the model that finds insights and writes previews."""
        return self._provider.insight_model

    @property
    def embedding_model(self) -> str:
        """The label of the model that embeds."""
        return self._provider.embedding_model

    @property
    def review_model(self) -> str | None:
        """The label of the model that reviews close calls; None without reviews."""
        return self._provider.review_model

    @property
    def answers_by_batch(self) -> bool:
        """Whether answers come by batch, up to a day later."""
        return self._provider.answers_by_batch

    def analyse(self, items: Sequence[ItemToAnalyse], context: CallContext) -> Iterator[MemberAnalysis]:
        """Insights for `items`; yields a member once all of their items are answered or have failed."""
        task = InsightsTask(load_prompt("insights"))
        questions = insight_questions(task, items, self.insight_model, self._provider.parameters)
        members: dict[str, list[Question]] = {}
        for question in questions:
            members.setdefault(str(question.owner), []).append(question)
        waiting = {member: {q.key for q in own} for member, own in members.items()}
        owners: dict[str, list[str]] = {}
        for member, keys in waiting.items():
            for key in keys:
                owners.setdefault(key, []).append(member)
        outcomes: dict[str, tuple[Outcome, bool]] = {}
        for outcome, reused in self._answers(task, questions, context):
            outcomes[outcome.key] = (outcome, reused)
            for member in owners[outcome.key]:
                waiting[member].discard(outcome.key)
                if not waiting[member]:
                    yield _member_analysis(member, members[member], outcomes)

    def embed(
        self,
        texts: dict[str, str],
        context: CallContext,
        *,
        return_vectors: bool = True,
        names: Mapping[str, Collection[str]] | None = None,
    ) -> Embeddings:
        """Vectors for `texts` by content hash, with `names` masked; stored, and returned only with `return_vectors`."""
        stored = answer_queries.hashes_with_vector(self._connection, self.embedding_model, texts)
        vectors = (
            answer_queries.stored_vectors(self._connection, self.embedding_model, list(stored))
            if return_vectors
            else {}
        )
        failures: dict[str, str] = {}
        computed = 0
        own = names or {}
        missing = {
            # No model reads more; masking names takes a second for a million characters.
            key: mask_if_named(cut_at_boundary(text, MAX_CHARACTERS), own.get(key, ()))
            for key, text in texts.items()
            if key not in stored
        }
        for result in self._provider.embed(missing, context) if missing else ():
            if isinstance(result, Unanswered):
                failures[result.key] = result.error
                continue
            computed += 1
            if return_vectors:
                vectors[result.content_hash] = result.vector
        ordered: dict[str, NDArray[np.float32]] = {key: vectors[key] for key in texts if key in vectors}
        return Embeddings(self.embedding_model, ordered, failures, len(stored), computed)

    def preview(self, pairs: Sequence[PairToPreview], context: CallContext) -> Iterator[Preview | PreviewFailure]:
        """Starters for `pairs`."""
        task = PreviewsTask(load_prompt("previews"))
        asked = (task.question(pair, self.insight_model, self._provider.parameters) for pair in pairs)
        questions = [self._for_its_readers(question, pair) for question, pair in zip(asked, pairs, strict=True)]
        by_key: dict[str, list[PairToPreview]] = {}
        for pair, question in zip(pairs, questions, strict=True):
            by_key.setdefault(question.key, []).append(pair)
        for outcome, reused in self._answers(task, questions, context):
            # The first pair of a key pays, the others reuse.
            for number, pair in enumerate(by_key[outcome.key]):
                if isinstance(outcome, Unanswered):
                    yield PreviewFailure(pair.pair_id, outcome.error, outcome.retryable)
                else:
                    yield _preview(pair, outcome, self.insight_model, reused or number > 0)

    def _for_its_readers(self, question: Question, pair: PairToPreview) -> Question:
        """The question of this pair, if the provider considers what its two members have already read."""
        if pair.members is None or not getattr(self._provider, "distinguishes_readers", False):
            return question
        key = hash_of([question.key, sorted(pair.members)])
        return replace(question, key=key, readers=pair.members)

    def review(self, pairs: Sequence[PairToReview], context: CallContext) -> Iterator[Review | ReviewFailure]:
        """Reviews of `pairs`."""
        model = self.review_model
        if model is None:
            return
        task = ReviewsTask(load_prompt("review"))
        questions = [task.question(pair, model, self._provider.review_parameters) for pair in pairs]
        by_key: dict[str, list[PairToReview]] = {}
        for pair, question in zip(pairs, questions, strict=True):
            by_key.setdefault(question.key, []).append(pair)
        for outcome, reused in self._answers(task, questions, context):
            for number, pair in enumerate(by_key[outcome.key]):
                if isinstance(outcome, Unanswered):
                    yield ReviewFailure(pair.pair_id, outcome.error, outcome.retryable)
                else:
                    yield Review(pair.pair_id, outcome.answer["fit"], model, outcome.key, reused or number > 0)

    def usage(self, context: CallContext) -> Usage:
        """What the ledger holds for this run, week and stage."""
        return ledger_queries.usage_of(self._connection, context.dagster_run_id, context.week, context.stage)

    def _answers(
        self, task: Task, questions: Sequence[Question], context: CallContext
    ) -> Iterator[tuple[Outcome, bool]]:
        """One outcome for each distinct key, stored answers first, and whether it was reused."""
        distinct = first_of_each_key(questions)
        stored: dict[str, dict[str, Any]] = answer_queries.stored_answers(self._connection, [q.key for q in distinct])
        for question in distinct:
            if question.key in stored:
                yield Answered(question.key, stored[question.key]), True
        missing = [question for question in distinct if question.key not in stored]
        if missing:
            for outcome in self._provider.ask(task, missing, context):
                yield outcome, False


def insight_questions(
    task: InsightsTask, items: Sequence[ItemToAnalyse], model: str, parameters: str
) -> list[Question]:
    """The questions about `items`, in their order; a text of several members is asked about alone."""
    authors: dict[str, set[str]] = {}
    for item in items:
        authors.setdefault(item.content_hash, set()).add(item.member_id)
    return [task.question(item, model, parameters, len(authors[item.content_hash]) > 1) for item in items]


def first_of_each_key(questions: Sequence[Question]) -> list[Question]:
    """The first question of each distinct key."""
    return list({question.key: question for question in reversed(questions)}.values())[::-1]


def _member_analysis(
    member: str, questions: Sequence[Question], outcomes: Mapping[str, tuple[Outcome, bool]]
) -> MemberAnalysis:
    analyses, failures = [], []
    for question in {question.key: question for question in questions}.values():
        outcome, reused = outcomes[question.key]
        if isinstance(outcome, Unanswered):
            failures.append(ItemFailure(question.subject, outcome.error, outcome.retryable))
        else:
            dropped = outcome.answer.get("dropped", {})
            analyses.append(ItemAnalysis(question.subject, question.key, insights_of(outcome.answer), reused, dropped))
    return MemberAnalysis(member, tuple(analyses), tuple(failures))


def _preview(pair: PairToPreview, outcome: Answered, model: str, reused: bool) -> Preview:
    answer = outcome.answer
    return Preview(
        pair_id=pair.pair_id,
        level_1=shown_starters(answer["level_1"]),
        level_2=shown_starters(answer["level_2"]),
        insights_used=insights_used(answer, pair),
        model=model,
        cache_key=outcome.key,
        reused=reused,
    )
