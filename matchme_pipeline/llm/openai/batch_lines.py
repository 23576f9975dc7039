"""The files of OpenAI's Batch API: request lines out, answer lines back."""

from collections.abc import Mapping

from matchme_pipeline.llm.execution.exchange import Json, Reply


def request_lines(bodies: Mapping[str, str], endpoint: str) -> bytes:
    """A file of requests, one per line, with their ids; `bodies` are JSON texts."""
    return "\n".join(
        f'{{"custom_id": "{custom_id}", "method": "POST", "url": "{endpoint}", "body": {body}}}'
        for custom_id, body in bodies.items()
    ).encode()


def read_line(line: Json) -> tuple[str, Reply | None]:
    """The request id of a line of a result file and its answer; None for a request that failed or was never run."""
    name, response = str(line.get("custom_id")), line.get("response")
    if not isinstance(response, dict) or response.get("status_code") != 200:
        return name, None
    body, request_id = response.get("body"), response.get("request_id")
    return name, Reply(body if isinstance(body, dict) else None, str(request_id) if request_id else None, {}, None)
