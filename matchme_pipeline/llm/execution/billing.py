"""The cost of an answered request, and its ledger row."""

from typing import Any, TypeGuard

from matchme_pipeline.llm.contracts import CallContext
from matchme_pipeline.llm.execution.exchange import Reply
from matchme_pipeline.llm.prices import Mode, ModelEntry, TokenUsage
from matchme_pipeline.llm.store.records import Call
from matchme_pipeline.llm.text.token_estimates import BYTES_PER_TOKEN, estimated_tokens

# The most input tokens that a server adds to a request's own, and the most tokens of one answer.
_TOKENS_OF_THE_SERVER, _MAX_OUTPUT_TOKENS = 20_000, 1_000_000
# From this many estimated tokens on, a reported number below a 20th of them is implausible.
_MIN_CHECKED_TOKENS, _MAX_COMPRESSED = 20, 20
# No model reads or writes more tokens in one call; a larger number is invalid.
MAX_TOKENS = 100_000_000


def billed_usage(reported: TokenUsage | None, written: str, request_bytes: int) -> tuple[TokenUsage, bool]:
    """The tokens of a request of `request_bytes` with the answer `written`, and whether the server reported them.

    If the server reports none, or impossible figures (nothing for a long text, more than the bytes sent), they are
    estimated from bytes, so that the budget holds.
    """
    estimate = TokenUsage(
        input_tokens=request_bytes // BYTES_PER_TOKEN, output_tokens=estimated_tokens(written) if written else 0
    )
    if reported is not None and _is_credible(reported, estimate, request_bytes):
        return reported, True
    return estimate, False


def _is_credible(reported: TokenUsage, estimate: TokenUsage, request_bytes: int) -> bool:
    """Are the reported figures possible for a request and answer of this size?"""
    sent, written = reported.input_tokens, reported.output_tokens
    # The server may add a schema or instructions, and counts at most a token per byte.
    too_much = sent > request_bytes + _TOKENS_OF_THE_SERVER or written > _MAX_OUTPUT_TOKENS
    missing_input = estimate.input_tokens > _MIN_CHECKED_TOKENS and sent * _MAX_COMPRESSED < estimate.input_tokens
    missing_output = estimate.output_tokens > _MIN_CHECKED_TOKENS and written * _MAX_COMPRESSED < estimate.output_tokens
    return not (too_much or missing_input or missing_output)


def is_amount(value: object) -> TypeGuard[int | float]:
    """Whether a server's `value` is a finite number of zero or more."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")


def token_count(value: Any) -> int:
    """A number of tokens from a server; any other value counts as 0."""
    return int(value) if is_amount(value) and value <= MAX_TOKENS else 0


def call_error(outcome: str, usage_reported: bool) -> str | None:
    """The ledger's text for an error of a call."""
    if outcome not in ("ok", "partial"):
        return outcome
    return None if usage_reported else "usage_estimated"


def booked_call(
    context: CallContext,
    model: str,
    entry: ModelEntry,
    mode: Mode,
    price_version: str,
    outcome: str,
    items: int,
    *,
    reply: Reply | None = None,
    usage: tuple[TokenUsage, bool] = (TokenUsage(), True),
    request_bytes: int = 0,
    tries: int = 1,
    member_id: str | None = None,
) -> Call:
    """The ledger row of a request for `items`; `usage` as in `billed_usage`."""
    tokens, reported = usage
    return Call(
        context=context,
        provider=entry.provider,
        model=model,
        mode=mode,
        outcome=outcome,
        items=items,
        member_id=member_id,
        request_id=reply.request_id if reply else None,
        attempt=tries,
        usage=tokens,
        cost_usd=entry.price(mode).cost_usd(tokens),
        latency_seconds=reply.latency_seconds if reply else None,
        error=call_error(outcome, reported),
        price_version=price_version,
        request_bytes=request_bytes,
    )
