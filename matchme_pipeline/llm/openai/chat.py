"""Asking questions by chat completions until each is answered or has failed, whatever comes back."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from matchme_pipeline.llm.contracts import CallContext
from matchme_pipeline.llm.execution.budget_cover import Budget
from matchme_pipeline.llm.execution.event_loop_thread import Committer
from matchme_pipeline.llm.execution.in_flight_claims import LOOK_SECONDS, Underway
from matchme_pipeline.llm.execution.request_sender import Delivery, Door, GaveUpError
from matchme_pipeline.llm.execution.worker_pool import Crew
from matchme_pipeline.llm.openai.client import billed_usage, content_of, first_message
from matchme_pipeline.llm.openai.error_mapping import RefusedRequestError
from matchme_pipeline.llm.prices import Mode, ModelEntry, PriceTable, TokenUsage
from matchme_pipeline.llm.provider import Answered, Unanswered
from matchme_pipeline.llm.store import queries
from matchme_pipeline.llm.store.records import Call, StoredAnswer
from matchme_pipeline.llm.tasks.answer_parsing import UnreadableAnswerError, read_object
from matchme_pipeline.llm.tasks.packing import pack_questions
from matchme_pipeline.llm.tasks.questions import Question, Reading, Task
from matchme_pipeline.llm.text.token_estimates import most_tokens

# Paid tries of one question within one job; with every second answer unusable, one question in 250 goes on to the
# job's next attempt.
ASKED = 8
# What an answer about one question needs at most, and the frame around it.
ANSWER_TOKENS_A_QUESTION, ANSWER_TOKENS_FRAME = 300, 100

Json = dict[str, Any]


@dataclass(frozen=True)
class Pack:
    """Questions that travel together, how often they have been asked, and how much room their answer has.

    `refused`: the API has refused the request as it is once.
    """

    questions: tuple[Question, ...]
    asked: int = 0
    room: int = 1
    refused: bool = False
    # Answers that are acceptable but were worth asking about once more, with the calls that paid for them.
    fallback: dict[str, StoredAnswer] = field(default_factory=dict)


@dataclass(frozen=True)
class _Verdict:
    """What one answer came to: the ledger's word for it, and how it was read, None where it can't be."""

    outcome: str
    reading: Reading | None = None


class ChatRun:
    """One stage's questions to one model."""

    def __init__(
        self,
        door: Door,
        committer: Committer,
        budget: Budget,
        prices: PriceTable,
        task: Task,
        context: CallContext,
        emit: Callable[[Answered | Unanswered], None],
    ) -> None:
        self._door = door
        self._committer = committer
        self._budget = budget
        self._prices = prices
        self._task = task
        self._context = context
        self._emit = emit
        self._stopping = asyncio.Event()
        self._underway = Underway(committer)
        self._crew: Crew[Pack]

    async def answer(self, questions: Sequence[Question], workers: int) -> None:
        """Emit exactly one outcome for each of `questions`, each committed before it is emitted."""
        packs = [Pack(tuple(pack)) for pack in pack_questions(questions, self._task.prompt.settings)]
        self._crew = Crew(packs, self._ask, self._stopping)
        await self._crew.finish(min(workers, len(packs)))

    async def _ask(self, pack: Pack) -> None:
        """Ask what nobody has been told yet and nobody else is asking."""
        taken, stored = await self._underway.take([q.key for q in pack.questions], queries.stored_answers)
        for key, answer in stored.items():
            self._emit(Answered(key, answer))
        mine = tuple(q for q in pack.questions if q.key in taken)
        elsewhere = tuple(q for q in pack.questions if q.key not in taken and q.key not in stored)
        if mine:
            async with self._underway.held(taken):
                await self._send(replace(pack, questions=mine))
        if elsewhere:
            if not mine:
                await asyncio.sleep(LOOK_SECONDS)
            self._crew.add_last(replace(pack, questions=elsewhere))

    async def _send(self, pack: Pack) -> None:
        data, asked = self._task.request(pack.questions)
        output_limit = answer_limit(self._task, len(pack.questions)) * pack.room
        body = chat_body(self._door.model, self._door.entry, self._door.mode, self._task, data, output_limit)
        tokens = most_tokens(json.dumps(body, ensure_ascii=False)) + output_limit
        try:
            delivery = await self._door.deliver(body, tokens, output_limit, self._budget, self._stopping)
        except RefusedRequestError as error:
            await self._split_or_fail(pack, error)
            return
        except GaveUpError as error:
            call = self._call(pack, f"failed_{error.kind}", tries=error.tries)
            await self._committer.commit([call])
            await self._fail(pack, f"no answer after {error.tries} tries ({error.kind})")
            return
        verdict = judge(delivery.reply.data, self._task, asked)
        await self._book(pack, delivery, verdict)

    async def _book(self, pack: Pack, delivery: Delivery, verdict: _Verdict) -> None:
        """Commit the call with what it brought; then emit that, and ask again about the rest."""
        call = self._call(pack, verdict.outcome, delivery)
        reading = verdict.reading or Reading({}, {})
        stored = {
            q.key: StoredAnswer(
                q.key, self._context.stage, q.subject, self._door.model, self._task.prompt.version,
                reading.stored[q.key], call.id,
            )
            for q in pack.questions
            if q.key in reading.stored
        }  # fmt: skip
        once_more = {key for key in reading.doubtful if key not in pack.fallback} if pack.asked + 1 < ASKED else set()
        final = [answer for key, answer in stored.items() if key not in once_more]
        try:
            await self._committer.commit([call], final)
        finally:
            await self._budget.settle(delivery.cover_usd, call.cost_usd)
        for answer in final:
            self._emit(Answered(answer.key, answer.answer))
        done = {answer.key for answer in final}
        rest = tuple(q for q in pack.questions if q.key not in done)
        if not rest:
            return
        fallback = {**pack.fallback, **{key: stored[key] for key in once_more}}
        again = replace(pack, questions=rest, asked=pack.asked + 1, fallback=fallback)
        if again.asked >= ASKED:
            await self._fail(again, f"no usable answer in {ASKED} tries ({_reason(verdict, rest)})")
        else:
            self._crew.add(_next_packs(again, verdict.outcome))

    async def _split_or_fail(self, pack: Pack, error: RefusedRequestError) -> None:
        if len(pack.questions) > 1:
            self._crew.add(_halves(pack))
            return
        if not pack.refused:
            # Nothing is billed for it, and a server that stumbles may refuse what it takes a moment later.
            self._crew.add_last(replace(pack, refused=True))
            return
        await self._committer.commit([self._call(pack, f"refused_{error.kind}")])
        await self._fail(pack, f"the API refuses the request ({error.kind})", retryable=False)

    async def _fail(self, pack: Pack, error: str, *, retryable: bool = True) -> None:
        """The end of the questions: an earlier acceptable answer, else a failure."""
        kept = [pack.fallback[q.key] for q in pack.questions if q.key in pack.fallback]
        if kept:
            await self._committer.commit([], kept)
        for question in pack.questions:
            if question.key in pack.fallback:
                self._emit(Answered(question.key, pack.fallback[question.key].answer))
            else:
                self._emit(Unanswered(question.key, error, retryable))

    def _call(self, pack: Pack, outcome: str, delivery: Delivery | None = None, tries: int = 1) -> Call:
        reply = delivery.reply if delivery else None
        request_bytes = delivery.request_bytes if delivery else 0
        usage, reported = billed_usage(reply, request_bytes) if reply else (TokenUsage(), True)
        mode = billed_mode(self._door.mode, reply.data if reply else None)
        return Call(
            context=self._context,
            provider="openai",
            model=self._door.model,
            mode=mode,
            outcome=outcome,
            items=len(pack.questions),
            member_id=pack.questions[0].owner,
            request_id=reply.request_id if reply else None,
            attempt=delivery.tries if delivery else tries,
            usage=usage,
            cost_usd=self._door.entry.price(mode).cost_usd(usage),
            latency_seconds=reply.latency_seconds if reply else None,
            error=call_error(outcome, reported),
            price_version=self._prices.version,
            request_bytes=request_bytes,
        )


