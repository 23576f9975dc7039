"""A sliding one-minute limit on requests and tokens, shared by all models of an account and all processes."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.llm.store import rate_window_queries

# Slightly more than a minute, because a request reaches the server later than it is sent.
WINDOW_SECONDS = 61.0
# The shortest time until the next try, if another process was faster.
MIN_WAIT_SECONDS = 0.01


class RateWindow(Protocol):
    """Places for requests within any minute."""

    async def take(self, tokens: int) -> tuple[int | None, float]:
        """A place for a request of at most `tokens`, and 0; or None, and the seconds until the next try."""

    def correct(self, place: int, tokens: int) -> None:
        """The request at `place` counted for `tokens` in fact."""


class SharedRateWindow:
    """One account's window, stored in the database; belongs to one event loop."""

    def __init__(
        self,
        provider: str,
        requests: int | None,
        tokens: int | None,
        transact: Callable[[Callable[[Connection], tuple[int | None, float]]], Awaitable[tuple[int | None, float]]],
    ) -> None:
        self._provider = provider
        self._requests = requests
        self._tokens = tokens
        self._transact = transact
        self._corrections: dict[int, int] = {}

    async def take(self, tokens: int) -> tuple[int | None, float]:
        """As in RateWindow; a request that exceeds a minute's tokens alone gets a separate window."""
        wanted = tokens if self._tokens is None else min(tokens, self._tokens)
        # The corrections known by now share this transaction.
        corrections, self._corrections = self._corrections, {}

        def read(connection: Connection) -> tuple[int | None, float]:
            return rate_window_queries.take(
                connection, self._provider, self._requests, self._tokens, wanted, WINDOW_SECONDS, corrections
            )

        place, seconds = await self._transact(read)
        return place, 0.0 if place is not None else max(MIN_WAIT_SECONDS, seconds)

    def correct(self, place: int, tokens: int) -> None:
        """As in RateWindow; written with the next request."""
        self._corrections[place] = tokens
