"""How many requests may be on their way: a limit that adapts, a cooldown that all share, minutes that are counted."""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from matchme_pipeline.llm.remote.failures import RetryableError

# A little more than a minute: a request reaches the server's clock later than it leaves ours.
WINDOW_SECONDS = 61.0
# Where a server says only that nothing is left, it rarely means for longer than this: buckets refill all the time.
LONGEST_RESET_SECONDS = 20.0
# After a 429 without Retry-After; doubled for each one that follows with no success in between.
FIRST_COOLDOWN_SECONDS, LONGEST_COOLDOWN_SECONDS = 0.25, 20.0
# How often whoever waits looks whether everything has stopped.
LOOK_SECONDS = 1.0
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass
class Passage:
    """One request's way through: when it left and how many tokens it counts for."""

    started: float
    tokens: int


@dataclass
class _Allowance:
    """What the server says is left of requests or tokens, until when."""

    left: float = 0.0
    until: float = 0.0


class Pacer:
    """One model's traffic. Not thread-safe: belongs to one event loop.

    The limit on concurrent requests starts at `concurrency`. Each 429 takes half a slot, so that a burst of them
    halves it and stray ones hardly matter; each success gives a part of a slot back, about 1 + 3 % of
    `concurrency` per round trip (the proportional cut of DCTCP, Alizadeh et al. 2010).
    """

    def __init__(
        self,
        concurrency: int,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        clock: Callable[[], float] | None = None,
        window_seconds: float = WINDOW_SECONDS,
    ) -> None:
        self._most = float(concurrency)
        self._limit = float(concurrency)
        self._gain = 1 + 0.03 * concurrency
        self._requests_per_minute = requests_per_minute
        self._tokens_per_minute = tokens_per_minute
        self._clock = clock or asyncio.get_running_loop().time
        self._window_seconds = window_seconds
        self._throttled_in_a_row = 0
        self._in_flight = 0
        self._cooldown_until = 0.0
        self._window: deque[Passage] = deque()
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
        if self._tokens_per_minute is not None:
            tokens = min(tokens, self._tokens_per_minute)
        async with self._line:
            while (delay := self._delay(tokens)) != 0:
                if stopping is not None and stopping.is_set():
                    raise RetryableError("stopped")
                self._changed.clear()
                try:
                    await asyncio.wait_for(
                        self._changed.wait(), LOOK_SECONDS if delay is None else min(delay, LOOK_SECONDS)
                    )
                except TimeoutError:
                    continue
            passage = Passage(self._clock(), tokens)
            self._in_flight += 1
            self._window.append(passage)
            for name, amount in (("requests", 1), ("tokens", tokens)):
                self._allowances[name].left -= amount
        return passage

    def leave(self, passage: Passage, tokens: int | None = None) -> None:
        """The request is back; `tokens`: what it counted for in fact."""
        self._in_flight -= 1
        if tokens is not None:
            passage.tokens = tokens
        self._changed.set()

    def succeeded(self, headers: Mapping[str, str]) -> None:
        """A request was answered: climb, and take note of what the server says is left."""
        self._limit = min(self._most, self._limit + self._gain / self._limit)
        self._throttled_in_a_row = 0
        now = self._clock()
        for name, allowance in self._allowances.items():
            left, reset = headers.get(f"x-ratelimit-remaining-{name}"), headers.get(f"x-ratelimit-reset-{name}")
            seconds = duration_seconds(reset) if reset is not None else None
            if left is not None and left.isdigit() and seconds is not None:
                allowance.left = float(left)
                allowance.until = now + min(seconds, LONGEST_RESET_SECONDS)
        self._changed.set()

    def throttled(self, after_seconds: float | None) -> None:
        """A request was turned away: everybody waits, and fewer go at once."""
        self._limit = max(1.0, self._limit - 0.5)
        doubled = min(LONGEST_COOLDOWN_SECONDS, FIRST_COOLDOWN_SECONDS * 2 ** min(self._throttled_in_a_row, 10))
        now = self._clock()
        if now >= self._cooldown_until:
            # One burst of 429s is one piece of news, however many were on their way.
            self._throttled_in_a_row += 1
        self._cooldown_until = max(self._cooldown_until, now + (doubled if after_seconds is None else after_seconds))

    def _delay(self, tokens: int) -> float | None:
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
        return self._window_delay(now, tokens)

    def _window_delay(self, now: float, tokens: int) -> float:
        while self._window and self._window[0].started <= now - self._window_seconds:
            self._window.popleft()
        if not self._window:
            return 0
        too_many = self._requests_per_minute is not None and len(self._window) >= self._requests_per_minute
        used = sum(passage.tokens for passage in self._window) if self._tokens_per_minute is not None else 0
        too_much = self._tokens_per_minute is not None and used + tokens > self._tokens_per_minute
        return self._window[0].started + self._window_seconds - now if too_many or too_much else 0


def duration_seconds(text: str) -> float | None:
    """Seconds of a duration as in the rate-limit headers: `20ms`, `1s`, `6m0s`, or bare seconds."""
    try:
        return float(text)
    except ValueError:
        parts = _DURATION.findall(text.strip())
        if not parts or "".join(number + unit for number, unit in parts) != text.strip():
            return None
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)
