"""Maps OpenAI's errors to responses: try again, ask for less, or stop at once."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from matchme_pipeline.llm.execution.exchange import RefusedRequestError, RetryableError, UnsupportedParameterError
from matchme_pipeline.llm.execution.final_errors import FinalErrors
from matchme_pipeline.llm.execution.rate_headers import retry_after, seconds_to_wait

_NO_CREDIT = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
_NO_MODEL = {"model_not_found", "invalid_model"}
_TOO_LONG_CODES = {
    "context_length_exceeded", "string_above_max_length", "max_tokens_per_request", "exceed_context_size_error",
}  # fmt: skip
# Other servers report it only in the message.
_TOO_LONG = re.compile(
    r"context (?:length|size|window)|too many tokens|(?:prompt|input) is too long|maximum input length"
    r"|reduce the length",
    re.IGNORECASE,
)
# A request with more tokens than the account's per-minute limit is always rejected.
_LARGER_THAN_A_MINUTE = re.compile(r"request too large", re.IGNORECASE)
_NOT_TAKEN = re.compile(
    r"unsupported|not supported|not support|unknown|unrecognized|unexpected|not permitted|not allowed|unavailable"
    r"|invalid|extra input",
    re.IGNORECASE,
)
_FINAL = FinalErrors(
    "The API",
    "The API account's quota",
    "OPENAI_API_KEY",
    "MATCHME_INSIGHT_MODEL, MATCHME_EMBEDDING_MODEL, MATCHME_REVIEW_MODEL and OPENAI_BASE_URL",
)
# A server's code is shown only if it is a plain word, because it may contain the key or a member's text.
_PLAIN = re.compile(r"[a-z_]{1,48}")


@dataclass(frozen=True)
class _Details:
    """The fields of an error body, in any of the known shapes."""

    codes: frozenset[str] = frozenset()
    code: str | None = None
    parameter: str = ""
    message: str = ""


def failure_of(
    status: int,
    body: bytes,
    headers: Mapping[str, str],
    model: str,
    now: datetime,
    sent: Collection[str] = (),
) -> Exception:
    """The error for an HTTP `status` other than success; `sent` names the request's parameters.

    Returns ModelRequestError if no request can succeed (401, 403, 404, exhausted quota), otherwise one of exchange's
    errors. No message repeats what the server wrote, because it may contain the key or a member's text.
    """
    details = _details(body)
    final = _FINAL.of(
        status,
        model,
        details.code,
        is_credit_spent=bool(details.codes & _NO_CREDIT),
        is_key_refused="invalid_api_key" in details.codes,
        is_model_unknown=bool(details.codes & _NO_MODEL),
    )
    if final is not None:
        return final
    if status == 429 and _LARGER_THAN_A_MINUTE.search(details.message):
        return RefusedRequestError(details.code or "http_429", too_long=True)
    if status == 429:
        return RetryableError(
            details.code or "rate_limited", throttled=True, after_seconds=seconds_to_wait(headers, now)
        )
    if status in (408, 409, 425) or status >= 500:
        # An overloaded server says when to retry; any other 5xx concerns only this request.
        after = retry_after(headers, now)
        return RetryableError(f"http_{status}", throttled=after is not None, after_seconds=after)
    if status == 413 or details.codes & _TOO_LONG_CODES:
        return RefusedRequestError(details.code or f"http_{status}", too_long=True)
    if status in (400, 422) and _TOO_LONG.search(details.message):
        return RefusedRequestError("context_length_exceeded", too_long=True)
    if status in (400, 422) and (parameter := _not_taken(details, sent)) is not None:
        return UnsupportedParameterError(parameter)
    return RefusedRequestError(details.code or f"http_{status}")


def failure_in_success(data: Mapping[str, Any], model: str, now: datetime) -> Exception | None:
    """An error that some servers report with status 200; None for an answer."""
    error = data.get("error")
    if not error or data.get("choices") or data.get("data"):
        return None
    code = error.get("code") if isinstance(error, dict) else None
    status = code if isinstance(code, int) and 400 <= code < 600 else 500
    return failure_of(status, json.dumps(data).encode(), {}, model, now)


def _not_taken(details: _Details, sent: Collection[str]) -> str | None:
    """The rejected parameter: from the error's own field, or from the message of an error about a parameter."""
    if details.parameter and details.codes & {"unsupported_parameter", "unsupported_value", "unknown_parameter"}:
        return details.parameter
    if not (_NOT_TAKEN.search(details.message) or _NOT_TAKEN.search(" ".join(details.codes).replace("_", " "))):
        return None
    if details.parameter in sent:
        return details.parameter
    return next((name for name in sent if re.search(rf"\b{name}\b", details.message)), None)


def _details(body: bytes) -> _Details:
    """Codes, parameter and message of an error body: OpenAI's shape, FastAPI's `detail`, or none."""
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return _Details()
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict):
        return _Details()
    error = value.get("error", value)
    if isinstance(error, str):
        return _Details(message=error)
    if not isinstance(error, dict):
        return _Details()
    detail = error.get("detail")
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        place = detail[0].get("loc")
        named = next((part for part in place if isinstance(part, str) and part != "body"), "") if place else ""
        return _Details(parameter=named, message=f"{detail[0].get('type', '')} {detail[0].get('msg', '')}")
    written = [str(error[name]) for name in ("code", "type") if isinstance(error.get(name), str)]
    message = error.get("message", detail)
    return _Details(
        codes=frozenset(written),
        code=next((code for code in written if _PLAIN.fullmatch(code)), None),
        # `response_format.json_schema` is a part of the parameter.
        parameter=str(error.get("param") or "").split(".")[0],
        message=message if isinstance(message, str) else "",
    )
