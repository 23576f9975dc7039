"""Asks one stage's questions until each is answered or has failed, whatever the server sends back."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from matchme_pipeline.llm.contracts import CallContext
from matchme_pipeline.llm.execution.answer_outcome import AnswerOutcome, answer_limit, judge
from matchme_pipeline.llm.execution.billing import billed_usage, booked_call
from matchme_pipeline.llm.execution.budget_cover import Budget
from matchme_pipeline.llm.execution.exchange import RefusedRequestError
from matchme_pipeline.llm.execution.group_commit import GroupCommit
from matchme_pipeline.llm.execution.in_flight_claims import LOOK_SECONDS, InFlightClaims
from matchme_pipeline.llm.execution.request_sender import Delivery, GaveUpError, RequestSender
from matchme_pipeline.llm.execution.wire_format import ChatAnswer, ChatFormat
from matchme_pipeline.llm.execution.worker_pool import WorkerPool
from matchme_pipeline.llm.prices import PriceTable
from matchme_pipeline.llm.provider import Answered, Unanswered
from matchme_pipeline.llm.store import answer_queries
from matchme_pipeline.llm.store.records import Call, StoredAnswer
from matchme_pipeline.llm.tasks.packing import pack_questions
from matchme_pipeline.llm.tasks.questions import Question, Reading, Task
from matchme_pipeline.llm.text.token_estimates import most_tokens

# Paid tries of one question within one job. If every second answer is unusable, one question in 250 goes on to the
# job's next attempt.
MOST_PAID_TRIES = 8


@dataclass(frozen=True)
class QuestionPack:
    """Questions of one request, and how often they have been asked.

    `length_factor`: how many times the usual length the answer may have; `refused`: the API has refused it once.
    """

    questions: tuple[Question, ...]
    asked: int = 0
    length_factor: int = 1
    refused: bool = False
    # Answers that are acceptable but were worth asking about once more, with the calls that paid for them.
    fallback: dict[str, StoredAnswer] = field(default_factory=dict)


class QuestionRun:
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
        self._sender = sender
        self._format = chat_format
        self._group_commit = group_commit
        self._budget = budget
        self._prices = prices
        self._task = task
        self._context = context
        self._emit = emit
        self._stopping = asyncio.Event()
        self._claims = InFlightClaims(group_commit)
        self._pool: WorkerPool[QuestionPack]

    async def answer(self, questions: Sequence[Question], workers: int) -> None:
        """Emit exactly one outcome for each of `questions`, each committed before it is emitted."""
        packs = [QuestionPack(tuple(pack)) for pack in pack_questions(questions, self._task.prompt.settings)]
        self._pool = WorkerPool(packs, self._ask, self._stopping)
        await self._pool.finish(min(workers, len(packs)))

    async def _ask(self, pack: QuestionPack) -> None:
        """Ask what has no answer yet and no other worker is asking."""
        taken, stored = await self._claims.take([q.key for q in pack.questions], answer_queries.stored_answers)
        for key, answer in stored.items():
            self._emit(Answered(key, answer))
        mine = tuple(q for q in pack.questions if q.key in taken)
        elsewhere = tuple(q for q in pack.questions if q.key not in taken and q.key not in stored)
        if mine:
            async with self._claims.held(taken):
                await self._send(replace(pack, questions=mine))
        if elsewhere:
            if not mine:
                await asyncio.sleep(LOOK_SECONDS)
            self._pool.add_last(replace(pack, questions=elsewhere))

    async def _send(self, pack: QuestionPack) -> None:
        sender = self._sender
        data, asked = self._task.request(pack.questions)
        output_limit = answer_limit(self._task, len(pack.questions), sender.entry) * pack.length_factor
        body = self._format.body(sender.model, sender.entry, sender.mode, self._task, data, output_limit)
        tokens = most_tokens(json.dumps(body, ensure_ascii=False)) + output_limit
        try:
            delivery = await sender.send(body, tokens, output_limit, self._budget, self._stopping)
        except RefusedRequestError as error:
            await self._split_or_fail(pack, error)
            return
        except GaveUpError as error:
            await self._group_commit.commit([self._unanswered_call(pack, f"failed_{error.kind}", error.tries)])
            await self._fail(pack, f"no answer after {error.tries} tries ({error.kind})")
            return
        answer = self._format.answer(delivery.reply.data)
        await self._book(pack, delivery, answer, judge(answer, self._task, asked))

    async def _book(
        self, pack: QuestionPack, delivery: Delivery, answer: ChatAnswer | None, outcome: AnswerOutcome
    ) -> None:
        """Commit the call with what it brought; then emit that, and ask again about the rest."""
        call = self._answered_call(pack, delivery, answer, outcome.word)
        reading = outcome.reading or Reading({}, {})
        stored = {
            q.key: StoredAnswer(
                q.key, self._context.stage, q.subject, self._sender.model, self._task.prompt.version,
                reading.stored[q.key], call.id,
            )
            for q in pack.questions
            if q.key in reading.stored
        }  # fmt: skip
        may_ask_again = pack.asked + 1 < MOST_PAID_TRIES
        once_more = {key for key in reading.doubtful if key not in pack.fallback} if may_ask_again else set()
        final = [one for key, one in stored.items() if key not in once_more]
        try:
            await self._group_commit.commit([call], final)
        finally:
            await self._budget.settle(delivery.cover_usd, call.cost_usd)
        for one in final:
            self._emit(Answered(one.key, one.answer))
        done = {one.key for one in final}
        rest = tuple(q for q in pack.questions if q.key not in done)
        if not rest:
            return
        fallback = {**pack.fallback, **{key: stored[key] for key in once_more}}
        again = replace(pack, questions=rest, asked=pack.asked + 1, fallback=fallback)
        if again.asked >= MOST_PAID_TRIES:
            await self._fail(again, f"no usable answer in {MOST_PAID_TRIES} tries ({_reason(outcome, rest)})")
        else:
            self._pool.add(_next_packs(again, outcome.word))

    async def _split_or_fail(self, pack: QuestionPack, error: RefusedRequestError) -> None:
        if len(pack.questions) > 1:
            self._pool.add(_halves(pack))
            return
        if not pack.refused:
            # A refused request costs nothing, and a server in trouble may take the same request a moment later.
            self._pool.add_last(replace(pack, refused=True))
            return
        await self._group_commit.commit([self._unanswered_call(pack, f"refused_{error.kind}")])
        await self._fail(pack, f"the API refuses the request ({error.kind})", retryable=False)

    async def _fail(self, pack: QuestionPack, error: str, *, retryable: bool = True) -> None:
        """Settle the questions for good: with an earlier acceptable answer, or as failed."""
        kept = [pack.fallback[q.key] for q in pack.questions if q.key in pack.fallback]
        if kept:
            await self._group_commit.commit([], kept)
        for question in pack.questions:
            if question.key in pack.fallback:
                self._emit(Answered(question.key, pack.fallback[question.key].answer))
            else:
                self._emit(Unanswered(question.key, error, retryable))

    def _answered_call(self, pack: QuestionPack, delivery: Delivery, answer: ChatAnswer | None, outcome: str) -> Call:
        sender, data = self._sender, delivery.reply.data or {}
        return booked_call(
            self._context,
            sender.model,
            sender.entry,
            self._format.billed_mode(sender.mode, data),
            self._prices.version,
            outcome,
            len(pack.questions),
            reply=delivery.reply,
            usage=billed_usage(self._format.usage(data), answer.content if answer else "", delivery.request_bytes),
            request_bytes=delivery.request_bytes,
            tries=delivery.tries,
            member_id=pack.questions[0].owner,
        )

    def _unanswered_call(self, pack: QuestionPack, outcome: str, tries: int = 1) -> Call:
        sender = self._sender
        return booked_call(
            self._context, sender.model, sender.entry, sender.mode, self._prices.version, outcome, len(pack.questions),
            tries=tries, member_id=pack.questions[0].owner,
        )  # fmt: skip


def _next_packs(pack: QuestionPack, outcome: str) -> list[QuestionPack]:
    """How to ask again: in halves after a refusal or a cut-off, with more room where there is nothing to halve."""
    if outcome in ("refused", "cut_off") and len(pack.questions) > 1:
        return _halves(pack)
    return [replace(pack, length_factor=pack.length_factor * 2) if outcome == "cut_off" else pack]


def _halves(pack: QuestionPack) -> list[QuestionPack]:
    middle = len(pack.questions) // 2
    return [replace(pack, questions=part) for part in (pack.questions[:middle], pack.questions[middle:])]


def _reason(outcome: AnswerOutcome, rest: Sequence[Question]) -> str:
    reasons = outcome.reading.refused if outcome.reading else {}
    return next((reasons[q.key] for q in rest if q.key in reasons), outcome.word)
