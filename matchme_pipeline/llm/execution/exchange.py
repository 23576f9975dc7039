"""One exchange with a provider's server: the reply, and the errors by their remedy."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

MAX_REQUEST_ID = 200


@dataclass(frozen=True)
class Reply:
    """A successful exchange; `data` is None if the body is not a JSON object."""

    data: Json | None
    request_id: str | None
    headers: Mapping[str, str]
    # None for a line of a batch, which has no separate exchange.
    latency_seconds: float | None


class RetryableError(Exception):
    """A retry may help; `throttled`: all requests should wait, for `after_seconds` if the server says so."""

    def __init__(self, kind: str, *, throttled: bool = False, after_seconds: float | None = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.throttled = throttled
        self.after_seconds = after_seconds


class UndecidedError(RetryableError):
    """The server has answered, but the batch cannot be identified yet."""


class RefusedRequestError(Exception):
    """The server will never answer this request unchanged; `too_long`: it may answer a shorter one."""

    def __init__(self, kind: str, *, too_long: bool = False) -> None:
        super().__init__(kind)
        self.kind = kind
        self.too_long = too_long


class UnsupportedParameterError(Exception):
    """The model does not take one of the request's parameters, or not its value."""

    def __init__(self, parameter: str) -> None:
        super().__init__(parameter)
        self.parameter = parameter


class BatchGoneError(Exception):
    """The provider has no such batch or file."""


class SubmissionUnknownError(Exception):
    """A batch was submitted without an answer: it may exist at the provider."""


def json_object(body: bytes) -> Json | None:
    """The JSON object in `body`; None for any other content."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def request_id_of(headers: Mapping[str, str], data: Json) -> str | None:
    """The server's name for the exchange: one printable line, which every table can store."""
    name = headers.get("x-request-id") or headers.get("request-id") or data.get("id")
    if not isinstance(name, str):
        return None
    return "".join(c for c in name if c.isascii() and c.isprintable())[:MAX_REQUEST_ID] or None
