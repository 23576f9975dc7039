"""Polls all open batches for a sensor and finds those that a run can read."""

import asyncio
import logging
from contextlib import suppress

from matchme_pipeline.database.connection import connect
from matchme_pipeline.errors import ConfigurationError, ModelRequestError
from matchme_pipeline.llm.execution.batch_run import keep
from matchme_pipeline.llm.execution.exchange import BatchGoneError, RefusedRequestError, RetryableError
from matchme_pipeline.llm.providers import provider_api
from matchme_pipeline.llm.store import batch_queries
from matchme_pipeline.llm.store.batch_queries import Batch
from matchme_pipeline.settings import Settings

log = logging.getLogger("matchme_pipeline.llm")


def batches_to_read(settings: Settings, url: str) -> list[Batch]:
    """Ask the providers about every open batch, store their state, and return the finished batches.

    A materialisation of a batch's `stage` for its `week` reads it; a run that waits for the batch reads it itself. A
    batch that no run needs any more stays in the list, so request a run once per batch `id`. Without an open batch no
    provider is asked. If a provider does not answer, its batches stay open until the next poll and do not delay other
    accounts' batches. If all accounts fail, raises the last ConfigurationError or ModelRequestError.
    """
    with connect(url, vectors=False) as connection:
        batches = batch_queries.open_batches(connection)
        waiting = [batch for batch in batches if not batch.over]
        providers, errors = list(dict.fromkeys(batch.provider for batch in waiting)), []
        for provider in providers:
            try:
                asyncio.run(_look(settings, provider, [batch for batch in waiting if batch.provider == provider]))
            except (ConfigurationError, ModelRequestError) as error:
                log.warning("The batches of %s could not be polled: %s", provider, error)
                errors.append(error)
        for batch in waiting:
            batch_queries.save_state(connection, batch)
    over = [batch for batch in batches if batch.over]
    if errors and len(errors) == len(providers) and not over:
        raise errors[-1]
    return over


async def _look(settings: Settings, provider: str, batches: list[Batch]) -> None:
    api = provider_api(provider)(settings)
    try:
        for batch in batches:
            with suppress(RetryableError, RefusedRequestError, BatchGoneError):
                if batch.provider_batch_id is not None:
                    keep(batch, await api.batches.state(batch))
                elif (found := await api.batches.find(batch)) is not None:
                    keep(batch, found)
    finally:
        await api.close()
