"""The week's budget, shared by all processes: a request is sent only after its maximum cost is reserved."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal
from typing import Protocol

from matchme_pipeline.errors import BudgetExceededError

# Reserved in larger pieces, so that not every request needs a transaction.
PIECES = 50


class Reservations(Protocol):
    """The budget reservations of each process, visible to all processes."""

    def hold(self, holder: uuid.UUID, week: date | None, usd: Decimal, limit_usd: Decimal) -> bool:
        """Let `holder` reserve `usd` in total if the ledger and all reservations stay within the limit; returns whether
        it may.
        """


class Budget:
    """One process's share of the week's budget. Not thread-safe: belongs to one event loop.

    The ledger plus all processes' reservations never exceed the limit. A request's `cover` is its maximum cost. After
    the answer, the ledger records the real cost and the rest is free for the next request.
    """

    def __init__(
        self,
        limit_usd: Decimal | None,
        week: date | None,
        reservations: Reservations,
        run: Callable[..., Awaitable[bool]],
    ) -> None:
        self._limit = limit_usd
        self._week = week
        self._reservations = reservations
        self._run = run
        self.holder = uuid.uuid4()
        self._reserved = Decimal(0)
        self._covered = Decimal(0)
        self._returned = asyncio.Condition()

    async def cover(self, usd: Decimal) -> None:
        """Reserve `usd` for a request; waits while in-flight requests may free what is missing.

        Raises BudgetExceededError if none can.
        """
        if self._limit is None:
            return
        async with self._returned:
            while self._covered + usd > self._reserved:
                if await self._reserve_more(usd, self._limit):
                    break
                if self._covered == 0:
                    raise BudgetExceededError(
                        f"The next request could cost {usd:.4f} USD and would pass the week's budget of "
                        f"{self._limit} USD (MATCHME_WEEKLY_BUDGET_USD). The rest stays queued."
                    )
                await self._returned.wait()
            self._covered += usd

    async def settle(self, usd: Decimal, cost_usd: Decimal) -> None:
        """A covered request has ended; the ledger has recorded its cost of `cost_usd`."""
        if self._limit is None:
            return
        async with self._returned:
            self._covered -= usd
            self._reserved -= cost_usd
            self._returned.notify_all()

    async def _reserve_more(self, usd: Decimal, limit: Decimal) -> bool:
        for amount in (max(usd, limit / PIECES), usd):
            wanted = self._covered + amount
            if await self._run(self._reservations.hold, self.holder, self._week, wanted, limit):
                self._reserved = wanted
                return True
        return False
