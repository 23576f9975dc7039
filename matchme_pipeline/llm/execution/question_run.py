"""Asks one stage's questions until each is answered or has failed."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.llm.contracts import CallContext
from matchme_pipeline.llm.execution.answer_outcome import AnswerOutcome, answer_limit, evaluate_answer
from matchme_pipeline.llm.execution.budget_cover import Budget
from matchme_pipeline.llm.execution.exchange import Json, RefusedRequestError
from matchme_pipeline.llm.execution.group_commit import GroupCommit
from matchme_pipeline.llm.execution.pack_run import Pack, PackRun, halves
from matchme_pipeline.llm.execution.request_sender import Delivery, RequestSender, TriesExhaustedError
from matchme_pipeline.llm.execution.wire_format import ChatAnswer, ChatFormat
from matchme_pipeline.llm.prices import Mode, PriceTable
from matchme_pipeline.llm.provider import Answered, Unanswered
from matchme_pipeline.llm.store import answer_queries
from matchme_pipeline.llm.store.records import StoredAnswer
from matchme_pipeline.llm.tasks.packing import pack_questions
from matchme_pipeline.llm.tasks.questions import Question, Reading, Task
from matchme_pipeline.llm.text.token_estimates import most_tokens

# Paid tries of one question within one job. If half of all answers are unusable, one question in 250 needs the job's
# next attempt.
MAX_PAID_TRIES = 8


@dataclass(frozen=True)
class QuestionPack(Pack[Question]):
    """Questions of one request; `length_factor`: the answer's limit as a multiple of the usual length."""

    length_factor: int = 1
    # Acceptable answers that were worth another try, with the calls that paid for them.
    fallback: dict[str, StoredAnswer] = field(default_factory=dict)


class QuestionRun(PackRun[Question, Answered, QuestionPack]):
    """One stage's questions to one model."""

    def __init__(
        self,
        sender: RequestSender,
        chat_format: ChatFormat,
        group_commit: GroupCommit,
        budget: Budget,
        prices: PriceTable,
        task: Task,
        context: CallContext,
        emit: Callable[[Answered | Unanswered], None],
    ) -> None:
        super().__init__(sender, chat_format, group_commit, budget, prices, context, emit)
        self._format = chat_format
        self._task = task

    async def answer(self, questions: Sequence[Question], workers: int) -> None:
        """Emit exactly one outcome for each of `questions`, each committed before it is emitted."""
        packs = [QuestionPack(tuple(pack)) for pack in pack_questions(questions, self._task.prompt.settings)]
        await self._finish(packs, min(workers, len(packs)))

    def _claim_name(self, item: Question) -> str:
        return item.key

    def _find_stored(self, connection: Connection, items: Sequence[Question]) -> dict[str, Answered]:
        found = answer_queries.stored_answers(connection, [question.key for question in items])
        return {key: Answered(key, answer) for key, answer in found.items()}

    def _owner(self, pack: QuestionPack) -> str | None:
        return pack.items[0].owner

    def _billed_mode(self, data: Json) -> Mode:
        return self._format.billed_mode(self._sender.mode, data)

    async def _send(self, pack: QuestionPack) -> None:
        sender = self._sender
        data, asked = self._task.request(pack.items)
        output_limit = answer_limit(self._task, len(pack.items), sender.entry) * pack.length_factor
        body = self._format.body(sender.model, sender.entry, sender.mode, self._task, data, output_limit)
        tokens = most_tokens(json.dumps(body, ensure_ascii=False)) + output_limit
        try:
            delivery = await sender.send(body, tokens, output_limit, self._budget, self._stopping)
        except RefusedRequestError as error:
            await self._split_or_fail(pack, error)
            return
        except TriesExhaustedError as error:
            await self._group_commit.commit([self._call(pack, f"failed_{error.kind}", tries=error.tries)])
            if len(pack.items) > 1 and not self._stopping.is_set():
                # One question that the server cannot process must not block the others of its request.
                for half in halves(pack):
                    self._pool.add_last(half)
                return
            await self._fail(pack, f"no answer after {error.tries} tries ({error.kind})")
            return
        answer = self._format.answer(delivery.reply.data)
        await self._book(pack, delivery, answer, evaluate_answer(answer, self._task, asked))

    async def _book(
        self, pack: QuestionPack, delivery: Delivery, answer: ChatAnswer | None, outcome: AnswerOutcome
    ) -> None:
        """Commit the call with its results, then emit them and ask about the rest again."""
        call = self._call(pack, outcome.word, delivery, written=answer.content if answer else "")
        reading = outcome.reading or Reading({}, {})
        stored = {
            q.key: StoredAnswer(
                q.key, self._context.stage, q.subject, self._sender.model, self._task.prompt.version,
                reading.stored[q.key], call.id,
            )
            for q in pack.items
            if q.key in reading.stored
        }  # fmt: skip
        may_ask_again = pack.asked + 1 < MAX_PAID_TRIES
        once_more = {key for key in reading.doubtful if key not in pack.fallback} if may_ask_again else set()
        final = [one for key, one in stored.items() if key not in once_more]
        try:
            await self._group_commit.commit([call], final)
        finally:
            await self._budget.settle(delivery.cover_usd, call.cost_usd)
        for one in final:
            self._emit(Answered(one.key, one.answer))
        done = {one.key for one in final}
        rest = tuple(q for q in pack.items if q.key not in done)
        if not rest:
            return
        fallback = {**pack.fallback, **{key: stored[key] for key in once_more}}
        again = replace(pack, items=rest, asked=pack.asked + 1, fallback=fallback)
        if again.asked >= MAX_PAID_TRIES:
            await self._fail(again, f"no usable answer in {MAX_PAID_TRIES} tries ({_reason(outcome, rest)})")
        else:
            self._pool.add(_next_packs(again, outcome.word))

    async def _fail(self, pack: QuestionPack, error: str, *, retryable: bool = True) -> None:
        """Settle the questions: with an earlier acceptable answer, or as failed."""
        kept = [pack.fallback[q.key] for q in pack.items if q.key in pack.fallback]
        if kept:
            await self._group_commit.commit([], kept)
        for question in pack.items:
            if question.key in pack.fallback:
                self._emit(Answered(question.key, pack.fallback[question.key].answer))
            else:
                self._emit(Unanswered(question.key, error, retryable))


def _next_packs(pack: QuestionPack, outcome: str) -> list[QuestionPack]:
    """The next requests: halves after a refusal or a cut-off, with a higher limit for a single question."""
    if outcome in ("refused", "cut_off") and len(pack.items) > 1:
        return halves(pack)
    return [replace(pack, length_factor=pack.length_factor * 2) if outcome == "cut_off" else pack]


def _reason(outcome: AnswerOutcome, rest: Sequence[Question]) -> str:
    reasons = outcome.reading.refused if outcome.reading else {}
    return next((reasons[q.key] for q in rest if q.key in reasons), outcome.word)
