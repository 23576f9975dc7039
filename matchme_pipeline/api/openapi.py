"""The OpenAPI document: what FastAPI writes, with our one shape of errors and real answers as examples in it."""

import json
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from matchme_pipeline.api.problems import ProblemDetails

DESCRIPTION = (
    "What MatchMe's app and its administrators ask of the weekly pipeline. Send a Clerk session token as "
    "`Authorization: Bearer …`; every error is problem details (RFC 9457)."
)
# Answers of the service over a seeded population, by operation; long lists are cut short.
_EXAMPLES: dict[str, dict[str, Any]] = json.loads(files(__package__).joinpath("examples.json").read_text("utf-8"))
# The same answers under the names of today's app.
_ALSO_KNOWN_AS = {
    "POST /functions/v1/batch-trigger": "POST /api/batch/trigger",
    "GET /functions/v1/batch-status": "GET /api/batch/status",
    "POST /functions/v1/batch-status": "GET /api/batch/status",
    "GET /functions/v1/batch-history": "GET /api/batch/history",
    "POST /functions/v1/batch-history": "GET /api/batch/history",
    "GET /functions/v1/batch-queue/{user_id}": "GET /api/batch/queue/{user_id}",
    "GET /functions/v1/batch-queue": "GET /api/batch/queue/{user_id}",
    "POST /functions/v1/batch-queue": "GET /api/batch/queue/{user_id}",
    "POST /functions/v1/batch-retry/{job_id}": "POST /api/batch/retry/{job_id}",
}


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
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            _add_examples(f"{method.upper()} {path}", operation)
    return found


def _add_examples(name: str, operation: dict[str, Any]) -> None:
    example = _EXAMPLES.get(_ALSO_KNOWN_AS.get(name, name), {})
    for status, answer in operation["responses"].items():
        body = answer.get("content", {}).get("application/json")
        if body is not None and status.startswith("2") and "answer" in example:
            body["example"] = example["answer"]
