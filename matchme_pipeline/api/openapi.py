"""The OpenAPI document: FastAPI's document with the API's own error format and real answers as examples."""

import json
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from matchme_pipeline.api.functions import contract
from matchme_pipeline.api.functions.router import PREFIX
from matchme_pipeline.api.problems import ProblemDetails

DESCRIPTION = (
    "The API of the weekly pipeline for MatchMe's app and its administrators. Send a Clerk session token as "
    "`Authorization: Bearer …`; every error is problem details (RFC 9457),"
    " and under /functions/v1, as the app reads it, a sentence in `error`."
)
# Answers of the service for synthetic data, by operation; long lists are shortened.
_EXAMPLES: dict[str, dict[str, Any]] = json.loads(files(__package__).joinpath("examples.json").read_text("utf-8"))


def describe(app: FastAPI) -> None:
    """Let `app` serve its description as OpenAPI 3.1."""

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
    # FastAPI's own format of validation errors, which no endpoint uses.
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas |= contract.schemas()
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            _add_examples(f"{method.upper()} {path}", operation)
    answers = {name: example["answer"] for name, example in _EXAMPLES.items() if "answer" in example}
    found["paths"] |= contract.paths(PREFIX, answers)
    return found


def _add_examples(name: str, operation: dict[str, Any]) -> None:
    example = _EXAMPLES.get(name, {})
    for status, answer in operation["responses"].items():
        body = answer.get("content", {}).get("application/json")
        if body is not None and status.startswith("2") and "answer" in example:
            body["example"] = example["answer"]
