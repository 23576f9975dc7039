"""OpenAI, or a server that speaks its protocol, as a provider's API."""

from typing import ClassVar

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
from matchme_pipeline.llm.openai.batch_api import OpenAIBatches
from matchme_pipeline.llm.openai.chat_format import OpenAIChatFormat
from matchme_pipeline.llm.openai.client import ERRORS, open_client
from matchme_pipeline.llm.openai.embedding_format import OpenAIEmbeddingFormat
from matchme_pipeline.llm.openai.error_mapping import failure_in_success
from matchme_pipeline.llm.openai.model_shutdowns import listed_models
from matchme_pipeline.llm.openai.parameter_fallbacks import FALLBACKS
from matchme_pipeline.settings import Settings


class OpenAIApi:
    """Implements wire_format.ProviderApi."""

    name: ClassVar[str] = "openai"
    address_setting: ClassVar[str] = "OPENAI_BASE_URL"
    chat_format: ClassVar[ChatFormat] = OpenAIChatFormat()
    embedding_format: ClassVar[EmbeddingFormat | None] = OpenAIEmbeddingFormat()
    fallbacks: ClassVar[ParameterFallbacks] = FALLBACKS

    def __init__(self, settings: Settings) -> None:
        """Raises ConfigurationError without a usable OPENAI_API_KEY."""
        self._client = open_client(settings)
        self._seconds = request_timeout_seconds(settings)
        self.batches: BatchApi = OpenAIBatches(self._client)

    @staticmethod
    def rate_limits(settings: Settings) -> RateLimits:
        """The account's limits a minute."""
        return RateLimits(settings.llm_requests_per_minute, settings.llm_tokens_per_minute)

    async def chat(self, body: Json) -> Reply:
        """One chat completion."""
        create = self._client.chat.completions.with_raw_response.create
        return await exchange(create, body, self._seconds, ERRORS, failure_in_success)

    async def embeddings(self, body: Json) -> Reply:
        """One embeddings request."""
        create = self._client.embeddings.with_raw_response.create
        return await exchange(create, body, self._seconds, ERRORS, failure_in_success)

    async def models(self) -> list[ListedModel]:
        """The models that the key may use."""
        client = self._client.with_options(timeout=MODELS_SECONDS)
        try:
            return listed_models(await call_once(client.models.list, ERRORS, MODELS_SECONDS))
        except BatchGoneError:
            raise RefusedRequestError("http_404") from None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


API: type[ProviderApi] = OpenAIApi
