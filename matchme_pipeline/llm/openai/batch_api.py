"""OpenAI's Batch API: files of requests, batches over them, files of results."""

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import IO, Any

import openai
from openai import Omit, omit

from matchme_pipeline.errors import ModelRequestError
from matchme_pipeline.llm.execution.batch_submission import create_once
from matchme_pipeline.llm.execution.client_calls import call_once, call_with_retries
from matchme_pipeline.llm.execution.exchange import (
    BatchGoneError,
    RefusedRequestError,
    RetryableError,
)
from matchme_pipeline.llm.execution.result_file import append_download, line_count
from matchme_pipeline.llm.execution.wire_format import BatchLimits, BatchState
from matchme_pipeline.llm.openai.batch_lines import read_line, request_lines
from matchme_pipeline.llm.openai.client import ERRORS
from matchme_pipeline.llm.store.batch_queries import Batch

# The API's limits; the byte limit leaves room for the frame around a body.
LIMITS = BatchLimits(requests=50_000, bytes=190_000_000, inputs=50_000)
ENDPOINTS = {"chat": "/v1/chat/completions", "embedding": "/v1/embeddings"}
# The metadata key of the pipeline's own batch id.
METADATA_KEY = "matchme_batch"
# How many pages of a hundred batches to search by metadata.
PAGES = 10
# The error of a batch that exceeds the account's limit of queued tokens.
TOO_MUCH = "token_limit_exceeded"
_OVER = ("completed", "expired", "failed", "cancelled")


class OpenAIBatches:
    """Implements wire_format.BatchApi."""

    limits = LIMITS

    def __init__(self, client: openai.AsyncOpenAI) -> None:
        self._client = client

    async def submit(self, batch: Batch, bodies: Mapping[str, str]) -> BatchState:
        """Upload the requests, then create the batch once: if an attempt's answer is lost, find the batch instead of
        repeating it.
        """
        endpoint: Any = ENDPOINTS[batch.kind]
        content = request_lines(bodies, endpoint)
        try:
            file = await call_with_retries(
                lambda: self._client.files.create(file=(f"{batch.id}.jsonl", content), purpose="batch"), ERRORS
            )
        except BatchGoneError:
            raise _no_batches() from None

        async def create() -> BatchState:
            created = await call_once(
                lambda: self._client.batches.create(
                    input_file_id=file.id,
                    endpoint=endpoint,
                    completion_window="24h",
                    metadata={METADATA_KEY: str(batch.id)},
                ),
                ERRORS,
            )
            return _state(created)

        return await create_once(create, lambda: self.find(batch), _no_batches())

    async def find(self, batch: Batch) -> BatchState | None:
        """The batch whose metadata contain the pipeline's id, among the newest thousand."""
        after: str | Omit = omit
        for _ in range(PAGES):
            page = await call_with_retries(partial(self._page, after), ERRORS)
            for one in page.data:
                if (one.metadata or {}).get(METADATA_KEY) == str(batch.id):
                    return _state(one)
            if not page.has_more or not page.data:
                return None
            after = page.data[-1].id
        return None

    async def _page(self, after: str | Omit) -> Any:
        page = await self._client.batches.list(limit=100, after=after)
        if not isinstance(getattr(page, "data", None), list):
            raise RetryableError("no_json")
        return page

    async def state(self, batch: Batch) -> BatchState:
        """The provider's state of the batch."""
        return _state(
            await call_with_retries(lambda: self._client.batches.retrieve(str(batch.provider_batch_id)), ERRORS)
        )

    async def cancel(self, batch: Batch) -> None:
        """Ask the provider to cancel."""
        if batch.provider_batch_id is not None:
            with suppress(RetryableError, RefusedRequestError, BatchGoneError):
                await call_with_retries(lambda: self._client.batches.cancel(str(batch.provider_batch_id)), ERRORS)

    @asynccontextmanager
    async def results(self, batch: Batch) -> AsyncIterator[IO[bytes]]:
        """The lines of result files, in a temporary file without a name: vectors of a batch take half a gigabyte."""
        with tempfile.TemporaryFile() as results:
            await self._download_all(batch, results)
            if line_count(results) < len(batch.requests):
                # A file that is empty once may be a faulty answer; one that stays empty has no results.
                results.seek(0)
                results.truncate()
                await self._download_all(batch, results)
            results.seek(0)
            yield results

    async def _download_all(self, batch: Batch, results: IO[bytes]) -> None:
        for file_id in (batch.output_file_id, batch.error_file_id):
            if file_id is not None:
                await call_with_retries(partial(self._download, file_id, results), ERRORS)

    read_line = staticmethod(read_line)

    async def _download(self, file_id: str, results: IO[bytes]) -> None:
        await append_download(results, self._client.files.with_streaming_response.content(file_id))

    async def discard(self, batch: Batch) -> None:
        """Delete the files; if that fails, they expire later."""
        for file_id in (batch.input_file_id, batch.output_file_id, batch.error_file_id):
            if file_id is not None:
                with suppress(RetryableError, RefusedRequestError, ModelRequestError, BatchGoneError):
                    await call_once(partial(self._client.files.delete, file_id), ERRORS)


def _no_batches() -> ModelRequestError:
    return ModelRequestError(
        "The API at this address offers no batches (HTTP 404). Set MATCHME_LLM_MODE to standard or flex."
    )


def _state(batch: Any) -> BatchState:
    file_ids = {name: getattr(batch, name, None) for name in ("input_file_id", "output_file_id", "error_file_id")}
    listed = getattr(getattr(batch, "errors", None), "data", None)
    codes = {getattr(error, "code", None) for error in listed} if isinstance(listed, list) else set()
    status = getattr(batch, "status", None)
    return BatchState(batch.id, status if status in _OVER else "submitted", **file_ids, too_much=TOO_MUCH in codes)
