"""The input of the app's calls: query and body, parsed leniently; unknown fields are ignored."""

import json
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request

from matchme_pipeline.api.functions.errors import FunctionError

MAX_ROWS = 100


async def body(request: Request) -> dict[str, Any]:
    """The JSON object in the body; an empty body is an empty object. Raises FunctionError 400 for other content."""
    raw = await request.body()
    if not raw.strip():
        return {}
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise FunctionError(400, "The body is not JSON.") from None
    if not isinstance(found, dict):
        raise FunctionError(400, "The body must be a JSON object.")
    return found


Body = Annotated[dict[str, Any], Depends(body)]


def whole_number(request: Request, name: str, default: int, least: int = 1, most: int = MAX_ROWS) -> int:
    """The query's whole number, brought between `least` and `most`. Raises FunctionError 400 for another text."""
    given = request.query_params.get(name, "").strip()
    if not given:
        return default
    if not (given.removeprefix("-").isascii() and given.removeprefix("-").isdecimal()) or len(given) > 18:
        raise FunctionError(400, f"{name} must be a whole number.")
    return min(max(int(given), least), most)


def one_of(request: Request, name: str, allowed: tuple[str, ...], default: str) -> str:
    """The query's value. Raises FunctionError 400 for a value that is not allowed."""
    given = request.query_params.get(name, "").strip() or default
    if given not in allowed:
        raise FunctionError(400, f"{name} must be one of: {', '.join(allowed)}.")
    return given


def named_id(sent: dict[str, Any], *names: str, what: str) -> UUID | None:
    """The id in the body under the first existing name of `names`; None for an impossible id.

    Raises FunctionError 400 if there is none.
    """
    for name in names:
        given = sent.get(name)
        if given not in (None, ""):
            try:
                return UUID(str(given))
            except ValueError:
                return None
    raise FunctionError(400, f"{what} is required: send it as {names[0]}.")
