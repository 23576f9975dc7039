"""Reading a batch's result files: whatever their order, once, in one transaction with the booking."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.llm.execution.batch_work import BatchWork, LineResult
from matchme_pipeline.llm.openai.client import Reply
from matchme_pipeline.llm.provider import Answered, Embedded
from matchme_pipeline.llm.store import batch_queries, queries
from matchme_pipeline.llm.store.batch_queries import Batch

# Lines whose rows are written together.
LINES_AT_ONCE = 500

Json = dict[str, object]


def book_results(
    connection: Connection, work: BatchWork, batch: Batch, lines: Iterable[bytes]
) -> list[Answered | Embedded] | None:
    """Keep what `lines` brought and book what it cost, inside the caller's transaction; None if somebody has before.

    Returns what is settled. A request without an answer, a line that is no JSON and a line twice bring nothing.
    """
    if not batch_queries.take_for_reading(connection, batch.id):
        return None
    settled: list[Answered | Embedded] = []
    results = _results(work, batch, lines)
    while some := list(islice(results, LINES_AT_ONCE)):
        queries.save_calls(connection, [result.call for result in some])
        queries.save_answers(connection, [answer for result in some for answer in result.answers])
        queries.save_vectors(connection, [vector for result in some for vector in result.vectors])
        settled += [outcome for result in some for outcome in result.outcomes()]
    queries.release_budget(connection, batch.id)
    return settled


def reply_of(line: Json) -> Reply | None:
    """The answer in a line of a result file, None for a request that failed or was never run."""
    response = line.get("response")
    if not isinstance(response, dict) or response.get("status_code") != 200:
        return None
    body = response.get("body")
    request_id = response.get("request_id")
    return Reply(body if isinstance(body, dict) else None, str(request_id) if request_id else None, {}, None, 0)


def _results(work: BatchWork, batch: Batch, lines: Iterable[bytes]) -> Iterator[LineResult]:
    seen = set()
    for text in lines:
        line = _object(text)
        name, reply = str(line.get("custom_id")), reply_of(line)
        if reply is not None and name in batch.requests and name not in seen:
            seen.add(name)
            yield work.read(tuple(batch.requests[name]), reply)


def _object(text: bytes) -> Json:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
