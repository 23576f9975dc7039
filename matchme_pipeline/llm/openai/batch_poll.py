"""A look at all open batches, for a sensor: which are over and wait for a run that reads them."""

import asyncio
from contextlib import suppress

from matchme_pipeline.database.connection import connect
from matchme_pipeline.llm.execution.batch_run import keep
from matchme_pipeline.llm.openai.batch_api import BatchApi, BatchGoneError
from matchme_pipeline.llm.openai.client import ApiClient
from matchme_pipeline.llm.openai.error_mapping import RefusedRequestError, RetryableError
from matchme_pipeline.llm.store import batch_queries
from matchme_pipeline.llm.store.batch_queries import Batch
from matchme_pipeline.settings import Settings


def batches_to_read(settings: Settings, url: str) -> list[Batch]:
    """Ask the API about every open batch, keep what it says, and return those that are over.

    Materialising a batch's `stage` for its `week` reads it; a run that still waits for it reads it by itself. One whose
    questions nobody asks any more stays in the list: request a run once per batch `id`. Without an open batch nothing
    is asked. What the API says nothing of stays open until the next look. Raises
    ConfigurationError, ModelRequestError.
    """
    with connect(url, vectors=False) as connection:
        batches = batch_queries.open_batches(connection)
        waiting = [batch for batch in batches if not batch.over]
        if waiting:
            asyncio.run(_look(settings, waiting))
        for batch in waiting:
            batch_queries.save_state(connection, batch)
    return [batch for batch in batches if batch.over]


async def _look(settings: Settings, batches: list[Batch]) -> None:
    client = ApiClient(settings)
    api = BatchApi(client)
    try:
        for batch in batches:
            with suppress(RetryableError, RefusedRequestError, BatchGoneError):
                if batch.provider_batch_id is not None:
                    keep(batch, await api.state(batch.provider_batch_id))
                elif (found := await api.find(str(batch.id))) is not None:
                    keep(batch, found)
    finally:
        await client.close()
