"""Creates a batch once: if an attempt's answer is lost, the batch may exist, so the attempt is not simply repeated."""

import time
from collections.abc import Awaitable, Callable

from matchme_pipeline.errors import ModelRequestError
from matchme_pipeline.llm.execution.client_calls import TRIES, TRIES_SECONDS, pause
from matchme_pipeline.llm.execution.exchange import BatchGoneError, RetryableError, SubmissionUnknownError
from matchme_pipeline.llm.execution.wire_format import BatchState


async def create_once(
    create: Callable[[], Awaitable[BatchState]],
    find: Callable[[], Awaitable[BatchState | None]],
    no_batches: ModelRequestError,
    *,
    throttled_creates_nothing: bool = False,
) -> BatchState:
    """The batch that `create` returns, or that `find` finds after an uncertain attempt.

    `throttled_creates_nothing`: a throttled attempt creates no batch. Raises SubmissionUnknownError while it is unknown
    whether the batch exists, and `no_batches` if the server has no batches.
    """
    started = time.monotonic()
    for attempt in range(1, TRIES + 1):
        try:
            return await create()
        except BatchGoneError:
            raise no_batches from None
        except RetryableError as error:
            looks = not (throttled_creates_nothing and error.throttled)
            if time.monotonic() - started < TRIES_SECONDS:
                await pause(attempt, error.after_seconds)
        if looks:
            try:
                found = await find()
            except RetryableError:
                raise SubmissionUnknownError from None
            if found is not None:
                return found
        if time.monotonic() - started >= TRIES_SECONDS:
            break
    raise SubmissionUnknownError
