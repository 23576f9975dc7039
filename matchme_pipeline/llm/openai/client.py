"""One HTTP exchange with the API: raw answer out, usage and request id read before anybody judges the content."""

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeGuard

import httpx2
import openai
from openai.types import Model

from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.llm.openai.error_mapping import RetryableError, failure_in_success, failure_of
from matchme_pipeline.llm.prices import TokenUsage
from matchme_pipeline.llm.text.token_estimates import BYTES_PER_TOKEN, estimated_tokens
from matchme_pipeline.settings import Settings

CONNECT_SECONDS = 15.0
# Nothing that we ask for takes longer; a shorter limit would pay twice for a slow answer.
STANDARD_SECONDS = 180.0
# Flex processing answers when there is room: OpenAI recommends fifteen minutes.
FLEX_SECONDS = 900.0
# The list of models is a courtesy: nobody waits for it.
MODELS_SECONDS = 5.0
LONGEST_REQUEST_ID = 200
# No model reads or writes so much in one call; a larger number is not a number of tokens.
MOST_TOKENS = 100_000_000

Json = dict[str, Any]


# What a server may count beyond the bytes of a request, and what no model writes in one answer.
_TOKENS_OF_THE_SERVER, _MOST_OUTPUT_TOKENS = 20_000, 1_000_000
# A text of so many estimated tokens cannot be counted as less than a share of them.
_SURELY_SOMETHING, _MOST_COMPRESSED = 20, 20


@dataclass(frozen=True)
class Reply:
    """A successful exchange; `data` is None where the body is no JSON object."""

    data: Json | None
    request_id: str | None
    headers: Mapping[str, str]
    # None where it was not one exchange of ours.
    latency_seconds: float | None
    body_bytes: int

    @property
    def usage(self) -> TokenUsage:
        """The tokens that the server billed; zeros where it says nothing."""
        usage = (self.data or {}).get("usage")
        if not isinstance(usage, dict):
            return TokenUsage()
        details = usage.get("prompt_tokens_details")
        details = details if isinstance(details, dict) else {}
        sent = _count(usage.get("prompt_tokens"))
        written = usage.get("completion_tokens", _count(usage.get("total_tokens")) - sent)
        cached = min(sent, _count(details.get("cached_tokens")))
        return TokenUsage(
            input_tokens=sent,
            cached_input_tokens=cached,
            cache_write_tokens=min(sent - cached, _count(details.get("cache_write_tokens"))),
            output_tokens=_count(written),
        )


def billed_usage(reply: Reply, request_bytes: int) -> tuple[TokenUsage, bool]:
    """The tokens of an answered request, and whether the server reported them.

    Where an answer comes without them, or with figures that cannot be (no number, below zero, nothing for a long text,
    more than the bytes that were sent), they are estimated by its bytes, so that the budget holds; a body that is no
    JSON is nobody's bill.
    """
    if reply.data is None:
        return reply.usage, True
    written = content_of(first_message(reply.data))
    estimate = TokenUsage(
        input_tokens=request_bytes // BYTES_PER_TOKEN, output_tokens=estimated_tokens(written) if written else 0
    )
    if _is_credible(reply.data.get("usage"), estimate, request_bytes):
        return reply.usage, True
    return estimate, False


def _is_credible(usage: object, estimate: TokenUsage, request_bytes: int) -> bool:
    """Whether figures of usage can be those of this request, as far as its bytes tell."""
    if not isinstance(usage, dict):
        return False
    sent, said = usage.get("prompt_tokens"), usage.get("completion_tokens", 0)
    if not (_is_amount(sent) and _is_amount(said) and _is_amount(usage.get("total_tokens", 0))):
        return False
    # The server may add a schema or instructions of its own, and counts a byte as a token at most.
    too_much = sent > request_bytes + _TOKENS_OF_THE_SERVER or said > _MOST_OUTPUT_TOKENS
    missing_input = estimate.input_tokens > _SURELY_SOMETHING and sent * _MOST_COMPRESSED < estimate.input_tokens
    missing_output = estimate.output_tokens > _SURELY_SOMETHING and said * _MOST_COMPRESSED < estimate.output_tokens
    return not (too_much or missing_input or missing_output)


