"""The anthropic client library, without its own retries, and its error classes."""

import anthropic
from anthropic.types.messages import MessageBatch

from matchme_pipeline.llm.anthropic.error_mapping import failure_of
from matchme_pipeline.llm.execution.client_calls import (
    CONNECT_SECONDS,
    ClientErrors,
    checked_key,
    connection_limits,
    request_timeout_seconds,
    silence_loggers,
)
from matchme_pipeline.settings import Settings

ERRORS = ClientErrors(
    base=anthropic.AnthropicError,
    status=anthropic.APIStatusError,
    not_found=anthropic.NotFoundError,
    connection=anthropic.APIConnectionError,
    timeout=anthropic.APITimeoutError,
    named=(MessageBatch,),
    failure_of=failure_of,
)


def open_client(settings: Settings) -> anthropic.AsyncAnthropic:
    """A client of the configured server; raises ConfigurationError without a valid key."""
    key = checked_key(settings.anthropic_api_key, "ANTHROPIC_API_KEY", "A Claude model")
    silence_loggers("anthropic", "httpx2", "httpx", "httpcore2")
    seconds = request_timeout_seconds(settings)
    return anthropic.AsyncAnthropic(
        api_key=key,
        base_url=settings.anthropic_base_url,
        max_retries=0,
        timeout=anthropic.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)),
        http_client=anthropic.DefaultAsyncHttpxClient(limits=connection_limits(settings)),
    )
