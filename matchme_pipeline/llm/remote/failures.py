"""What can go wrong with a request, sorted by what helps: trying again, asking for less, or stopping at once."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from matchme_pipeline.errors import ModelRequestError

# A server that asks for more patience than this is treated as one that asks for this much.
LONGEST_PATIENCE_SECONDS = 300.0


class RetryableError(Exception):
    """Trying again may help; `throttled`: everybody should wait, for `after_seconds` if the server said so."""

    def __init__(self, kind: str, *, throttled: bool = False, after_seconds: float | None = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.throttled = throttled
        self.after_seconds = after_seconds


class RefusedRequestError(Exception):
    """This request, as it is, will never be answered; `too_long`: a shorter one might be."""

    def __init__(self, kind: str, *, too_long: bool = False) -> None:
        super().__init__(kind)
        self.kind = kind
        self.too_long = too_long


class UnsupportedParameterError(Exception):
    """The model doesn't take one of the request's optional parameters."""

    def __init__(self, parameter: str) -> None:
        super().__init__(parameter)
        self.parameter = parameter


def failure_of(status: int, body: bytes, headers: Mapping[str, str], model: str, now: datetime) -> Exception:
    """The error that an HTTP `status` other than success stands for.

    Returns ModelRequestError where no request will ever succeed (401, 403, 404, exhausted quota), otherwise one of
    this module's. No message repeats what the server wrote: it may hold the key or a member's words.
    """
    code, parameter, message = _details(body)
    if status == 401:
        return ModelRequestError(
            "The API refuses the key (HTTP 401). Correct OPENAI_API_KEY in the environment or .env."
        )
    if status == 403:
        return ModelRequestError(
            f"The API key may not use the model '{model}' (HTTP 403). Choose another key or another model."
        )
    if status == 404:
        return ModelRequestError(
            f"The API knows no model '{model}' at this address (HTTP 404). "
            "Check MATCHME_INSIGHT_MODEL, MATCHME_EMBEDDING_MODEL and OPENAI_BASE_URL."
        )
    if status == 402 or code in ("insufficient_quota", "billing_hard_limit_reached"):
        return ModelRequestError(
            f"The API account's quota is exhausted (HTTP {status}, {code or 'payment required'}). "
            "Add credit or raise its limit, then run again: what is answered is not paid again."
        )
    if status == 429:
        return RetryableError(code or "rate_limited", throttled=True, after_seconds=retry_after(headers, now))
    if status in (408, 409, 425) or status >= 500:
        # An overloaded server says when to come back; any other 5xx is this request's bad luck.
        after = retry_after(headers, now)
        return RetryableError(f"http_{status}", throttled=after is not None, after_seconds=after)
    if status == 413 or code in ("context_length_exceeded", "string_above_max_length", "max_tokens_per_request"):
        return RefusedRequestError(code or f"http_{status}", too_long=True)
    if status == 400 and ("maximum context length" in message or "too many tokens" in message.lower()):
        return RefusedRequestError("context_length_exceeded", too_long=True)
    if (
        status in (400, 422)
        and parameter
        and code in ("unsupported_parameter", "unsupported_value", "unknown_parameter")
    ):
        return UnsupportedParameterError(parameter)
    return RefusedRequestError(code or f"http_{status}")


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait by `retry-after-ms` or `Retry-After` (seconds or an HTTP date), None without either."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return _bounded(milliseconds / 1000)
    value = headers.get("retry-after")
    if value is None:
        return None
    seconds = _number(value)
    if seconds is None:
        try:
            date = parsedate_to_datetime(value)
        except (TypeError, ValueError):
            return None
        seconds = (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds()
    return _bounded(seconds)


def _bounded(seconds: float) -> float:
    return max(0.0, min(seconds, LONGEST_PATIENCE_SECONDS))


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return number if number is not None and number == number else None


def _details(body: bytes) -> tuple[str | None, str | None, str]:
    """Code, parameter and message of an error body; a body of any other shape has none."""
    try:
        error: Any = json.loads(body)["error"]
        code = error.get("code") or error.get("type")
        return (str(code) if code else None), error.get("param"), str(error.get("message", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, None, ""
