"""Claims on questions in flight: no two workers ask the same question; the others wait for the stored answer."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import psycopg

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.llm.execution.group_commit import GroupCommit
from matchme_pipeline.llm.store import in_flight_queries

S = TypeVar("S")
# A dead process blocks others for this long; a living one renews earlier.
HOLD_SECONDS = 9.0
RENEW_SECONDS = 3.0
# How often a worker looks for an answer that another worker requests.
POLL_SECONDS = 0.25


class InFlightClaims:
    """One run's claims; belongs to one event loop."""

    def __init__(self, group_commit: GroupCommit) -> None:
        self._group_commit = group_commit
        self._holder = uuid.uuid4()

    async def take(
        self, keys: Collection[str], stored: Callable[[Connection, list[str]], dict[str, S]]
    ) -> tuple[set[str], dict[str, S]]:
        """Claim those of `keys` that no worker is asking about; also returns what `stored` finds.

        Other workers are asking about the rest.
        """

        def read(connection: Connection) -> tuple[set[str], dict[str, S]]:
            taken = in_flight_queries.take(connection, self._holder, keys, HOLD_SECONDS)
            # After the claim: a worker stores its answer before it releases its claim.
            found = stored(connection, list(keys))
            if answered := taken & found.keys():
                in_flight_queries.release(connection, self._holder, answered)
            return taken - found.keys(), found

        return await self._group_commit.transact(read)

    @asynccontextmanager
    async def claimed(self, keys: Collection[str]) -> AsyncIterator[None]:
        """Hold the claims on `keys` during the block, and release them after it."""
        renewing = asyncio.create_task(self._renew(keys))
        try:
            yield
        finally:
            renewing.cancel()
            # Without a database the claims expire by themselves.
            with suppress(psycopg.Error):
                await self._group_commit.transact(
                    lambda connection: in_flight_queries.release(connection, self._holder, keys)
                )

    async def _renew(self, keys: Collection[str]) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            with suppress(psycopg.Error):
                await self._group_commit.transact(
                    lambda connection: in_flight_queries.renew(connection, self._holder, keys, HOLD_SECONDS)
                )
