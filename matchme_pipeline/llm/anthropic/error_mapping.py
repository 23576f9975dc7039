"""Maps Anthropic's errors to responses: try again, ask for less, or stop at once."""

import json
import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from matchme_pipeline.llm.anthropic.parameter_fallbacks import FALLBACKS
from matchme_pipeline.llm.anthropic.rate_limits import standard_headers
from matchme_pipeline.llm.execution.exchange import (
    Json,
    RefusedRequestError,
    RetryableError,
    UnsupportedParameterError,
    json_object,
)
from matchme_pipeline.llm.execution.final_errors import FinalErrors
from matchme_pipeline.llm.execution.rate_headers import seconds_to_wait

OVERLOADED = 529
# The API reports these only in the message: with 400 for credit and for a spend limit of the operator, with 429 for the
# monthly limit of the account's tier.
_NO_CREDIT = re.compile(r"credit balance|usage limits?\b|spend(?:ing)? (?:limit|cap)|plans? & billing", re.IGNORECASE)
_TOO_LONG = re.compile(r"prompt is too long|context (?:window|limit|length)|too many (?:input )?tokens", re.IGNORECASE)
_NOT_TAKEN = re.compile(
    r"deprecated|unsupported|not support|unknown|unrecognized|unexpected|not permitted|not allowed|extra input|invalid",
    re.IGNORECASE,
)
_FINAL = FinalErrors(
    "The Anthropic API",
    "The Anthropic account's credit or quota",
    "ANTHROPIC_API_KEY",
    "MATCHME_INSIGHT_MODEL, MATCHME_REVIEW_MODEL and ANTHROPIC_BASE_URL",
)
# The API's names for parts of `output_config`.
_PARTS = {"effort": "output_config", "output_format": "output_config", "structured output": "output_config"}
# The status of an error that arrives without one, by its type.
_STATUSES = {
    "invalid_request_error": 400, "authentication_error": 401, "billing_error": 402, "permission_error": 403,
    "not_found_error": 404, "request_too_large": 413, "rate_limit_error": 429, "api_error": 500, "timeout_error": 504,
    "overloaded_error": OVERLOADED,
}  # fmt: skip


def failure_of(
    status: int,
    body: bytes,
    headers: Mapping[str, str],
    model: str,
    now: datetime,
    sent: Collection[str] = (),
) -> Exception:
    """The error for an HTTP `status` other than success; `sent` names the request's parameters.

    Returns ModelRequestError if no request can succeed (401, 403, 404, no credit), otherwise one of exchange's errors.
    No message repeats what the server wrote, because it may contain the key or a member's text.
    """
    kind, message = _details(json_object(body) or {})
    final = _FINAL.of(
        status,
        model,
        kind,
        is_credit_spent=kind == "billing_error" or (status in (400, 403, 429) and bool(_NO_CREDIT.search(message))),
        is_key_refused=kind == "authentication_error",
    )
    if final is not None:
        return final
    if status in (429, OVERLOADED):
        after = seconds_to_wait(standard_headers(headers), now)
        return RetryableError(kind or f"http_{status}", throttled=True, after_seconds=after)
    if status in (408, 409, 425) or status >= 500:
        after = seconds_to_wait(standard_headers(headers), now)
        return RetryableError(f"http_{status}", throttled=after is not None, after_seconds=after)
    if status == 413 or _TOO_LONG.search(message):
        return RefusedRequestError(kind or f"http_{status}", too_long=True)
    if status in (400, 422) and (parameter := _not_taken(message, sent)) is not None:
        return UnsupportedParameterError(parameter)
    return RefusedRequestError(kind or f"http_{status}")


def failure_in_success(data: Json, model: str, now: datetime) -> Exception | None:
    """An error that a proxy may report with status 200; None for an answer."""
    if data.get("type") != "error" and (not data.get("error") or "content" in data):
        return None
    kind, _ = _details(data)
    return failure_of(_STATUSES.get(kind or "", 500), json.dumps(data).encode(), {}, model, now)


def _not_taken(message: str, sent: Collection[str]) -> str | None:
    """The rejected parameter that an error's message names, if any."""
    if not _NOT_TAKEN.search(message):
        return None
    # "model" and "messages" occur in any sentence, so they count only at its beginning.
    beginning = re.match(r"\W*(\w+)", message)
    if beginning is not None and beginning[1] in sent:
        return beginning[1]
    dispensable = {*FALLBACKS.optional, *FALLBACKS.instead}.intersection(sent)
    named = next((name for name in sorted(dispensable) if re.search(rf"\b{name}\b", message)), None)
    return named or next((whole for part, whole in _PARTS.items() if part in message.lower() and whole in sent), None)


def _details(data: Json) -> tuple[str | None, str]:
    """The type of an error body if it is one of the API's own types, and its message."""
    error: Any = data.get("error")
    if not isinstance(error, dict):
        return None, error if isinstance(error, str) else ""
    kind, message = error.get("type"), error.get("message")
    return kind if isinstance(kind, str) and kind in _STATUSES else None, message if isinstance(message, str) else ""
