"""One event loop in its own thread, for synchronous stages."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
_END = object()


class EventLoopThread:
    """An event loop that outlives single calls, so that connections are reused between them."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="model-calls", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The result of `coroutine`, run in the loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def stream(self, produce: Callable[[Callable[[T], None]], Coroutine[Any, Any, None]]) -> Iterator[T]:
        """What `produce(emit)` emits, as it arrives; its error after everything before it.

        An abandoned iterator cancels the coroutine and waits until it has cleaned up.
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
