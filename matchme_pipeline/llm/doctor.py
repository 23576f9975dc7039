"""Whether the configured models would answer, found out without spending anything."""

import asyncio
from datetime import UTC, datetime

from matchme_pipeline.errors import ModelRequestError
from matchme_pipeline.llm.prices import load_prices
from matchme_pipeline.settings import Settings


def examine_models(settings: Settings) -> str:
    """One sentence on the models that `settings` choose; raises ConfigurationError or ModelRequestError."""
    if settings.provider == "local":
        from matchme_pipeline.llm.local.encoder import MODEL, process_encoder

        process_encoder()
        return f"offline, {MODEL}"
    prices = load_prices(settings.prices_file)
    prices.entry(settings.insight_model, "chat")
    prices.entry(settings.embedding_model, "embedding")
    if settings.review_model is not None:
        prices.entry(settings.review_model, "chat", "MATCHME_REVIEW_MODEL")
    return asyncio.run(_ask_for_models(settings, f"prices of {prices.version}"))


async def _ask_for_models(settings: Settings, priced: str) -> str:
    from matchme_pipeline.llm.openai.client import ApiClient
    from matchme_pipeline.llm.openai.error_mapping import (
        RefusedRequestError,
        RetryableError,
        UnsupportedParameterError,
    )
    from matchme_pipeline.llm.openai.model_shutdowns import missing, shutdown_warnings, wanted_models

    wanted = wanted_models(settings)
    client = ApiClient(settings)
    try:
        listed = await client.models()
    except (RetryableError, RefusedRequestError, UnsupportedParameterError) as error:
        raise ModelRequestError(
            f"The API does not list its models ({error}). Check OPENAI_BASE_URL and the network."
        ) from None
    finally:
        await client.close()
    if absent := missing(listed, wanted):
        raise ModelRequestError(
            f"The API does not know {' and '.join(absent)}. Check MATCHME_INSIGHT_MODEL, MATCHME_EMBEDDING_MODEL and "
            "MATCHME_REVIEW_MODEL."
        )
    warnings = shutdown_warnings(listed, wanted, datetime.now(UTC).date())
    return " ".join([f"openai, {' and '.join(wanted)}, {priced}.", *warnings])
