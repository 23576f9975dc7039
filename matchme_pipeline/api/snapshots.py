"""A figure that is costly to count, counted for all callers at once every few seconds."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from typing import Any

# Operators look at a queue that drains over minutes.
FRESH_SECONDS = 3.0


class Snapshot:
    """The last value and when it was counted; one caller counts while the others get the value before."""

    def __init__(self, fresh_seconds: float = FRESH_SECONDS) -> None:
        self._fresh_seconds = fresh_seconds
        self._counting = threading.Lock()
        self._value: tuple[Any, datetime, float] | None = None

    def get(self, count: Callable[[], Any]) -> tuple[Any, datetime]:
        """The value and the moment at which it was true; `count` makes a new one."""
        known = self._value
        if known is not None and monotonic() - known[2] <= self._fresh_seconds:
            return known[0], known[1]
        if known is not None and not self._counting.acquire(blocking=False):
            return known[0], known[1]
        if known is None:
            self._counting.acquire()
        try:
            newer = self._value
            if newer is not None and newer is not known:
                return newer[0], newer[1]
            at = datetime.now(UTC)
            self._value = (count(), at, monotonic())
            return self._value[0], self._value[1]
        finally:
            self._counting.release()
