"""Calls through a provider's client library: one exchange, or one batch call with retries.

The client libraries of OpenAI and Anthropic come from the same generator: their errors differ only in class and body.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

import httpx2
from pydantic import SecretStr

from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.llm.execution.exchange import (
    BatchGoneError,
    Json,
    Reply,
    RetryableError,
    json_object,
    request_id_of,
)
from matchme_pipeline.settings import Settings

T = TypeVar("T")
CONNECT_SECONDS = 15.0
# No request takes longer; a shorter limit would pay twice for a slow answer.
STANDARD_SECONDS = 180.0
# Flex processing answers when capacity is free: OpenAI recommends fifteen minutes.
FLEX_SECONDS = 900.0
# The list of models is only used for warnings, so the wait is short.
MODELS_SECONDS = 5.0
# Tries of one call about a batch, and the longest of the random pauses between them.
TRIES = 8
# The limit for a server that asks every try to come later.
TRIES_SECONDS = 600.0
MAX_PAUSE_SECONDS = 20.0
# Two hundred megabytes take a while; a slower download is restarted.
CALL_SECONDS = 900.0


class FailureOf(Protocol):
    """Maps an HTTP status other than success to an error."""

    def __call__(
        self,
        status: int,
        body: bytes,
        headers: Mapping[str, str],
        model: str,
        now: datetime,
        sent: Collection[str] = (),
    ) -> Exception:
        """The error to raise; `sent` names the request's parameters."""


@dataclass(frozen=True)
class ClientErrors:
    """A client library's error classes, and how its server's error bodies are read."""

    base: type[Exception]
    status: type[Exception]
    not_found: type[Exception]
    connection: type[Exception]
    timeout: type[Exception]
    # The classes of files and batches, which have an id.
    named: tuple[type, ...]
    failure_of: FailureOf


def checked_key(key: SecretStr | None, variable: str, wanted_by: str) -> str:
    """The API key in `key`; raises ConfigurationError, without showing it, if it is missing or not a valid header."""
    if key is None:
        raise ConfigurationError(f"{wanted_by} needs a key. Set {variable} in the environment or in .env.")
    text = key.get_secret_value().strip()
    if not (text.isascii() and text.isprintable()) or " " in text:
        # The HTTP library would show the key in its error message.
        raise ConfigurationError(
            f"{variable} contains blanks or invalid characters. Copy it again into the environment or .env."
        )
    return text


def silence_loggers(*loggers: str) -> None:
    """Stop a client library from logging requests at debug level, because they contain members' texts."""
    for name in loggers:
        logging.getLogger(name).setLevel(logging.WARNING)


def request_timeout_seconds(settings: Settings) -> float:
    """How long to wait for a silent server."""
    return settings.llm_timeout_seconds or (FLEX_SECONDS if settings.llm_mode == "flex" else STANDARD_SECONDS)


def connection_limits(settings: Settings) -> httpx2.Limits:
    """Keep as many connections as calls in flight: a new connection costs two round trips."""
    return httpx2.Limits(max_keepalive_connections=max(100, settings.llm_concurrency))


async def exchange(
    create: Callable[..., Awaitable[Any]],
    body: Json,
    seconds: float,
    errors: ClientErrors,
    failure_in_success: Callable[[Json, str, datetime], Exception | None],
) -> Reply:
    """Send `body` once through `create`, a raw-response method; raises the error of `errors.failure_of`.

    `failure_in_success` reads errors that a server reports with status 200.
    """
    started = time.perf_counter()
    model = str(body["model"])
    try:
        # The client's own timeout restarts with every received byte. A started answer gets twice the time,
        # because an abandoned answer may be billed.
        async with asyncio.timeout(2 * seconds):
            raw = await create(**body)
    except errors.status as error:
        raise _failure(error, errors, model, body.keys()) from None
    except (errors.timeout, TimeoutError):
        raise RetryableError("timeout") from None
    except (errors.connection, httpx2.HTTPError):
        raise RetryableError("connection") from None
    except errors.base as error:
        raise RetryableError(type(error).__name__) from None
    response = raw.http_response
    data = json_object(response.content)
    if data is None:
        # A proxy's page, or half an answer: an unreadable answer is not billed.
        raise RetryableError("no_json")
    failure = failure_in_success(data, model, datetime.now(UTC))
    if failure is not None:
        raise failure
    return Reply(
        data=data,
        request_id=request_id_of(response.headers, data),
        headers=response.headers,
        latency_seconds=round(time.perf_counter() - started, 4),
    )


async def call_once(call: Callable[[], Awaitable[T]], errors: ClientErrors, seconds: float = CALL_SECONDS) -> T:
    """The result of `call`; raises BatchGoneError, RetryableError and the errors of `errors.failure_of`."""
    try:
        async with asyncio.timeout(seconds):
            result = await call()
        named = isinstance(result, errors.named)
        if isinstance(result, str) or (named and not isinstance(getattr(result, "id", None), str)):
            # A proxy has answered instead of the API.
            raise RetryableError("no_json")
        return result
    except errors.not_found:
        raise BatchGoneError from None
    except errors.status as error:
        raise _failure(error, errors, "(batch)") from None
    except (errors.base, httpx2.HTTPError, TimeoutError, ValueError, TypeError, AttributeError) as error:
        # The client raises the last three for a body of the wrong shape.
        raise RetryableError(type(error).__name__) from None


async def call_with_retries(call: Callable[[], Awaitable[T]], errors: ClientErrors) -> T:
    """As `call_once`, tried again while the error is retryable."""
    started = time.monotonic()
    for attempt in range(1, TRIES):
        try:
            return await call_once(call, errors)
        except RetryableError as error:
            if time.monotonic() - started >= TRIES_SECONDS:
                raise
            await pause(attempt, error.after_seconds)
    return await call_once(call, errors)


async def pause(attempt: int, after_seconds: float | None = None) -> None:
    """Wait as long as the server asked, otherwise a random time that grows with `attempt`."""
    longest = min(MAX_PAUSE_SECONDS, 0.25 * 2**attempt)
    await asyncio.sleep(random.uniform(0, longest) if after_seconds is None else after_seconds)


def _failure(error: Exception, errors: ClientErrors, model: str, sent: Collection[str] = ()) -> Exception:
    response: Any = getattr(error, "response", None)
    return errors.failure_of(response.status_code, response.content, response.headers, model, datetime.now(UTC), sent)
