"""Anthropic's message batches: one call submits all requests, one file holds all results.

A message batch carries no metadata. Therefore each request's custom id begins with the pipeline's batch id, and a batch
with an unknown provider id is identified by the first line of its results.
"""

import json
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import IO, Any

import anthropic
from anthropic import Omit, omit
from anthropic.types.messages import MessageBatch, MessageBatchRequestCounts

from matchme_pipeline.errors import ModelRequestError
from matchme_pipeline.llm.anthropic.client import ERRORS
from matchme_pipeline.llm.execution.batch_submission import create_once
from matchme_pipeline.llm.execution.client_calls import call_once, call_with_retries
from matchme_pipeline.llm.execution.exchange import (
    BatchGoneError,
    Json,
    RefusedRequestError,
    Reply,
    RetryableError,
    UndecidedError,
    json_object,
)
from matchme_pipeline.llm.execution.result_file import append_download
from matchme_pipeline.llm.execution.wire_format import BatchLimits, BatchState
from matchme_pipeline.llm.store.batch_queries import Batch

# The API accepts 100,000 requests and 256 MB. Here all requests are in memory at once, twice.
LIMITS = BatchLimits(requests=100_000, bytes=100_000_000)
# The largest assumed difference between the provider's clock and ours.
CLOCK_SKEW = timedelta(minutes=10)
# How many pages of a hundred batches to search.
PAGES = 10


class AnthropicBatches:
    """Implements wire_format.BatchApi."""

    limits = LIMITS

    def __init__(self, client: anthropic.AsyncAnthropic) -> None:
        self._batches = client.messages.batches

    async def submit(self, batch: Batch, bodies: Mapping[str, str]) -> BatchState:
        """Create the batch once: if an attempt's answer is lost, look for the batch and do not repeat the attempt while
        in doubt.
        """
        requests: list[Any] = [
            {"custom_id": f"{batch.id.hex}-{name}", "params": json.loads(body)} for name, body in bodies.items()
        ]

        async def create() -> BatchState:
            return _state(await call_once(lambda: self._batches.create(requests=requests), ERRORS))

        return await create_once(create, lambda: self.find(batch), _no_batches(), throttled_creates_nothing=True)

    async def find(self, batch: Batch) -> BatchState | None:
        """The batch with the same number of requests whose results carry the pipeline's id.

        Raises UndecidedError while a possible batch has no results yet.
        """
        undecided = False
        async for one in self._newer_than(batch.created_at - CLOCK_SKEW):
            counts = one.request_counts
            if sum((counts.processing, counts.succeeded, counts.errored, counts.canceled, counts.expired)) != len(
                batch.requests
            ):
                continue
            if one.processing_status != "ended":
                undecided = True
            elif await self._is_ours(one.id, batch):
                return _state(one)
        if undecided:
            raise UndecidedError("batch not identified yet")
        return None

    async def _newer_than(self, moment: datetime) -> AsyncIterator[MessageBatch]:
        after: str | Omit = omit
        for _ in range(PAGES):
            page = await call_with_retries(partial(self._page, after), ERRORS)
            for one in page.data:
                if one.created_at < moment:
                    return
                yield one
            if not page.has_more or not page.data:
                return
            after = page.data[-1].id

    async def _page(self, after: str | Omit) -> Any:
        page = await self._batches.list(limit=100, after_id=after)
        listed = getattr(page, "data", None)
        if not isinstance(listed, list) or not all(_is_dated_and_counted(one) for one in listed):
            raise RetryableError("no_json")
        return page

    async def _is_ours(self, provider_batch_id: str, batch: Batch) -> bool:
        with tempfile.TemporaryFile() as results:
            try:
                await call_with_retries(partial(self._download, provider_batch_id, results, batch), ERRORS)
            except BatchGoneError:
                # Another run has just read and deleted its own batch.
                return False
            results.seek(0)
            line = json_object(results.readline()) or {}
        return str(line.get("custom_id")).startswith(f"{batch.id.hex}-")

    async def state(self, batch: Batch) -> BatchState:
        """The provider's state of the batch."""
        return _state(await call_with_retries(lambda: self._batches.retrieve(str(batch.provider_batch_id)), ERRORS))

    async def cancel(self, batch: Batch) -> None:
        """Ask the provider to cancel."""
        if batch.provider_batch_id is not None:
            with suppress(RetryableError, RefusedRequestError, BatchGoneError):
                await call_with_retries(lambda: self._batches.cancel(str(batch.provider_batch_id)), ERRORS)

    @asynccontextmanager
    async def results(self, batch: Batch) -> AsyncIterator[IO[bytes]]:
        """The result lines, in a temporary file without a name."""
        with tempfile.TemporaryFile() as results:
            await call_with_retries(partial(self._download, str(batch.provider_batch_id), results, batch), ERRORS)
            results.seek(0)
            yield results

    async def _download(self, provider_batch_id: str, results: IO[bytes], batch: Batch) -> None:
        # Every request of a batch has a line, whatever its outcome.
        response = self._batches.with_streaming_response.results(provider_batch_id)
        await append_download(results, response, at_least=len(batch.requests))

    def read_line(self, line: Json) -> tuple[str, Reply | None]:
        """The request id after the batch's id, and the message of a successful request."""
        name, result = str(line.get("custom_id")).partition("-")[2], line.get("result")
        message = result.get("message") if isinstance(result, dict) and result.get("type") == "succeeded" else None
        if message is None:
            return name, None
        data = message if isinstance(message, dict) else None
        message_id = (data or {}).get("id")
        return name, Reply(data, message_id if isinstance(message_id, str) else None, {}, None)

    async def discard(self, batch: Batch) -> None:
        """Delete the batch with its results; if that fails, the batch expires later."""
        if batch.provider_batch_id is not None:
            with suppress(RetryableError, RefusedRequestError, ModelRequestError, BatchGoneError):
                await call_once(lambda: self._batches.delete(str(batch.provider_batch_id)), ERRORS)


def _is_dated_and_counted(batch: object) -> bool:
    """Did the client parse the fields that identify a batch? It does not validate answers."""
    return (
        isinstance(getattr(batch, "id", None), str)
        and isinstance(getattr(batch, "created_at", None), datetime)
        and isinstance(getattr(batch, "request_counts", None), MessageBatchRequestCounts)
    )


def _no_batches() -> ModelRequestError:
    return ModelRequestError(
        "The API at ANTHROPIC_BASE_URL offers no message batches (HTTP 404). Set MATCHME_LLM_MODE to standard."
    )


def _state(batch: MessageBatch) -> BatchState:
    """The state of the batch: "ended" does not say how, so the counts decide."""
    if getattr(batch, "processing_status", None) != "ended":
        return BatchState(batch.id, "submitted")
    counts = getattr(batch, "request_counts", None)
    if getattr(counts, "expired", 0):
        return BatchState(batch.id, "expired")
    if getattr(counts, "canceled", 0):
        return BatchState(batch.id, "cancelled")
    return BatchState(batch.id, "failed" if not getattr(counts, "succeeded", 0) else "completed")
