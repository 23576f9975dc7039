"""Whether the configured models would answer, found out without spending anything."""

from matchme_pipeline.settings import Settings


def examine_models(settings: Settings) -> str:
    """One sentence on the models that `settings` choose; raises ConfigurationError or ModelRequestError."""
    if settings.provider == "local":
        from matchme_pipeline.llm.local.encoder import MODEL, process_encoder

        process_encoder()
        return f"offline, {MODEL}"
    return f"openai, {settings.insight_model} and {settings.embedding_model}"
