"""How many requests may be on their way: a limit that adapts, a cooldown that all share, minutes that are counted."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from matchme_pipeline.llm.execution.rate_headers import allowances
from matchme_pipeline.llm.execution.shared_rate_window import Minute
from matchme_pipeline.llm.openai.error_mapping import RetryableError

# After a 429 without Retry-After; doubled for each one that follows with no success in between. A server that goes on
# turning away who has waited as long as it said is believed no more.
FIRST_COOLDOWN_SECONDS, LONGEST_COOLDOWN_SECONDS = 0.25, 20.0
BELIEVED = 3
SHORTEST_COOLDOWN_SECONDS = 0.05
# How often whoever waits looks whether everything has stopped.
LOOK_SECONDS = 1.0


@dataclass
class Passage:
    """One request's way through: its place in the minute, if minutes are counted."""

    place: int | None = None


@dataclass
class _Allowance:
    """What the server says is left of requests or tokens, until when."""

    left: float = 0.0
    until: float = 0.0


class Pacer:
    """One model's traffic. Not thread-safe: belongs to one event loop.

    The limit on concurrent requests starts at `concurrency`. Each 429 takes half a slot, so that a burst of them
    halves it and stray ones hardly matter; each success gives a part of a slot back, about 1 + 3 % of
    `concurrency` per round trip (the proportional cut of DCTCP, Alizadeh et al. 2010). `minute` counts what leaves,
    over all models and processes.
    """

    def __init__(
        self, concurrency: int, minute: Minute | None = None, clock: Callable[[], float] | None = None
    ) -> None:
        self._most = float(concurrency)
        self._limit = float(concurrency)
        self._gain = 1 + 0.03 * concurrency
        self._minute = minute
        self._clock = clock or asyncio.get_running_loop().time
        self._throttled_in_a_row = 0
        self._in_flight = 0
        self._cooldown_until = 0.0
        self._allowances = {"requests": _Allowance(), "tokens": _Allowance()}
        self._line = asyncio.Lock()
        self._changed = asyncio.Event()

    @property
    def limit(self) -> float:
        """How many requests may be on their way at present."""
        return self._limit

    async def enter(self, tokens: int, stopping: asyncio.Event | None = None) -> Passage:
        """Wait, first come first served, until a request that may count for `tokens` is allowed to leave.

        Raises RetryableError once `stopping` is set: the request never left.
        """
        async with self._line:
            passage = Passage()
            while (delay := await self._delay(tokens, passage)) != 0:
                if stopping is not None and stopping.is_set():
                    raise RetryableError("stopped")
                self._changed.clear()
                try:
                    await asyncio.wait_for(
                        self._changed.wait(), LOOK_SECONDS if delay is None else min(delay, LOOK_SECONDS)
                    )
                except TimeoutError:
                    continue
            self._in_flight += 1
            for name, amount in (("requests", 1), ("tokens", tokens)):
                self._allowances[name].left -= amount
        return passage

    def leave(self, passage: Passage, tokens: int | None = None) -> None:
        """The request is back; `tokens`: what it counted for in fact."""
        self._in_flight -= 1
        if self._minute is not None and tokens is not None and passage.place is not None:
            self._minute.correct(passage.place, tokens)
        self._changed.set()

    def succeeded(self, headers: Mapping[str, str]) -> None:
        """A request was answered: climb, and take note of what the server says is left."""
        self._limit = min(self._most, self._limit + self._gain / self._limit)
        self._throttled_in_a_row = 0
        now = self._clock()
        for name, (left, seconds) in allowances(headers, datetime.now(UTC)).items():
            self._allowances[name] = _Allowance(left, now + seconds)
        self._changed.set()

    def throttled(self, after_seconds: float | None) -> None:
        """A request was turned away: everybody waits, and fewer go at once."""
        self._limit = max(1.0, self._limit - 0.5)
        doubled = min(LONGEST_COOLDOWN_SECONDS, FIRST_COOLDOWN_SECONDS * 2 ** min(self._throttled_in_a_row, 10))
        if after_seconds is None:
            seconds = doubled
        else:
            least = doubled if self._throttled_in_a_row >= BELIEVED else SHORTEST_COOLDOWN_SECONDS
            seconds = max(after_seconds, least)
        now = self._clock()
        if now >= self._cooldown_until:
            # One burst of 429s is one piece of news, however many were on their way.
            self._throttled_in_a_row += 1
        self._cooldown_until = max(self._cooldown_until, now + seconds)

    async def _delay(self, tokens: int, passage: Passage) -> float | None:
        """Seconds until the next look: 0 to go now, None to wait for a request that comes back."""
        now = self._clock()
        if now < self._cooldown_until:
            return self._cooldown_until - now
        if self._in_flight >= int(self._limit):
            return None
        for name, amount in (("requests", 1), ("tokens", tokens)):
            allowance = self._allowances[name]
            if now < allowance.until and allowance.left < amount:
                return allowance.until - now
        if self._minute is None:
            return 0
        passage.place, seconds = await self._minute.take(tokens)
        return seconds
