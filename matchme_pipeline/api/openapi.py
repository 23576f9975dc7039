"""The OpenAPI document: what FastAPI writes, with our one shape of errors in it."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from matchme_pipeline.api.problems import ProblemDetails

DESCRIPTION = (
    "What MatchMe's app and its administrators ask of the weekly pipeline. Send a Clerk session token as "
    "`Authorization: Bearer …`; every error is problem details (RFC 9457)."
)


def describe(app: FastAPI) -> None:
    """Let `app` describe itself in OpenAPI 3.1."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    problem = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs", {})
    schemas[ProblemDetails.__name__] = problem
    # FastAPI's own shape of validation errors: no endpoint answers with it.
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    return found
