"""Commits the rows of many requests in few transactions, in a writer thread beside the event loop."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.llm.store.ledger import Ledger
from matchme_pipeline.llm.store.records import Call, StoredAnswer, StoredVector

T = TypeVar("T")


class GroupCommit:
    """Commits from within an event loop: rows that arrive during one transaction share the next one."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._pending: list[tuple[Sequence[Call], Sequence[StoredAnswer], Sequence[StoredVector], asyncio.Future[None]]]
        self._pending = []
        self._flushing: asyncio.Task[None] | None = None
        self.holder: Any = None

    async def commit(
        self, calls: Sequence[Call], answers: Sequence[StoredAnswer] = (), vectors: Sequence[StoredVector] = ()
    ) -> None:
        """Record `calls` and store their results; durable on return."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append((calls, answers, vectors, done))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        await asyncio.shield(done)

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call `function` in the writer's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, function, *arguments)

    async def transact(self, write: Callable[[Connection], T]) -> T:
        """The result of `write`, executed in one transaction in the writer thread."""
        return await self.run(self._ledger.transact, write)

    def close(self) -> None:
        """Wait for the writer's thread."""
        self._writer.shutdown()

    async def _flush(self) -> None:
        while self._pending:
            batch, self._pending = self._pending, []
            calls, answers, vectors = ([row for entry in batch for row in entry[i]] for i in range(3))
            try:
                await self.run(self._ledger.commit, calls, answers, vectors, self.holder)
            except Exception as error:
                for *_, done in batch:
                    done.set_exception(error)
            else:
                for *_, done in batch:
                    done.set_result(None)
