"""Finds the members whose rows break a computation over all members, so that only they fail."""

from collections.abc import Callable, Sequence

import psycopg

from matchme_pipeline.errors import PipelineError

# If more members fail, the computation itself is probably at fault, and the error must be visible.
MAX_BROKEN = 100


def broken_members(
    user_ids: Sequence[str], compute: Callable[[Sequence[str]], object], most: int = MAX_BROKEN
) -> dict[str, str]:
    """Bisection: which members' rows make `compute` raise, and which error?

    k broken members among n cost about 2k log2(n) computations over ever smaller parts. Raises the error of `compute`
    if no single member is the cause, or if more than `most` are. Errors that an operator can act on, and database
    errors, are raised at once.
    """
    try:
        compute(user_ids)
    except (PipelineError, psycopg.Error):
        raise
    except Exception as error:
        broken: dict[str, str] = {}
        _halve(list(user_ids), compute, broken, most, error)
        if not broken:
            raise
        return broken
    return {}


def _halve(
    user_ids: list[str],
    compute: Callable[[Sequence[str]], object],
    broken: dict[str, str],
    most: int,
    error: Exception,
) -> None:
    """Bisect a part that is known to raise `error`."""
    if len(user_ids) == 1:
        if len(broken) == most:
            raise error
        # Only the error's type: a message could quote a member's text.
        broken[user_ids[0]] = f"the member's row cannot be computed with ({type(error).__name__})"
        return
    middle = len(user_ids) // 2
    for half in (user_ids[:middle], user_ids[middle:]):
        try:
            compute(half)
        except (PipelineError, psycopg.Error):
            raise
        except Exception as inner:
            _halve(half, compute, broken, most, inner)
