"""What every request gets: an id, limits, headers, one log line."""

import asyncio
import json
import logging
import re
import traceback
from collections.abc import Awaitable, Callable
from time import monotonic, perf_counter
from urllib.parse import parse_qsl
from uuid import uuid4

from prometheus_client import Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from matchme_pipeline.api.problems import error_answer
from matchme_pipeline.api.rate_limit import RateLimit

# The largest body that any endpoint has use for is a few hundred bytes.
MAX_BODY_BYTES = 65_536
MAX_HEADERS_BYTES = 32_768
BODY_SECONDS = 10
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
# A URL appears in logs, histories and referrers, so it must not contain a token.
_TOKEN_PARAMETERS = frozenset(
    {"token", "access_token", "id_token", "jwt", "authorization", "__session", "session_token"}
)
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Without any referrer, browsers would hide the origin of the page's own forms.
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": PAGE_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Strict-Transport-Security": "max-age=31536000",
}

REQUESTS = Counter("matchme_api_requests", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram("matchme_api_request_seconds", "Seconds from request to answer.", ["method", "route"])
_log = logging.getLogger("matchme.api")


class Envelope:
    """Pure ASGI, outermost: gives the request an id, the answer its headers, and logs one line at its end.

    The line names the route, never the path with its ids, never headers, queries or bodies.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        started, status = perf_counter(), 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in _SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            _record(scope, request_id, status, perf_counter() - started)


class Gate:
    """Pure ASGI: rejects requests that are too large, slow or many, and turns unexpected errors into problems."""

    def __init__(self, app: ASGIApp, address_limit: RateLimit) -> None:
        self._app = app
        self._limit = address_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = scope["state"]["request_id"]
        has_started = False

        async def answer(message: Message) -> None:
            nonlocal has_started
            has_started = has_started or message["type"] == "http.response.start"
            await send(message)

        try:
            refusal = self._refusal(scope)
            if refusal is not None:
                await refusal(answer)
            else:
                await self._app(scope, _limited(receive), answer)
        except Exception as error:
            _log_unexpected_error(error, request_id)
            if not has_started:
                detail = "the request's id leads to the reason in our log"
                await _problem(scope, 500, "unexpected", detail)(answer)

    def _refusal(self, scope: Scope) -> Callable[[Send], Awaitable[None]] | None:
        address = scope["client"][0] if scope.get("client") else "unknown"
        wait = self._limit.take(address)
        if wait > 0:
            detail = f"too many requests from this address; try again in {wait:.0f} seconds"
            return _problem(scope, 429, "too-many-requests", detail, {"Retry-After": str(int(wait) + 1)})
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADERS_BYTES:
            detail = f"the headers have {MAX_HEADERS_BYTES:,} bytes at most"
            return _problem(scope, 431, "headers-too-large", detail)
        names = {name.lower() for name, _ in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)}
        if names & _TOKEN_PARAMETERS:
            detail = "a token must not be part of a URL; send it in the header Authorization"
            return _problem(scope, 400, "token-in-url", detail)
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length[:20]) > MAX_BODY_BYTES:
            return _problem(scope, 413, "body-too-large", _TOO_LARGE)
        return None


_TOO_LARGE = f"a body has {MAX_BODY_BYTES:,} bytes at most"


def _limited(receive: Receive) -> Receive:
    """`receive` that stops reading if a body becomes too large or does not arrive.

    It stops with an HTTP error, which FastAPI passes on unchanged.
    """
    read, is_whole = 0, False
    deadline = monotonic() + BODY_SECONDS

    async def limited() -> Message:
        nonlocal read, is_whole
        if is_whole:
            return await receive()
        try:
            async with asyncio.timeout(deadline - monotonic()):
                message = await receive()
        except TimeoutError:
            detail = f"the body did not come within {BODY_SECONDS} seconds"
            # Close the connection, because the rest of the body would occupy it.
            raise HTTPException(408, detail, {"Connection": "close"}) from None
        if message["type"] == "http.request":
            read += len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            if read > MAX_BODY_BYTES:
                raise HTTPException(413, _TOO_LARGE, {"Connection": "close"})
        return message

    return limited


def _problem(
    scope: Scope, status: int, kind: str, detail: str, headers: dict[str, str] | None = None
) -> Callable[[Send], Awaitable[None]]:
    media_type, found = error_answer(scope["path"], status, kind, detail, scope["state"]["request_id"])
    body = json.dumps(found).encode()
    raw = [(b"content-type", media_type.encode()), (b"content-length", str(len(body)).encode())]
    raw += [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]

    async def send_it(send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    return send_it


def _log_unexpected_error(error: Exception, request_id: str) -> None:
    # The place of the error without its message, which may repeat a member's text.
    places = "".join(traceback.format_tb(error.__traceback__))
    _log.error("request %s: unexpected %s\n%s", request_id, type(error).__name__, places)


def _record(scope: Scope, request_id: str, status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", "(none)")
    method = scope["method"] if scope["method"] in _METHODS else "OTHER"
    REQUESTS.labels(method, route, str(status)).inc()
    SECONDS.labels(method, route).observe(seconds)
    _log.info(
        json.dumps(
            {"request": request_id, "method": method, "route": route, "status": status, "ms": round(seconds * 1e3, 1)}
        )
    )


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
