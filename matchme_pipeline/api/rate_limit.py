"""A token bucket per caller: a limit per minute with short bursts."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

# Callers in memory; the one unseen for longest is removed first, with a full bucket.
MAX_CALLERS = 50_000


class RateLimit:
    """`per_minute` requests on average, and up to `burst` at once, for each key. Thread-safe.

    Each process counts separately: with N processes a caller may make up to N times as many requests.
    """

    def __init__(self, per_minute: int, burst: int, now: Callable[[], float] = monotonic) -> None:
        self._per_second = per_minute / 60
        self._burst = burst
        self._now = now
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> float:
        """Take one request from the bucket of `key`: 0 if there was one, otherwise the seconds until there is."""
        now = self._now()
        with self._lock:
            level, seen = self._buckets.pop(key, (float(self._burst), now))
            level = min(self._burst, level + (now - seen) * self._per_second)
            taken = level >= 1
            self._buckets[key] = (level - 1 if taken else level, now)
            if len(self._buckets) > MAX_CALLERS:
                self._buckets.popitem(last=False)
        return 0.0 if taken else (1 - level) / self._per_second
