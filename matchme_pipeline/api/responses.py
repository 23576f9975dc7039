"""The error answers of an endpoint, for its entry in the OpenAPI document."""

from typing import Any

from matchme_pipeline.api.problems import MEDIA_TYPE, ProblemDetails

DESCRIPTIONS = {
    400: "A token in the URL, or a body that is not JSON.",
    401: "No token, or an invalid one.",
    403: "Not allowed for this caller.",
    404: "There is no such thing.",
    408: "The body did not come within ten seconds.",
    409: "Not possible in the present state.",
    410: "Expired.",
    413: "The body is too large.",
    422: "Wrong values.",
    429: "Too many requests; Retry-After says when to come back.",
    431: "The headers are too large.",
    503: "The database, Dagster's storage or the issuer's keys do not answer.",
}
# Errors that any endpoint may return.
ALWAYS = (400, 408, 413, 429, 431, 503)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses` for an endpoint that may answer with these statuses."""
    schema = {"$ref": f"#/components/schemas/{ProblemDetails.__name__}"}
    return {
        status: {"description": DESCRIPTIONS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted({*statuses, *ALWAYS})
    }
