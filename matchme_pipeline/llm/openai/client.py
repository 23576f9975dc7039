"""The openai client library, without its own retries, and its error classes."""

import openai
from openai.types import Batch, FileObject

from matchme_pipeline.llm.execution.client_calls import (
    CONNECT_SECONDS,
    ClientErrors,
    checked_key,
    connection_limits,
    request_timeout_seconds,
    silence_loggers,
)
from matchme_pipeline.llm.openai.error_mapping import failure_of
from matchme_pipeline.settings import Settings

ERRORS = ClientErrors(
    base=openai.OpenAIError,
    status=openai.APIStatusError,
    not_found=openai.NotFoundError,
    connection=openai.APIConnectionError,
    timeout=openai.APITimeoutError,
    named=(FileObject, Batch),
    failure_of=failure_of,
)


def open_client(settings: Settings) -> openai.AsyncOpenAI:
    """A client of the configured server; raises ConfigurationError without a valid key."""
    key = checked_key(settings.openai_api_key, "OPENAI_API_KEY", "MATCHME_LLM=openai")
    silence_loggers("openai", "httpx2", "httpx", "httpcore2")
    seconds = request_timeout_seconds(settings)
    return openai.AsyncOpenAI(
        api_key=key,
        base_url=settings.openai_base_url,
        max_retries=0,
        timeout=openai.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)),
        http_client=openai.DefaultAsyncHttpxClient(limits=connection_limits(settings)),
    )
