"""A batch's results, downloaded completely before any of them is recorded."""

from contextlib import AbstractAsyncContextManager
from typing import IO, Any

from matchme_pipeline.llm.execution.exchange import RetryableError, json_object


async def append_download(results: IO[bytes], response: AbstractAsyncContextManager[Any], at_least: int = 0) -> None:
    """Append the streamed `response`, lines with a `custom_id`, to `results`; on an error `results` stays unchanged.

    Raises RetryableError for a body that is not such a file or has fewer than `at_least` lines. A proxy's page, an
    error with status 200 or half a file would otherwise count as answers, and the rest would be paid again.
    """
    begin = results.tell()
    try:
        async with response as opened:
            async for piece in opened.iter_bytes():
                results.write(piece)
        if not _holds_results(results, begin) or line_count(results, begin) < at_least:
            raise RetryableError("no_json")
    except BaseException:
        results.seek(begin)
        results.truncate()
        raise
    results.write(b"\n")


def line_count(results: IO[bytes], begin: int = 0) -> int:
    """The number of non-blank lines after `begin`; leaves `results` at its end."""
    results.seek(begin)
    return sum(not line.isspace() for line in results)


def _holds_results(results: IO[bytes], begin: int) -> bool:
    """Does `results` begin and end with a result after `begin`, or is it empty there?"""
    results.seek(begin)
    first = results.readline().strip()
    end = results.seek(0, 2)
    results.seek(max(begin, end - 100))
    return not first or ("custom_id" in (json_object(first) or {}) and results.read().rstrip().endswith(b"}"))
