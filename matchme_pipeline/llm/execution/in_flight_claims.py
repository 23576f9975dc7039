"""Nothing is asked that another worker is asking at this moment: its answer is waited for, and found in the store."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import psycopg

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.llm.execution.event_loop_thread import Committer
from matchme_pipeline.llm.store import in_flight_queries

S = TypeVar("S")
# So long a dead process keeps others from what it was asking; a living one renews long before.
HOLD_SECONDS = 9.0
RENEW_SECONDS = 3.0
# How often whoever waits for another's answer looks for it.
LOOK_SECONDS = 0.25


class Underway:
    """One run's questions on their way; belongs to one event loop."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._holder = uuid.uuid4()

    async def take(
        self, keys: Collection[str], stored: Callable[[Connection, list[str]], dict[str, S]]
    ) -> tuple[set[str], dict[str, S]]:
        """Those of `keys` that are this run's to ask about, and what `stored` finds answered by now.

        The rest is being asked about by somebody else.
        """

        def look(connection: Connection) -> tuple[set[str], dict[str, S]]:
            taken = in_flight_queries.take(connection, self._holder, keys, HOLD_SECONDS)
            # After the taking: whoever held a key before has kept its answer before letting go.
            found = stored(connection, list(keys))
            if answered := taken & found.keys():
                in_flight_queries.release(connection, self._holder, answered)
            return taken - found.keys(), found

        return await self._committer.transact(look)

    @asynccontextmanager
    async def held(self, keys: Collection[str]) -> AsyncIterator[None]:
        """Hold `keys` for the length of the block, and let go of them after it."""
        renewing = asyncio.create_task(self._renew(keys))
        try:
            yield
        finally:
            renewing.cancel()
            # Without a database the hold ends by itself.
            with suppress(psycopg.Error):
                await self._committer.transact(
                    lambda connection: in_flight_queries.release(connection, self._holder, keys)
                )

    async def _renew(self, keys: Collection[str]) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            with suppress(psycopg.Error):
                await self._committer.transact(
                    lambda connection: in_flight_queries.renew(connection, self._holder, keys, HOLD_SECONDS)
                )
