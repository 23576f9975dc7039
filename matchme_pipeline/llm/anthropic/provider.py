"""Anthropic as a provider's API."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, ClassVar

from matchme_pipeline.errors import ModelRequestError
from matchme_pipeline.llm.anthropic.batch_api import AnthropicBatches
from matchme_pipeline.llm.anthropic.chat_format import AnthropicChatFormat
from matchme_pipeline.llm.anthropic.client import ERRORS, open_client
from matchme_pipeline.llm.anthropic.error_mapping import failure_in_success
from matchme_pipeline.llm.anthropic.parameter_fallbacks import FALLBACKS
from matchme_pipeline.llm.anthropic.rate_limits import standard_headers
from matchme_pipeline.llm.execution.client_calls import MODELS_SECONDS, call_once, exchange, request_timeout_seconds
from matchme_pipeline.llm.execution.exchange import BatchGoneError, Json, RefusedRequestError, Reply
from matchme_pipeline.llm.execution.wire_format import (
    BatchApi,
    ChatFormat,
    EmbeddingFormat,
    ListedModel,
    ParameterFallbacks,
    ProviderApi,
    RateLimits,
)
from matchme_pipeline.settings import Settings

# More than the API lists, on one page.
MODELS_A_PAGE = 1_000


class AnthropicApi:
    """Implements wire_format.ProviderApi."""

    name: ClassVar[str] = "anthropic"
    address_setting: ClassVar[str] = "ANTHROPIC_BASE_URL"
    chat_format: ClassVar[ChatFormat] = AnthropicChatFormat()
    embedding_format: ClassVar[EmbeddingFormat | None] = None
    fallbacks: ClassVar[ParameterFallbacks] = FALLBACKS

    def __init__(self, settings: Settings) -> None:
        """Raises ConfigurationError without a usable ANTHROPIC_API_KEY."""
        self._client = open_client(settings)
        self._seconds = request_timeout_seconds(settings)
        self.batches: BatchApi = AnthropicBatches(self._client)

    @staticmethod
    def rate_limits(settings: Settings) -> RateLimits:
        """The account's limits a minute."""
        return RateLimits(settings.anthropic_requests_per_minute, settings.anthropic_tokens_per_minute)

    async def chat(self, body: Json) -> Reply:
        """One message."""
        reply = await exchange(self._create, body, self._seconds, ERRORS, failure_in_success)
        return replace(reply, headers=standard_headers(reply.headers))

    async def _create(self, **body: Any) -> Any:
        # Only older models accept a temperature; the client library no longer names it.
        older = {name: body.pop(name) for name in ("temperature",) if name in body}
        return await self._client.messages.with_raw_response.create(**body, extra_body=older or None)

    async def embeddings(self, body: Json) -> Reply:
        """Raises ModelRequestError: Anthropic offers no vectors."""
        raise ModelRequestError(
            f"Anthropic offers no vectors, and '{body.get('model')}' was asked for some. "
            "Choose another model in MATCHME_EMBEDDING_MODEL."
        )

    async def models(self) -> Sequence[ListedModel]:
        """The models that the key may use."""
        client = self._client.with_options(timeout=MODELS_SECONDS)
        try:
            page = await call_once(lambda: client.models.list(limit=MODELS_A_PAGE), ERRORS, MODELS_SECONDS)
        except BatchGoneError:
            raise RefusedRequestError("http_404") from None
        found = page.data if isinstance(page.data, list) else []
        return [ListedModel(model.id, _day(model.retires_at)) for model in found if isinstance(model.id, str)]

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _day(moment: object) -> date | None:
    return moment.date() if isinstance(moment, datetime) else None


API: type[ProviderApi] = AnthropicApi
