"""Stores a batch's results, in any order, once, in one transaction with their ledger rows."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.llm.execution.batch_work import BatchWork, LineResult
from matchme_pipeline.llm.execution.exchange import Json, Reply, json_object
from matchme_pipeline.llm.provider import Answered, Embedded
from matchme_pipeline.llm.store import answer_queries, batch_queries, budget_queries, ledger_queries
from matchme_pipeline.llm.store.batch_queries import Batch

# Lines whose rows are written together.
LINES_AT_ONCE = 500

ReadLine = Callable[[Json], tuple[str, Reply | None]]


def book_results(
    connection: Connection, work: BatchWork, batch: Batch, lines: Iterable[bytes], read_line: ReadLine
) -> list[Answered | Embedded] | None:
    """Store the results in `lines` and record their cost, inside the caller's transaction.

    Returns the settled results, or None if another run has already recorded the batch. A request without an answer, an
    invalid line and a repeated line settle nothing. `read_line` is the provider's.
    """
    if not batch_queries.mark_read(connection, batch.id):
        return None
    settled: list[Answered | Embedded] = []
    results = _results(work, batch, lines, read_line)
    while some := list(islice(results, LINES_AT_ONCE)):
        ledger_queries.save_calls(connection, [result.call for result in some])
        answer_queries.save_answers(connection, [answer for result in some for answer in result.answers])
        answer_queries.save_vectors(connection, [vector for result in some for vector in result.vectors])
        settled += [outcome for result in some for outcome in result.outcomes()]
    budget_queries.release_budget(connection, batch.id)
    return settled


def _results(work: BatchWork, batch: Batch, lines: Iterable[bytes], read_line: ReadLine) -> Iterator[LineResult]:
    seen = set()
    for text in lines:
        name, reply = read_line(json_object(text) or {})
        if reply is not None and name in batch.requests and name not in seen:
            seen.add(name)
            yield work.read(tuple(batch.requests[name]), reply)
