"""An expensive figure, computed once for all callers every few seconds."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Generic, TypeVar

# Operators watch a queue that empties over minutes.
FRESH_SECONDS = 2.0
# If the value is older, a request waits for a new one.
OLDEST_SECONDS = 10.0
# The largest share of the time that counting may take, however large the table is.
SHARE = 0.1

T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Counted(Generic[T]):
    """A value, and the moment at which it was true."""

    value: T
    at: datetime
    finished: float
    seconds: float


class Snapshot(Generic[T]):
    """The newest value. It is recomputed beside the requests, and a request waits only if no recent value exists."""

    def __init__(
        self,
        count: Callable[[], T],
        now: Callable[[], float] = monotonic,
        fresh_seconds: float = FRESH_SECONDS,
        oldest_seconds: float = OLDEST_SECONDS,
    ) -> None:
        self._count = count
        self._now = now
        self._fresh_seconds = fresh_seconds
        self._oldest_seconds = oldest_seconds
        self._counting = threading.Lock()
        self._known: Counted[T] | None = None

    def get(self) -> Counted[T]:
        """The value, at most `oldest_seconds` old (or ten times the duration of counting). Raises the errors of
        counting.
        """
        known = self._known
        if known is None:
            return self._counted_after(None)
        age = self._now() - known.finished
        if age <= max(self._fresh_seconds, known.seconds / SHARE):
            return known
        if age > max(self._oldest_seconds, 2 * known.seconds / SHARE):
            return self._counted_after(known)
        if self._counting.acquire(blocking=False):
            try:
                threading.Thread(target=self._count_in_background, name="snapshot", daemon=True).start()
            except RuntimeError:
                self._counting.release()
        return known

    def _counted_after(self, old: Counted[T] | None) -> Counted[T]:
        with self._counting:
            # Other waiting callers use the first caller's count.
            if self._known is not None and self._known is not old:
                return self._known
            return self._count_now()

    def _count_in_background(self) -> None:
        try:
            self._count_now()
        except Exception as error:
            _log.warning("a figure could not be counted: %s", type(error).__name__)
        finally:
            self._counting.release()

    def _count_now(self) -> Counted[T]:
        at, started = datetime.now(UTC), self._now()
        value = self._count()
        finished = self._now()
        self._known = Counted(value, at, finished, finished - started)
        return self._known
