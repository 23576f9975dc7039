"""From the stages' synchronous world to one event loop in a thread of its own, and back."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, TypeVar

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.llm.store.ledger import Ledger
from matchme_pipeline.llm.store.records import Call, StoredAnswer, StoredVector

T = TypeVar("T")
_END = object()


class LoopThread:
    """An event loop that outlives single calls, so that connections are reused between them."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="model-calls", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The result of `coroutine`, run in the loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def stream(self, produce: Callable[[Callable[[T], None]], Coroutine[Any, Any, None]]) -> Iterator[T]:
        """What `produce(emit)` emits, as it comes; its error once everything before it has been handed out.

        An abandoned iterator cancels the coroutine and waits until it has put its things in order.
        """
        emitted: SimpleQueue[Any] = SimpleQueue()
        future = asyncio.run_coroutine_threadsafe(produce(emitted.put), self.loop)
        future.add_done_callback(lambda _: emitted.put(_END))
        finished = threading.Event()

        async def settle() -> None:
            current = asyncio.current_task()
            await asyncio.gather(*(t for t in asyncio.all_tasks() if t is not current), return_exceptions=True)
            finished.set()

        try:
            while (item := emitted.get()) is not _END:
                yield item
            future.result()
        finally:
            if not future.done():
                future.cancel()
                asyncio.run_coroutine_threadsafe(settle(), self.loop)
                finished.wait()

    def close(self) -> None:
        """Stop the loop and its thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class Committer:
    """Commits from within the loop: whatever came back while one transaction was written goes into the next."""

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
        """Book and keep; durable when this returns."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append((calls, answers, vectors, done))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        await asyncio.shield(done)

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call `function` in the writer's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, function, *arguments)

    async def transact(self, write: Callable[[Connection], T]) -> T:
        """What `write` returns, done in one transaction in the writer's thread."""
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
