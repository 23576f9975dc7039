"""The part of docs/api.md that lists every endpoint, made from the OpenAPI document.

curl -s localhost:8000/openapi.json | python -m matchme_pipeline_tests.api.reference
"""

import json
import sys
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"
BEGIN, END = "<!-- endpoints: begin -->", "<!-- endpoints: end -->"
WIDTH = 110
_ALWAYS = ("400", "405", "408", "413", "429", "431", "503")


def as_markdown(document: dict[str, Any]) -> str:
    """Every operation: what it does, its parameters, a real answer, and the errors of its own."""
    parts = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts.append(_operation(document, f"{method.upper()} {path}", operation))
    return "\n\n".join(parts)


def in_place(text: str, reference: str) -> str:
    """`text` with the reference between its marks."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{reference}\n\n{END}{after}"


def compact(value: Any, indent: int = 0) -> str:
    """JSON for people: whatever fits on a line stands on one."""
    short = json.dumps(value, ensure_ascii=False)
    if len(short) + indent <= WIDTH or not isinstance(value, dict | list) or not value:
        return short
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        lines = [f"{inner}{json.dumps(key)}: {compact(item, indent + 2)}" for key, item in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{' ' * indent}}}"
    return "[\n" + ",\n".join(inner + compact(item, indent + 2) for item in value) + f"\n{' ' * indent}]"


def _operation(document: dict[str, Any], name: str, operation: dict[str, Any]) -> str:
    lines = [f"### `{name}`", "", operation["description"]]
    taken = [_parameter(one) for one in operation.get("parameters", [])] + _body(document, operation)
    if taken:
        lines += ["", *taken]
    for status, answer in operation["responses"].items():
        example = answer.get("content", {}).get("application/json", {}).get("example")
        if example is not None:
            lines += ["", f"{status}:", "", "```json", compact(example), "```"]
            break
    own = [status for status in operation["responses"] if status >= "400" and status not in _ALWAYS]
    if own:
        lines += ["", "Errors: " + ", ".join(own) + "."]
    return "\n".join(lines)


def _parameter(one: dict[str, Any]) -> str:
    schema = next((kind for kind in one["schema"].get("anyOf", []) if kind.get("type") != "null"), one["schema"])
    default = one["schema"].get("default")
    return f"- `{one['name']}` ({one['in']}{_kind(schema, default)}): {one['description']}"


def _body(document: dict[str, Any], operation: dict[str, Any]) -> list[str]:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body is None:
        return []
    schema = body["schema"]
    schema = next((kind for kind in schema.get("anyOf", []) if "$ref" in kind), schema)
    model = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema
    lines = []
    for field, found in model["properties"].items():
        kind = next((one for one in found.get("anyOf", []) if one.get("type") != "null"), found)
        kind = document["components"]["schemas"].get(kind.get("$ref", "").rsplit("/", 1)[-1], kind)
        says = f": {found['description']}" if "description" in found else ""
        lines.append(f"- `{field}` (body{_kind(kind, found.get('default'))}){says}")
    for example in model.get("examples", []):
        lines += ["", "```json", compact(example), "```"]
    return lines


def _kind(schema: dict[str, Any], default: Any) -> str:
    parts = [schema.get("format") or schema.get("type", "")]
    if "enum" in schema:
        parts = [" \\| ".join(f"`{one}`" for one in schema["enum"])]
    if "minimum" in schema and "maximum" in schema:
        parts.append(f"{schema['minimum']} to {schema['maximum']}")
    if default is not None:
        parts.append(f"else {default}")
    return "".join(f", {part}" for part in parts if part)


def main() -> None:
    """Write the reference into the document."""
    document = json.load(sys.stdin)
    DOCUMENT.write_text(in_place(DOCUMENT.read_text("utf-8"), as_markdown(document)), "utf-8")


if __name__ == "__main__":
    main()