def call_error(outcome: str, usage_reported: bool) -> str | None:
    """The ledger's word on what was wrong with a call."""
    if outcome not in ("ok", "partial"):
        return outcome
    return None if usage_reported else "usage_estimated"


def answer_limit(task: Task, questions: int) -> int:
    """The most tokens that an answer about so many questions may have."""
    needed = ANSWER_TOKENS_FRAME + ANSWER_TOKENS_A_QUESTION * questions
    return min(needed, task.prompt.settings.max_output_tokens)


def chat_body(model: str, entry: ModelEntry, mode: Mode, task: Task, data: Json, output_limit: int) -> Json:
    """A chat-completions request: instructions apart from the members' data, structured output, nothing stored."""
    prompt = task.prompt
    body: Json = {
        "model": model,
        "messages": [
            {"role": "system", "content": prompt.instructions},
            {"role": "user", "content": json.dumps(data, ensure_ascii=False)},
        ],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": task.name, "strict": True, "schema": prompt.schema},
        },
        "max_completion_tokens": output_limit,
        "store": False,
    }
    if entry.temperature:
        body["temperature"] = prompt.settings.temperature
    if entry.reasoning_effort is not None:
        body["reasoning_effort"] = entry.reasoning_effort
    if mode == "flex":
        body["service_tier"] = "flex"
    return body


def judge(data: Json | None, task: Task, asked: dict[str, Question]) -> _Verdict:
    """What a 200's body is worth: HTML, no choices, a refusal, a cut-off, no JSON, or a reading of the answer."""
    message = first_message(data)
    if not message:
        return _Verdict("unreadable")
    reason = (data or {})["choices"][0].get("finish_reason")
    if message.get("refusal") or reason == "content_filter":
        return _Verdict("refused")
    if reason in ("length", "max_tokens"):
        return _Verdict("cut_off")
    try:
        entries = read_object(content_of(message), task.list_name)
    except UnreadableAnswerError:
        return _Verdict("unreadable")
    reading = task.read(entries, asked)
    complete = not reading.refused and not reading.doubtful
    return _Verdict("ok" if complete else "partial" if reading.stored else "unusable", reading)


def billed_mode(asked: str, data: Json | None) -> Any:
    """The mode that a reply was billed in: a server may answer a flex request at its ordinary tier."""
    tier = (data or {}).get("service_tier")
    return "standard" if asked == "flex" and tier in ("default", "standard", "auto") else asked


def _next_packs(pack: Pack, outcome: str) -> list[Pack]:
    """How to ask again: in halves after a refusal or a cut-off, with more room where there is nothing to halve."""
    if outcome in ("refused", "cut_off") and len(pack.questions) > 1:
        return _halves(pack)
    return [replace(pack, room=pack.room * 2) if outcome == "cut_off" else pack]


def _halves(pack: Pack) -> list[Pack]:
    middle = len(pack.questions) // 2
    return [replace(pack, questions=part) for part in (pack.questions[:middle], pack.questions[middle:])]


def _reason(verdict: _Verdict, rest: Sequence[Question]) -> str:
    reasons = verdict.reading.refused if verdict.reading else {}
    return next((reasons[q.key] for q in rest if q.key in reasons), verdict.outcome)
