"""Errors as problem details (RFC 9457): one format for all errors."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from psycopg_pool import PoolTimeout
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Route

from matchme_pipeline.api.dagster_runs import DagsterUnavailableError
from matchme_pipeline.errors import DatabaseUnavailableError

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger(__name__)

_TITLES = {
    400: "The request is malformed",
    401: "Sign in first",
    403: "Not for you",
    404: "There is no such thing",
    405: "This method is not allowed here",
    408: "The request did not come in time",
    409: "This cannot be done in its present state",
    410: "It is too late for this",
    413: "The body is too large",
    415: "This kind of body is not understood",
    422: "The request has wrong values",
    429: "Too many requests",
    431: "The headers are too large",
    500: "Something went wrong on our side",
    503: "Not available at the moment",
}


class InvalidValue(BaseModel):
    """One wrong value and its place."""

    where: str = Field(examples=["body.week"])
    message: str = Field(examples=["2026-11-16 is a Monday, not a Sunday"])


class ProblemDetails(BaseModel):
    """What went wrong, in the shape of RFC 9457."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:matchme:problem:not-failed",
                    "title": "This cannot be done in its present state",
                    "status": 409,
                    "detail": "job 0b6f… is completed; only failed jobs can be retried",
                    "instance": "urn:matchme:request:5d0c7c1e",
                }
            ]
        }
    )

    type: str = Field(description="A name for the kind of problem, for programs.")
    title: str = Field(description="The kind of problem, for people.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened here, and what to do about it.")
    instance: str = Field(description="The request's id, as in the header X-Request-Id.")
    errors: list[InvalidValue] | None = Field(None, description="The wrong values, where there are any.")


class ProblemError(Exception):
    """An error answer; `kind` is its name for programs, `detail` tells people what to do.

    `more` is added to answers to the app.
    """

    def __init__(self, status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})
        self.more: Mapping[str, Any] = {}


# Under this path answers have the shape that the app reads.
_FUNCTIONS_PATH = "/functions/"


def error_answer(
    path: str,
    status: int,
    kind: str,
    detail: str,
    request_id: str,
    errors: Any = None,
    more: Mapping[str, Any] | None = None,
) -> tuple[str, dict[str, Any]]:
    """The media type and the JSON of an error: problem details, or the app's format under the functions' path.

    `errors` are the invalid values of a request, for problem details; `more` is added to the app's format.
    """
    if path.startswith(_FUNCTIONS_PATH):
        return "application/json", {"error": _as_sentence(detail), **(more or {}), "request_id": request_id}
    body = {
        "type": f"urn:matchme:problem:{kind}",
        "title": _TITLES.get(status, "The request failed"),
        "status": status,
        "detail": detail,
        "instance": f"urn:matchme:request:{request_id}",
    }
    return MEDIA_TYPE, body | ({"errors": errors} if errors is not None else {})


def _as_sentence(detail: str) -> str:
    """`detail` as a sentence; a short title ("Premium feature") stays unchanged."""
    text = detail[:1].upper() + detail[1:]
    return text if text.endswith((".", "!", "?")) or not detail[:1].islower() else f"{text}."


def handle_problems(app: FastAPI, endpoints: Sequence[BaseRoute]) -> None:
    """Convert every error of `app`, which consists of `endpoints`, to problem details."""
    app.state.endpoints = endpoints
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(DagsterUnavailableError, _on_dagster_unavailable)
    for foreign in (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        app.add_exception_handler(foreign, _on_foreign_schema)
    for unavailable in (psycopg.OperationalError, PoolTimeout, DatabaseUnavailableError):
        app.add_exception_handler(unavailable, _on_unavailable)


def _answer(
    request: Request,
    status: int,
    kind: str,
    detail: str,
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> JSONResponse:
    request_id = getattr(request.state, "request_id", "unknown")
    media_type, body = error_answer(request.url.path, status, kind, detail, request_id, errors, more)
    return JSONResponse(body, status, dict(headers or {}), media_type)


async def _on_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProblemError)
    return _answer(request, error.status, error.kind, error.detail, headers=error.headers, more=error.more)


async def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = [
        # Not the value itself: it may be a member's text.
        {"where": ".".join(str(part) for part in one["loc"]), "message": str(one["msg"]).removeprefix("Value error, ")}
        for one in error.errors()
    ]
    summary = "; ".join(f"{one['where']}: {one['message']}" for one in found[:3])
    return _answer(request, 422, "wrong-values", summary, found)


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kinds = {
        400: "malformed",
        404: "no-such-path",
        405: "method-not-allowed",
        408: "body-too-slow",
        413: "body-too-large",
        415: "wrong-media-type",
    }
    details = {
        405: "this method is not allowed here",
        404: "no such path; /openapi.json lists them all",
        400: "the body is not JSON",
    }
    if error.status_code == 404 and request.url.path.startswith(_FUNCTIONS_PATH):
        details[404] = "there is no such function here; /openapi.json lists those that there are"
    detail = details.get(error.status_code, str(error.detail))
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted(_methods(request))) or "GET"
    return _answer(request, error.status_code, kinds.get(error.status_code, "http"), detail, headers=headers)


def _methods(request: Request) -> set[str]:
    """The methods of the path; they may belong to several endpoints, of which the router names only one."""
    return {
        method
        for route in request.app.state.endpoints
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }


async def _on_dagster_unavailable(request: Request, error: Exception) -> JSONResponse:
    _log.warning("Dagster's storage is not available: %s", error)
    detail = (
        "Dagster's storage does not answer, so runs can be neither started, looked up nor cancelled; try again soon"
    )
    return _answer(request, 503, "dagster-unavailable", detail, headers={"Retry-After": "30"})


async def _on_foreign_schema(request: Request, error: Exception) -> JSONResponse:
    _log.error("the database lacks something: %s", getattr(getattr(error, "diag", None), "message_primary", ""))
    detail = "the app's database lacks a table or column that this needs; its operator finds its name in our log"
    return _answer(request, 503, "schema-differs", detail, headers={"Retry-After": "300"})


async def _on_unavailable(request: Request, error: Exception) -> JSONResponse:
    _log.warning("the database is not available: %s", type(error).__name__)
    detail = "the database does not answer; try again in a few seconds"
    return _answer(request, 503, "database-unavailable", detail, headers={"Retry-After": "5"})
