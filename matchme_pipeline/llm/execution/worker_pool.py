"""Workers over one list of work. The pool ends cleanly: paid answers are recorded before it returns."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

W = TypeVar("W")
# How long the pool waits for in-flight calls when it stops.
DRAIN_SECONDS = 30.0


class WorkerPool(Generic[W]):
    """Workers that take from `work`; an item may add more work before the rest."""

    def __init__(self, work: Iterable[W], do: Callable[[W], Awaitable[None]], stopping: asyncio.Event) -> None:
        self._work = deque(work)
        self._do = do
        self._stopping = stopping
        self._busy = 0
        self._changed = asyncio.Condition()

    def add(self, work: Iterable[W]) -> None:
        """Add work to the front."""
        self._work.extendleft(reversed(list(work)))

    def add_last(self, work: W) -> None:
        """Add work to the end."""
        self._work.append(work)

    async def finish(self, workers: int) -> None:
        """Wait until all work is done. The first error stops the rest; in-flight calls may still finish."""
        tasks = [asyncio.create_task(self._worker()) for _ in range(max(1, workers))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            self._stopping.set()
            await self._wake()
            if pending := [task for task in tasks if not task.done()]:
                await asyncio.wait(pending, timeout=DRAIN_SECONDS)
                for task in pending:
                    task.cancel()
                await asyncio.gather(*pending, return_exceptions=True)
        for task in done:
            task.result()

    async def _worker(self) -> None:
        while True:
            async with self._changed:
                while not self._work and self._busy and not self._stopping.is_set():
                    await self._changed.wait()
                if not self._work or self._stopping.is_set():
                    self._changed.notify_all()
                    return
                work = self._work.popleft()
                self._busy += 1
            try:
                await self._do(work)
            finally:
                async with self._changed:
                    self._busy -= 1
                    self._changed.notify_all()

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()
