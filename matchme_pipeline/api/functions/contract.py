"""`contract.yaml` as OpenAPI: the document, the tests and the docs are made from it."""

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from matchme_pipeline.api import responses

Json = dict[str, Any]

_REFERENCE = "#/components/schemas/"
# The API has its own models with some of these names.
_ROW_REFERENCE = f"{_REFERENCE}App"
_SUCCESS = {200: "As asked.", 202: "Accepted."}
# Answers that any function may give.
_ALWAYS = (*responses.ALWAYS, 405)
_ERRORS = responses.DESCRIPTIONS | {
    400: "Something is missing or wrong in what was sent.",
    405: "Another method.",
    429: "Too early, or too many requests; Retry-After says when to come back.",
}
ERROR_SCHEMA = "FunctionError"


@cache
def contract() -> Json:
    """The contract as it is written."""
    found: Json = yaml.safe_load(files(__package__).joinpath("contract.yaml").read_text("utf-8"))
    return found


def schemas() -> Json:
    """The contract's schemas, by name, and the shape of its errors."""
    named = {f"App{name}": _resolved(schema) for name, schema in contract()["schemas"].items()}
    named[ERROR_SCHEMA] = {
        "type": "object",
        "required": ["error", "request_id"],
        "properties": {
            "error": {"type": "string", "description": "One sentence for the person before the screen."},
            "message": {"type": "string"},
            "request_id": {"type": "string", "description": "The request's id, as in the header X-Request-Id."},
        },
    }
    return named


def paths(prefix: str, examples: Json) -> Json:
    """The functions as OpenAPI paths; `examples` are real answers by `METHOD path`."""
    return {
        f"{prefix}/{name}": {
            method: _operation(name, method, found, examples.get(f"{method.upper()} {prefix}/{name}"))
            for method, found in methods.items()
        }
        for name, methods in contract()["functions"].items()
    }


def answer_schema(name: str, method: str) -> Json:
    """The JSON schema of a function's good answer, with all that it refers to."""
    found = contract()["functions"][name][method]
    return _answer(found) | {"components": {"schemas": schemas()}}


def success_status(found: Json) -> int:
    """The status of a function's good answer."""
    return int(found.get("status", 200))


def _operation(name: str, method: str, found: Json, example: Any) -> Json:
    body: Json = {"schema": _answer(found)}
    if example is not None:
        body["example"] = example
    status = success_status(found)
    error = {"application/json": {"schema": {"$ref": _REFERENCE + ERROR_SCHEMA}}}
    operation: Json = {
        "tags": ["functions of the app"],
        "operationId": f"{method}_{name}".replace("-", "_"),
        "summary": name,
        "description": f"{found['does'].strip()} For: {found['who']}.",
        "security": [{"HTTPBearer": []}],
        "responses": {
            str(status): {"description": _SUCCESS[status], "content": {"application/json": body}},
            **{
                str(code): {"description": _ERRORS[code], "content": error}
                for code in sorted({*found.get("errors", ()), *_ALWAYS})
            },
        },
    }
    if "query" in found:
        operation["parameters"] = [
            {"name": parameter, "in": "query", "required": False, "description": _says(schema), "schema": _bare(schema)}
            for parameter, schema in found["query"].items()
        ]
    if "body" in found:
        operation["requestBody"] = {"content": {"application/json": {"schema": _body(found["body"])}}}
    return operation


def _answer(found: Json) -> Json:
    fields = _resolved(found["answer"])
    return {
        "type": "object",
        "required": sorted(fields),
        "properties": fields | _resolved(found.get("optional", {})),
    }


def _body(fields: Json) -> Json:
    required = [name for name, schema in fields.items() if schema.get("required") is True]
    found: Json = {"type": "object", "properties": {name: _bare(schema) for name, schema in fields.items()}}
    return found | ({"required": required} if required else {})


def _says(schema: Json) -> str:
    default = f"{schema['default']} if left out." if "default" in schema else "Optional."
    return f"One of {', '.join(schema['enum'])}; {default}" if "enum" in schema else default[:1].upper() + default[1:]


def _bare(schema: Json) -> Json:
    """A parameter's schema without the contract's additions."""
    remaining = {key: value for key, value in schema.items() if key != "required"}
    if schema.get("type") == "string":
        remaining.pop("default", None)
    return remaining


def _resolved(schema: Any) -> Any:
    """`schema` with short references (`Run`) written out."""
    if isinstance(schema, list):
        return [_resolved(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _ROW_REFERENCE + value if key == "$ref" else _resolved(value) for key, value in schema.items()}
