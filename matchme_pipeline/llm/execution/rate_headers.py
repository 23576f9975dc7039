"""Reads waiting times and remaining quotas from a server's headers, in all known spellings; pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# Longer waits are shortened to this.
MAX_RETRY_AFTER_SECONDS = 300.0
# The wait if a server reports an empty quota without a time, and the longest wait for a reset: a bucket refills
# continuously, and the header names the time at which it is full.
USUAL_RESET_SECONDS, MAX_RESET_SECONDS = 1.0, 20.0
# Numbers above these are moments, in seconds or milliseconds since 1970, not durations.
_EPOCH_SECONDS, _EPOCH_MILLISECONDS = 1e9, 1e12
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|d|h|m|s)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
# OpenAI's names, then those of servers that count requests alone.
_NAMES = {
    "requests": ("x-ratelimit-{}-requests", "x-ratelimit-{}", "ratelimit-{}"),
    "tokens": ("x-ratelimit-{}-tokens",),
}


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait by `retry-after-ms` or `Retry-After` (seconds, a duration or a date), None without either."""
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        milliseconds = _number(headers.get(name))
        if milliseconds is not None:
            return _bounded(milliseconds / 1000)
    value = headers.get("retry-after")
    seconds = waiting_seconds(value, now) if value is not None else None
    return None if seconds is None else _bounded(seconds)


def seconds_to_wait(headers: Mapping[str, str], now: datetime) -> float | None:
    """How long a refused request should wait: the server's own value, otherwise until the exhausted quota resets."""
    stated = retry_after(headers, now)
    if stated is not None:
        return stated
    resets = [seconds for left, seconds in allowances(headers, now).values() if left < 1]
    return max(resets) if resets else None


def allowances(headers: Mapping[str, str], now: datetime) -> dict[str, tuple[float, float]]:
    """The remaining "requests" and "tokens", and the seconds for which that holds; only what the server states."""
    found = {}
    for kind, names in _NAMES.items():
        for name in names:
            left = _number(headers.get(name.format("remaining")))
            if left is None:
                continue
            reset = headers.get(name.format("reset"))
            seconds = waiting_seconds(reset, now) if reset is not None else None
            seconds = USUAL_RESET_SECONDS if seconds is None else seconds
            found[kind] = (left, max(0.0, min(seconds, MAX_RESET_SECONDS)))
            break
    return found


def waiting_seconds(text: str, now: datetime) -> float | None:
    """Seconds of a duration (`20ms`, `6m0s`, `1.5`), or until a moment (since 1970, an HTTP or an ISO date)."""
    text = text.strip()
    number = _number(text)
    if number is not None:
        if number >= _EPOCH_MILLISECONDS:
            return number / 1000 - now.timestamp()
        return number - now.timestamp() if number >= _EPOCH_SECONDS else number
    parts = _DURATION.findall(text)
    if parts and "".join(amount + unit for amount, unit in parts) == text:
        return float(sum(float(amount) * _SECONDS[unit] for amount, unit in parts))
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = read(text)
        except (TypeError, ValueError, OverflowError):
            continue
        return (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    return None


def _bounded(seconds: float) -> float:
    return max(0.0, min(seconds, MAX_RETRY_AFTER_SECONDS))


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return number if number is not None and number == number else None
