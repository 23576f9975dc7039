"""The billed tokens that an OpenAI-compatible server reports, for chat and embeddings."""

from matchme_pipeline.llm.execution.billing import is_amount, token_count
from matchme_pipeline.llm.execution.exchange import Json
from matchme_pipeline.llm.prices import TokenUsage


def reported_usage(data: Json) -> TokenUsage | None:
    """The tokens in an answer's `usage`; None if it is missing or holds anything but amounts."""
    usage = data.get("usage")
    if not isinstance(usage, dict):
        return None
    sent, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if not (is_amount(sent) and is_amount(written or 0) and is_amount(usage.get("total_tokens", 0))):
        return None
    if written is None:
        # Embeddings have a total alone.
        written = max(0, token_count(usage.get("total_tokens")) - token_count(sent))
    details = usage.get("prompt_tokens_details")
    details = details if isinstance(details, dict) else {}
    cached = min(int(sent), token_count(details.get("cached_tokens")))
    return TokenUsage(
        input_tokens=int(sent),
        cached_input_tokens=cached,
        cache_write_tokens=min(int(sent) - cached, token_count(details.get("cache_write_tokens"))),
        output_tokens=int(written),
    )