def _is_amount(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")


def first_message(data: Json | None) -> Json:
    """The message of a chat completion's first choice; empty where there is none."""
    choices = (data or {}).get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    return message if isinstance(message, dict) else {}


def content_of(message: Json) -> str:
    """What a message says: a text, or the texts of its parts; empty where it says nothing."""
    content = message.get("content")
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


class ApiClient:
    """The openai client without its own retries; belongs to one event loop, whose connections it reuses."""

    def __init__(self, settings: Settings) -> None:
        if settings.openai_api_key is None:
            raise ConfigurationError(
                "MATCHME_LLM=openai needs a key. Set OPENAI_API_KEY in the environment or in .env."
            )
        key = settings.openai_api_key.get_secret_value().strip()
        if not (key.isascii() and key.isprintable()) or " " in key:
            # The HTTP library would show the key in its complaint.
            raise ConfigurationError(
                "OPENAI_API_KEY holds blanks or characters that no key has. Copy it again into the environment or .env."
            )
        # At its debug level the client would log requests, members' words among them.
        for name in ("openai", "httpx2", "httpx", "httpcore2"):
            logging.getLogger(name).setLevel(logging.WARNING)
        seconds = settings.llm_timeout_seconds or (FLEX_SECONDS if settings.llm_mode == "flex" else STANDARD_SECONDS)
        # As many connections are kept as calls are under way: a connection anew costs two round trips.
        limits = httpx2.Limits(max_keepalive_connections=max(100, settings.llm_concurrency))
        self._seconds = seconds
        self.sdk = openai.AsyncOpenAI(
            api_key=key,
            base_url=settings.openai_base_url,
            max_retries=0,
            timeout=openai.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)),
            http_client=openai.DefaultAsyncHttpxClient(limits=limits),
        )

    async def chat(self, body: Json) -> Reply:
        """One chat completion; raises what failures.failure_of returns."""
        return await self._exchange(self.sdk.chat.completions.with_raw_response.create, body)

    async def embeddings(self, body: Json) -> Reply:
        """One embeddings request; raises what failures.failure_of returns."""
        return await self._exchange(self.sdk.embeddings.with_raw_response.create, body)

    async def models(self) -> list[Model]:
        """The models that the key may use; raises what failures.failure_of returns."""
        try:
            async with asyncio.timeout(MODELS_SECONDS):
                page = await self.sdk.with_options(timeout=MODELS_SECONDS).models.list()
        except openai.APIStatusError as error:
            response = error.response
            raise failure_of(
                response.status_code, response.content, response.headers, "(any)", datetime.now(UTC)
            ) from None
        except (openai.OpenAIError, httpx2.HTTPError, TimeoutError, ValueError, TypeError, AttributeError) as error:
            raise RetryableError(type(error).__name__) from None
        listed = page.data if isinstance(page.data, list) else []
        return [model for model in listed if isinstance(model, Model) and isinstance(model.id, str)]

    async def close(self) -> None:
        """Close the connections."""
        await self.sdk.close()

    async def _exchange(self, create: Any, body: Json) -> Reply:
        started = time.perf_counter()
        model = str(body["model"])
        try:
            # The client's own timeout begins anew with every byte that trickles in. What comes within it is waited
            # for twice as long: an answer given up on may have been billed.
            async with asyncio.timeout(2 * self._seconds):
                raw = await create(**body)
        except openai.APIStatusError as error:
            response = error.response
            raise failure_of(
                response.status_code, response.content, response.headers, model, datetime.now(UTC), body.keys()
            ) from None
        except (openai.APITimeoutError, TimeoutError):
            raise RetryableError("timeout") from None
        except (openai.APIConnectionError, httpx2.HTTPError):
            raise RetryableError("connection") from None
        except openai.OpenAIError as error:
            raise RetryableError(type(error).__name__) from None
        response = raw.http_response
        data = _object(response.content)
        if data is None:
            # A page of a proxy, or half an answer: nobody has billed what nobody can read.
            raise RetryableError("no_json")
        failure = failure_in_success(data, model, datetime.now(UTC))
        if failure is not None:
            raise failure
        return Reply(
            data=data,
            request_id=_request_id(response.headers, data),
            headers=response.headers,
            latency_seconds=round(time.perf_counter() - started, 4),
            body_bytes=len(response.content),
        )


def _request_id(headers: Mapping[str, str], data: Json) -> str | None:
    """The server's name for the exchange, a line that any table can hold."""
    name = headers.get("x-request-id") or headers.get("request-id") or data.get("id")
    if not isinstance(name, str):
        return None
    return "".join(c for c in name if c.isascii() and c.isprintable())[:LONGEST_REQUEST_ID] or None


def _object(body: bytes) -> Json | None:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _count(value: Any) -> int:
    """A number of tokens; whatever is none counts as 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MOST_TOKENS:
        return 0
    return int(value)
