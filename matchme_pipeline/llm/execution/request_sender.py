"""The one door through which every request leaves: covered, paced, tried again where that helps, never twice paid."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from matchme_pipeline.errors import ModelRequestError
from matchme_pipeline.llm.execution.adaptive_limiter import Pacer
from matchme_pipeline.llm.execution.budget_cover import Budget
from matchme_pipeline.llm.execution.circuit_breaker import CircuitBreaker
from matchme_pipeline.llm.openai.client import Reply
from matchme_pipeline.llm.openai.error_mapping import (
    RefusedRequestError,
    RetryableError,
    UnsupportedParameterError,
)
from matchme_pipeline.llm.prices import Mode, ModelEntry
from matchme_pipeline.llm.text.token_estimates import certain_tokens

# Tries of one request that cost nothing but time. With every second one failing, one in 4,000 requests gives up.
TRIES = 12
# Being told to wait says nothing about the request: it costs a part of a try.
THROTTLED_TRY = 0.2
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 20.0
# What an API adds around messages; a few dozen tokens in practice.
OVERHEAD_TOKENS = 200
# So many requests refused as they are, and none answered yet: the fault is not theirs.
REFUSALS_BEFORE_STOP = 3
# Once there have been answers, more refusals in a row than bad luck explains.
REFUSALS_IN_A_ROW_BEFORE_STOP = 50

# What may be left out where a model doesn't take it; anything else bounds the cost or makes the answer readable.
OPTIONAL = ("temperature", "reasoning_effort", "store", "dimensions")
_REMEDIES = {"service_tier": "Set MATCHME_LLM_MODE=standard."}

Json = dict[str, Any]


class GaveUpError(Exception):
    """Every try of a request failed; `tries` of them, the last with `kind`."""

    def __init__(self, kind: str, tries: int) -> None:
        super().__init__(kind)
        self.kind = kind
        self.tries = tries


@dataclass
class Delivery:
    """A reply and what must still be settled once it is booked."""

    reply: Reply
    tries: int
    cover_usd: Decimal
    request_bytes: int


class Door:
    """One model's door; belongs to one event loop."""

    def __init__(
        self, model: str, entry: ModelEntry, mode: Mode, send: Callable[[Json], Awaitable[Reply]], pacer: Pacer
    ) -> None:
        self.model = model
        self.entry = entry
        self.mode: Mode = entry.mode_for(mode)
        self._send = send
        self._pacer = pacer
        self._unsupported: set[str] = set()
        self._answered = False
        self._refusals = 0
        self._breaker = CircuitBreaker(model)
        # Pauses only; nothing that is computed depends on them.
        self._random = random.Random()

    async def deliver(
        self, body: Json, expected_tokens: int, output_limit: int, budget: Budget, stopping: asyncio.Event
    ) -> Delivery:
        """Send `body` until it is answered, or until `stopping` is set.

        `expected_tokens` count towards the limit a minute, `output_limit` bounds what the answer can cost. Raises
        ModelRequestError, BudgetExceededError, GaveUpError, RefusedRequestError.
        """
        tries, spent = 0, 0.0
        wanted, begun = body, self._breaker.begin()
        while True:
            tries += 1
            left_out = frozenset(self._unsupported)
            body = adapted(wanted, left_out)
            size = certain_tokens(json.dumps(body, ensure_ascii=False))
            price = self.entry.standard
            cover_usd = (price.highest_input * (size + OVERHEAD_TOKENS) + price.output * output_limit) / 1_000_000
            try:
                reply = await self._try(body, expected_tokens, cover_usd, budget, stopping)
            except UnsupportedParameterError as error:
                self._do_without(error.parameter, wanted, left_out)
            except RefusedRequestError as error:
                self._count_refusal(error)
                raise
            except RetryableError as error:
                spent += THROTTLED_TRY if error.throttled else 1
                if spent >= TRIES or stopping.is_set():
                    if not stopping.is_set():
                        self._breaker.give_up(begun, tries, error.kind)
                    raise GaveUpError(error.kind, tries) from None
                if not error.throttled:
                    await self._pause(int(spent), stopping)
            else:
                self._answered, self._refusals = True, 0
                self._breaker.answer()
                return Delivery(reply, tries, cover_usd, size)

    async def _try(self, body: Json, tokens: int, cover_usd: Decimal, budget: Budget, stopping: asyncio.Event) -> Reply:
        await budget.cover(cover_usd)
        try:
            passage = await self._pacer.enter(tokens, stopping)
            used = None
            try:
                reply = await self._send(body)
                usage = reply.usage
                used = usage.input_tokens + usage.output_tokens or None
            except RetryableError as error:
                if error.throttled:
                    self._pacer.throttled(error.after_seconds)
                raise
            finally:
                self._pacer.leave(passage, used)
            self._pacer.succeeded(reply.headers)
            return reply
        except BaseException:
            # Nothing was answered, nothing is billed.
            await budget.settle(cover_usd, Decimal(0))
            raise

    def _do_without(self, parameter: str, wanted: Json, left_out: Collection[str]) -> None:
        """Send `parameter` no more; raises ModelRequestError for one that is needed, or that wasn't sent."""
        known = parameter in OPTIONAL or parameter in INSTEAD
        if not known or parameter not in wanted or parameter in left_out:
            # Its name is the server's word; only a word of ours is repeated.
            name = f"parameter '{parameter}'" if parameter in wanted else "request"
            remedy = _REMEDIES.get(parameter, "Choose another model.")
            raise ModelRequestError(f"The model '{self.model}' refuses the {name}. {remedy}") from None
        self._unsupported.add(parameter)

    def _count_refusal(self, error: RefusedRequestError) -> None:
        self._refusals += 1
        if self._refusals >= (REFUSALS_IN_A_ROW_BEFORE_STOP if self._answered else REFUSALS_BEFORE_STOP):
            raise ModelRequestError(
                f"The API refuses every request for the model '{self.model}' ({error.kind}). "
                "Check the model's name and what it accepts."
            ) from None

    async def _pause(self, tries: int, stopping: asyncio.Event) -> None:
        """Wait a random time up to a bound that doubles with every try ("full jitter")."""
        longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**tries)
        try:
            await asyncio.wait_for(stopping.wait(), self._random.uniform(0, longest))
        except TimeoutError:
            return


def adapted(body: Json, left_out: Collection[str]) -> Json:
    """`body` for a server that doesn't take the parameters `left_out`."""
    kept = {name: value for name, value in body.items() if name not in left_out}
    for name in left_out:
        if name in body and name in INSTEAD:
            kept |= INSTEAD[name](body)
    return kept


def _schema_in_words(body: Json) -> Json:
    """The answer's schema among the instructions, for servers that only know that an answer should be JSON."""
    schema = json.dumps(body["response_format"]["json_schema"]["schema"])
    system, *others = body["messages"]
    content = f"{system['content']}\n\nAnswer with one JSON object of this schema, and nothing else: {schema}"
    return {"messages": [{**system, "content": content}, *others], "response_format": {"type": "json_object"}}


# What other servers take in the place of what they don't.
INSTEAD: dict[str, Callable[[Json], Json]] = {
    "encoding_format": lambda _: {"encoding_format": "float"},
    "max_completion_tokens": lambda body: {"max_tokens": body["max_completion_tokens"]},
    "response_format": _schema_in_words,
}
