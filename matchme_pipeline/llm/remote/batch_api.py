"""The Batch API's calls, tried again where that helps."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import openai
from openai import Omit, omit

from matchme_pipeline.errors import ModelRequestError
from matchme_pipeline.llm.remote.client import ApiClient
from matchme_pipeline.llm.remote.failures import RefusedRequestError, RetryableError, failure_of

T = TypeVar("T")
TRIES = 8
LONGEST_PAUSE_SECONDS = 20.0
# Under which of a batch's metadata our own id stands.
METADATA_KEY = "matchme_batch"
# How far back a batch is looked for by its metadata: a hundred a page.
PAGES = 10

Json = dict[str, Any]


@dataclass(frozen=True)
class BatchState:
    """What the provider says of a batch."""

    id: str
    status: str
    input_file_id: str | None
    output_file_id: str | None
    error_file_id: str | None


class BatchApi:
    """Files and batches of one client."""

    def __init__(self, client: ApiClient) -> None:
        self._sdk = client.sdk

    async def upload(self, lines: list[Json], name: str) -> str:
        """Upload requests as JSON lines; returns the file's id."""
        content = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines).encode()
        file = await _patiently(lambda: self._sdk.files.create(file=(f"{name}.jsonl", content), purpose="batch"))
        return file.id

    async def create(self, input_file_id: str, endpoint: Any, own_id: str) -> BatchState:
        """Create the batch, once: an attempt whose answer got lost is found by its metadata, not repeated."""
        for attempt in range(1, TRIES + 1):
            try:
                return _state(
                    await _once(
                        lambda: self._sdk.batches.create(
                            input_file_id=input_file_id,
                            endpoint=endpoint,
                            completion_window="24h",
                            metadata={METADATA_KEY: own_id},
                        )
                    )
                )
            except RetryableError:
                await _pause(attempt)
                found = await self.find(own_id)
                if found is not None:
                    return found
        raise RetryableError("batch not created")

    async def find(self, own_id: str) -> BatchState | None:
        """The batch whose metadata carry our own id, among the newest thousand."""
        after: str | Omit = omit
        for _ in range(PAGES):
            page = await _patiently(partial(self._page, after))
            for batch in page.data:
                if (batch.metadata or {}).get(METADATA_KEY) == own_id:
                    return _state(batch)
            if not page.has_more or not page.data:
                return None
            after = page.data[-1].id
        return None

    async def _page(self, after: str | Omit) -> Any:
        return await self._sdk.batches.list(limit=100, after=after)

    async def state(self, batch_id: str) -> BatchState:
        """How far the batch is."""
        return _state(await _patiently(lambda: self._sdk.batches.retrieve(batch_id)))

    async def cancel(self, batch_id: str) -> None:
        """Ask the provider to stop; what is done by then can still be read."""
        await _patiently(lambda: self._sdk.batches.cancel(batch_id))

    async def lines(self, file_id: str | None) -> list[Json]:
        """The JSON objects of a result file, whatever their order; a line that is none is left out."""
        if file_id is None:
            return []
        content = (await _patiently(lambda: self._sdk.files.content(file_id))).text
        return [line for line in map(_object, content.splitlines()) if line is not None]

    async def delete(self, file_id: str | None) -> None:
        """Remove a file that is read; one that can't be removed expires by itself."""
        if file_id is not None:
            try:
                await _once(lambda: self._sdk.files.delete(file_id))
            except (RetryableError, RefusedRequestError, ModelRequestError):
                return


async def _patiently(call: Callable[[], Awaitable[T]]) -> T:
    for attempt in range(1, TRIES):
        try:
            return await _once(call)
        except RetryableError as error:
            await _pause(attempt, error.after_seconds)
    return await _once(call)


async def _once(call: Callable[[], Awaitable[T]]) -> T:
    try:
        return await call()
    except openai.APIStatusError as error:
        response = error.response
        raise failure_of(
            response.status_code, response.content, response.headers, "(batch)", datetime.now(UTC)
        ) from None
    except openai.OpenAIError as error:
        raise RetryableError(type(error).__name__) from None


async def _pause(attempt: int, after_seconds: float | None = None) -> None:
    longest = min(LONGEST_PAUSE_SECONDS, 0.25 * 2**attempt)
    await asyncio.sleep(random.uniform(0, longest) if after_seconds is None else after_seconds)


def _state(batch: Any) -> BatchState:
    return BatchState(batch.id, batch.status, batch.input_file_id, batch.output_file_id, batch.error_file_id)


def _object(line: str) -> Json | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
