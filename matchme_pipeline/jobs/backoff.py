"""The backoff of failed jobs."""

from datetime import timedelta

BASE_MINUTES = 5
# A tenth either way keeps jobs that failed together from coming back together.
JITTER_SHARE = 0.1


def backoff(attempts: int, jitter: float) -> timedelta:
    """2^attempts x 5 minutes, moved by up to a tenth either way; `jitter` lies in [0, 1]."""
    spread = 1.0 + JITTER_SHARE * (2.0 * jitter - 1.0)
    return timedelta(minutes=BASE_MINUTES * 2**attempts * spread)
