"""Sends every request to a model: within the budget and the rate limits, with retries, never paid twice."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from decimal import Decimal

from matchme_pipeline.errors import ModelRequestError
from matchme_pipeline.llm.execution.adaptive_limiter import AdaptiveLimiter
from matchme_pipeline.llm.execution.billing import MAX_TOKENS
from matchme_pipeline.llm.execution.budget_cover import Budget
from matchme_pipeline.llm.execution.circuit_breaker import CircuitBreaker, OutageTimer
from matchme_pipeline.llm.execution.exchange import (
    Json,
    RefusedRequestError,
    Reply,
    RetryableError,
    UnsupportedParameterError,
)
from matchme_pipeline.llm.execution.wire_format import ParameterFallbacks
from matchme_pipeline.llm.prices import Mode, ModelEntry, TokenUsage
from matchme_pipeline.llm.text.token_estimates import certain_tokens

# Unpaid tries of one request. If half of all tries fail, one request in 4,000 gives up.
TRIES = 12
# A rate-limit response says nothing about the request, so it counts as part of a try.
THROTTLED_TRY_SHARE = 0.2
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.25, 20.0
# The tokens that an API adds around messages; a few dozen in practice.
OVERHEAD_TOKENS = 200
# After this many refused requests without an answer, the model or the account is at fault, not the requests.
REFUSALS_BEFORE_STOP = 3
# The same after earlier answers: more refusals in a row than chance explains.
REFUSALS_IN_A_ROW_BEFORE_STOP = 50


class TriesExhaustedError(Exception):
    """Every try of a request failed; `tries` of them, the last with `kind`."""

    def __init__(self, kind: str, tries: int) -> None:
        super().__init__(kind)
        self.kind = kind
        self.tries = tries


@dataclass
class Delivery:
    """A reply, and what remains to be settled after it is recorded."""

    reply: Reply
    tries: int
    cover_usd: Decimal
    request_bytes: int


class RequestSender:
    """Sends one model's requests; belongs to one event loop."""

    def __init__(
        self,
        model: str,
        entry: ModelEntry,
        mode: Mode,
        exchange: Callable[[Json], Awaitable[Reply]],
        usage: Callable[[Json], TokenUsage | None],
        fallbacks: ParameterFallbacks,
        limiter: AdaptiveLimiter,
        outage_timer: OutageTimer,
    ) -> None:
        """`exchange` sends a body once; `usage` reads the tokens of its answer.

        `outage_timer` limits how long the server may reject all requests.
        """
        self.model = model
        self.entry = entry
        self.mode: Mode = entry.mode_for(mode)
        self._exchange = exchange
        self._usage = usage
        self._fallbacks = fallbacks
        self._limiter = limiter
        self._unsupported: set[str] = set()
        self._answered = False
        self._refusals = 0
        self._breaker = CircuitBreaker(model, outage_timer)
        # Used only for pauses; no result depends on it.
        self._random = random.Random()

    async def send(
        self, body: Json, expected_tokens: int, output_limit: int, budget: Budget, stopping: asyncio.Event
    ) -> Delivery:
        """Send `body` until it is answered, or until `stopping` is set.

        `expected_tokens` count towards the per-minute limit; `output_limit` bounds the cost of the answer. Raises
        ModelRequestError, BudgetExceededError, TriesExhaustedError, RefusedRequestError.
        """
        tries, spent = 0, 0.0
        wanted, answers_before = body, self._breaker.begin()
        while True:
            tries += 1
            left_out = frozenset(self._unsupported)
            body = adapted(wanted, left_out, self._fallbacks)
            size = certain_tokens(json.dumps(body, ensure_ascii=False))
            cover_usd = highest_cost_usd(self.entry, "standard", size, output_limit)
            try:
                reply = await self._try(body, expected_tokens, cover_usd, budget, stopping)
            except UnsupportedParameterError as error:
                self._do_without(error.parameter, wanted, left_out)
            except RefusedRequestError as error:
                self._count_refusal(error)
                raise
            except RetryableError as error:
                spent += THROTTLED_TRY_SHARE if error.throttled else 1
                if error.throttled:
                    self._breaker.turned_away(error.kind)
                if spent >= TRIES or stopping.is_set():
                    if not stopping.is_set():
                        self._breaker.give_up(answers_before, tries, error.kind)
                    raise TriesExhaustedError(error.kind, tries) from None
                if not error.throttled:
                    await self._pause(int(spent), stopping)
            else:
                self._answered, self._refusals = True, 0
                self._breaker.answer()
                return Delivery(reply, tries, cover_usd, size)

    async def _try(self, body: Json, tokens: int, cover_usd: Decimal, budget: Budget, stopping: asyncio.Event) -> Reply:
        await budget.cover(cover_usd)
        try:
            permit = await self._limiter.enter(tokens, stopping)
            used = None
            try:
                reply = await self._exchange(body)
                reported = self._usage(reply.data or {})
                used = reported.tokens if reported and 0 < reported.tokens <= MAX_TOKENS else None
            except RetryableError as error:
                if error.throttled:
                    self._limiter.throttled(error.after_seconds)
                raise
            finally:
                self._limiter.leave(permit, used)
            self._limiter.succeeded(reply.headers)
            return reply
        except BaseException:
            # A request without an answer is recorded without cost.
            await budget.settle(cover_usd, Decimal(0))
            raise

    def _do_without(self, parameter: str, wanted: Json, left_out: Collection[str]) -> None:
        """Omit `parameter` from now on; raises ModelRequestError if it is required or was not sent."""
        known = parameter in self._fallbacks.optional or parameter in self._fallbacks.instead
        if not known or parameter not in wanted or parameter in left_out:
            # The server chose the name; the message repeats it only if it is a known one.
            name = f"parameter '{parameter}'" if parameter in wanted else "request"
            remedy = self._fallbacks.remedies.get(parameter, "Choose another model.")
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
        longest = min(MAX_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**tries)
        try:
            await asyncio.wait_for(stopping.wait(), self._random.uniform(0, longest))
        except TimeoutError:
            return


def highest_cost_usd(entry: ModelEntry, mode: Mode, request_bytes: int, output_limit: int) -> Decimal:
    """The most that a request can cost in `mode`: a token a byte of input, and the longest answer."""
    price = entry.price(mode)
    return (price.highest_input * (request_bytes + OVERHEAD_TOKENS) + price.output * output_limit) / 1_000_000


def adapted(body: Json, left_out: Collection[str], fallbacks: ParameterFallbacks) -> Json:
    """`body` for a server that does not take the parameters `left_out`."""
    body_sent = {name: value for name, value in body.items() if name not in left_out}
    for name in left_out:
        if name in body and name in fallbacks.instead:
            body_sent |= fallbacks.instead[name](body)
    return body_sent
