"""Checks that the configured models are available; spends nothing."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from matchme_pipeline.errors import ModelRequestError
from matchme_pipeline.llm.execution.exchange import RefusedRequestError, RetryableError, UnsupportedParameterError
from matchme_pipeline.llm.execution.model_shutdowns import missing, shutdown_warnings
from matchme_pipeline.llm.execution.wire_format import ListedModel
from matchme_pipeline.llm.prices import load_prices
from matchme_pipeline.llm.providers import provider_api
from matchme_pipeline.settings import Settings


def examine_models(settings: Settings) -> str:
    """One sentence on the models in `settings`; raises ConfigurationError or ModelRequestError."""
    if settings.provider == "local":
        from matchme_pipeline.llm.local.encoder import MODEL, process_encoder

        process_encoder()
        return f"offline, {MODEL}"
    prices = load_prices(settings.prices_file)
    chosen = {
        settings.insight_model: prices.entry(settings.insight_model, "chat"),
        settings.embedding_model: prices.entry(settings.embedding_model, "embedding"),
    }
    if settings.review_model is not None:
        chosen[settings.review_model] = prices.entry(settings.review_model, "chat", "MATCHME_REVIEW_MODEL")
    accounts, warnings = [], []
    for provider in dict.fromkeys(entry.provider for entry in chosen.values()):
        wanted = [model for model, entry in chosen.items() if entry.provider == provider]
        listed = asyncio.run(_listed_models(settings, provider))
        if absent := missing(listed, wanted):
            raise ModelRequestError(
                f"The API does not know {' and '.join(absent)}. Check MATCHME_INSIGHT_MODEL, MATCHME_EMBEDDING_MODEL "
                "and MATCHME_REVIEW_MODEL."
            )
        accounts.append(f"{provider}, {' and '.join(wanted)}")
        warnings += shutdown_warnings(listed, wanted, datetime.now(UTC).date())
    return " ".join([f"{'; '.join(accounts)}, prices of {prices.version}.", *warnings])


async def _listed_models(settings: Settings, provider: str) -> Sequence[ListedModel]:
    api = provider_api(provider)(settings)
    try:
        return await api.models()
    except (RetryableError, RefusedRequestError, UnsupportedParameterError) as error:
        raise ModelRequestError(
            f"The API does not list its models ({error}). Check {api.address_setting} and the network."
        ) from None
    finally:
        await api.close()
