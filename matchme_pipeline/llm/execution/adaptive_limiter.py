"""Limits requests in flight: an adaptive limit, a shared cooldown and the account's rate window."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from matchme_pipeline.llm.execution.exchange import RetryableError
from matchme_pipeline.llm.execution.rate_headers import allowances
from matchme_pipeline.llm.execution.shared_rate_window import RateWindow

# The cooldown after a 429 without Retry-After; doubled for each following 429 without a success in between. After
# MAX_TRUSTED_RETRY_AFTERS 429s in a row the server's own Retry-After no longer shortens the cooldown.
FIRST_COOLDOWN_SECONDS, MAX_COOLDOWN_SECONDS = 0.25, 20.0
MAX_TRUSTED_RETRY_AFTERS = 3
MIN_COOLDOWN_SECONDS = 0.05
# How often a waiting request checks whether the run has stopped.
POLL_SECONDS = 1.0


@dataclass
class Permit:
    """Permission to send one request, with its place in the rate window if there is one."""

    place: int | None = None


@dataclass
class _Allowance:
    """The server's statement on remaining requests or tokens, and its expiry."""

    left: float = 0.0
    until: float = 0.0


class AdaptiveLimiter:
    """One model's traffic. Not thread-safe: belongs to one event loop.

    The limit on concurrent requests starts at `concurrency`. Each 429 takes half a slot, so that a burst of them
    halves it and stray ones hardly matter; each success gives a part of a slot back, about 1 + 3 % of
    `concurrency` per round trip (the proportional cut of DCTCP, Alizadeh et al. 2010). `window` counts the requests
    that leave, over all models and processes.
    """

    def __init__(
        self, concurrency: int, window: RateWindow | None = None, clock: Callable[[], float] | None = None
    ) -> None:
        self._most = float(concurrency)
        self._limit = float(concurrency)
        self._gain = 1 + 0.03 * concurrency
        self._window = window
        self._clock = clock or asyncio.get_running_loop().time
        self._throttled_in_a_row = 0
        self._in_flight = 0
        self._cooldown_until = 0.0
        self._allowances = {"requests": _Allowance(), "tokens": _Allowance()}
        self._line = asyncio.Lock()
        self._changed = asyncio.Event()

    @property
    def limit(self) -> float:
        """How many requests may be in flight now."""
        return self._limit

    async def enter(self, tokens: int, stopping: asyncio.Event | None = None) -> Permit:
        """Wait in order of arrival until a request that may count for `tokens` may be sent.

        Raises RetryableError once `stopping` is set: the request was never sent.
        """
        async with self._line:
            permit = Permit()
            while (delay := await self._delay(tokens, permit)) != 0:
                if stopping is not None and stopping.is_set():
                    raise RetryableError("stopped")
                self._changed.clear()
                try:
                    await asyncio.wait_for(
                        self._changed.wait(), POLL_SECONDS if delay is None else min(delay, POLL_SECONDS)
                    )
                except TimeoutError:
                    continue
            self._in_flight += 1
            for name, amount in (("requests", 1), ("tokens", tokens)):
                self._allowances[name].left -= amount
        return permit

    def leave(self, permit: Permit, tokens: int | None = None) -> None:
        """The request has ended; `tokens`: its actual count."""
        self._in_flight -= 1
        if self._window is not None and tokens is not None and permit.place is not None:
            self._window.correct(permit.place, tokens)
        self._changed.set()

    def succeeded(self, headers: Mapping[str, str]) -> None:
        """A request was answered: raise the limit, and store the remaining quota of its headers."""
        self._limit = min(self._most, self._limit + self._gain / self._limit)
        self._throttled_in_a_row = 0
        now = self._clock()
        for name, (left, seconds) in allowances(headers, datetime.now(UTC)).items():
            self._allowances[name] = _Allowance(left, now + seconds)
        self._changed.set()

    def throttled(self, after_seconds: float | None) -> None:
        """A request was rejected: all requests wait, and fewer are sent at once."""
        self._limit = max(1.0, self._limit - 0.5)
        doubled = min(MAX_COOLDOWN_SECONDS, FIRST_COOLDOWN_SECONDS * 2 ** min(self._throttled_in_a_row, 10))
        if after_seconds is None:
            seconds = doubled
        else:
            least = doubled if self._throttled_in_a_row >= MAX_TRUSTED_RETRY_AFTERS else MIN_COOLDOWN_SECONDS
            seconds = max(after_seconds, least)
        now = self._clock()
        if now >= self._cooldown_until:
            # One burst of 429s counts once, however many requests were in flight.
            self._throttled_in_a_row += 1
        self._cooldown_until = max(self._cooldown_until, now + seconds)

    async def _delay(self, tokens: int, permit: Permit) -> float | None:
        """Seconds until the next check: 0 to send now, None to wait until another request ends."""
        now = self._clock()
        if now < self._cooldown_until:
            return self._cooldown_until - now
        if self._in_flight >= int(self._limit):
            return None
        for name, amount in (("requests", 1), ("tokens", tokens)):
            allowance = self._allowances[name]
            if now < allowance.until and allowance.left < amount:
                return allowance.until - now
        if self._window is None:
            return 0
        permit.place, seconds = await self._window.take(tokens)
        return seconds
