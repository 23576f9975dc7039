"""The Batch API's calls, tried again where that helps."""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import IO, Any, TypeVar

import httpx2
import openai
from openai import Omit, omit
from openai.types import Batch, FileObject

from matchme_pipeline.errors import ModelRequestError
from matchme_pipeline.llm.execution.batch_limits import Line
from matchme_pipeline.llm.openai.client import ApiClient
from matchme_pipeline.llm.openai.error_mapping import RefusedRequestError, RetryableError, failure_of

T = TypeVar("T")
TRIES = 8
LONGEST_PAUSE_SECONDS = 20.0
# Two hundred megabytes take their time; a server that trickles for longer is asked again.
CALL_SECONDS = 900.0
# Under which of a batch's metadata our own id stands.
METADATA_KEY = "matchme_batch"
# How far back a batch is looked for by its metadata: a hundred a page.
PAGES = 10
# Why a batch fails as a whole where an account's limit of waiting tokens is reached.
TOO_MUCH = "token_limit_exceeded"


@dataclass(frozen=True)
class BatchState:
    """What the provider says of a batch."""

    id: str
    status: str
    input_file_id: str | None
    output_file_id: str | None
    error_file_id: str | None
    # More is waiting than the account may have waiting at once.
    too_much: bool = False


class BatchGoneError(Exception):
    """The provider knows no such batch or file."""


class BatchApi:
    """Files and batches of one client."""

    def __init__(self, client: ApiClient) -> None:
        self._sdk = client.sdk

    async def upload(self, lines: Iterable[tuple[str, Line]], endpoint: str, name: str) -> str:
        """Upload requests with their ids as JSON lines; returns the file's id.

        Raises ModelRequestError where the server takes no files.
        """
        content = "\n".join(
            f'{{"custom_id": "{custom_id}", "method": "POST", "url": "{endpoint}", "body": {line.text}}}'
            for custom_id, line in lines
        ).encode()
        try:
            file = await _patiently(lambda: self._sdk.files.create(file=(f"{name}.jsonl", content), purpose="batch"))
        except BatchGoneError:
            raise _no_batches() from None
        return file.id

    async def create(self, input_file_id: str, endpoint: Any, own_id: str) -> BatchState:
        """Create the batch, once: an attempt whose answer got lost is found by its metadata, not repeated.

        Raises RetryableError when it may be there and nothing is heard of it.
        """
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
            except BatchGoneError:
                raise _no_batches() from None
            except RetryableError as error:
                await _pause(attempt, error.after_seconds)
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
        page = await self._sdk.batches.list(limit=100, after=after)
        if not isinstance(getattr(page, "data", None), list):
            raise RetryableError("no_json")
        return page

    async def state(self, batch_id: str) -> BatchState:
        """How far the batch is."""
        return _state(await _patiently(lambda: self._sdk.batches.retrieve(batch_id)))

    async def cancel(self, batch_id: str | None) -> None:
        """Ask the provider to stop, as far as it listens; what is done by then can still be read."""
        if batch_id is not None:
            with suppress(RetryableError, RefusedRequestError, BatchGoneError):
                await _patiently(lambda: self._sdk.batches.cancel(batch_id))

    @asynccontextmanager
    async def results(self, file_ids: Iterable[str | None]) -> AsyncIterator[IO[bytes]]:
        """The lines of result files, in a temporary file without a name: vectors of a batch take half a gigabyte."""
        with tempfile.TemporaryFile() as kept:
            for file_id in file_ids:
                if file_id is not None:
                    await _patiently(partial(self._download, file_id, kept))
                    kept.write(b"\n")
            kept.seek(0)
            yield kept

    async def _download(self, file_id: str, kept: IO[bytes]) -> None:
        begin = kept.tell()
        try:
            async with self._sdk.files.with_streaming_response.content(file_id) as response:
                async for piece in response.iter_bytes():
                    kept.write(piece)
            if not _holds_json_lines(kept, begin):
                # A proxy's page or half a file: taken for the answers, it would have them paid again.
                raise RetryableError("no_json")
        except BaseException:
            kept.seek(begin)
            kept.truncate()
            raise

    async def delete(self, file_id: str | None) -> None:
        """Remove a file that is read; one that can't be removed expires by itself."""
        if file_id is not None:
            with suppress(RetryableError, RefusedRequestError, ModelRequestError, BatchGoneError):
                await _once(lambda: self._sdk.files.delete(file_id))


def _holds_json_lines(kept: IO[bytes], begin: int) -> bool:
    """Whether what stands behind `begin` begins and ends as lines of JSON do, or is empty; leaves it at the end."""
    kept.seek(begin)
    first = kept.readline().strip()
    end = kept.seek(0, 2)
    kept.seek(max(begin, end - 100))
    return not first or (first.startswith(b"{") and kept.read().rstrip().endswith(b"}"))


def _no_batches() -> ModelRequestError:
    return ModelRequestError(
        "The API at this address offers no batches (HTTP 404). Set MATCHME_LLM_MODE to standard or flex."
    )


async def _patiently(call: Callable[[], Awaitable[T]]) -> T:
    for attempt in range(1, TRIES):
        try:
            return await _once(call)
        except RetryableError as error:
            await _pause(attempt, error.after_seconds)
    return await _once(call)


async def _once(call: Callable[[], Awaitable[T]]) -> T:
    try:
        async with asyncio.timeout(CALL_SECONDS):
            result = await call()
        named = isinstance(result, FileObject | Batch)
        if isinstance(result, str) or (named and not isinstance(getattr(result, "id", None), str)):
            # Something else than the API has answered.
            raise RetryableError("no_json")
        return result
    except openai.NotFoundError:
        raise BatchGoneError from None
    except openai.APIStatusError as error:
        response = error.response
        raise failure_of(
            response.status_code, response.content, response.headers, "(batch)", datetime.now(UTC)
        ) from None
    except (openai.OpenAIError, httpx2.HTTPError, TimeoutError, ValueError, TypeError, AttributeError) as error:
        # The last is the client's own stumble over a list that is none.
        raise RetryableError(type(error).__name__) from None


async def _pause(attempt: int, after_seconds: float | None = None) -> None:
    longest = min(LONGEST_PAUSE_SECONDS, 0.25 * 2**attempt)
    await asyncio.sleep(random.uniform(0, longest) if after_seconds is None else after_seconds)


def _state(batch: Any) -> BatchState:
    told = {name: getattr(batch, name, None) for name in ("input_file_id", "output_file_id", "error_file_id")}
    listed = getattr(getattr(batch, "errors", None), "data", None)
    codes = {getattr(error, "code", None) for error in listed} if isinstance(listed, list) else set()
    return BatchState(batch.id, getattr(batch, "status", None) or "unknown", **told, too_much=TOO_MUCH in codes)
