"""A batch's results, downloaded completely before any of them is recorded."""

from contextlib import AbstractAsyncContextManager
from typing import IO, Any

from matchme_pipeline.llm.execution.exchange import RetryableError, json_object


async def append_download(kept: IO[bytes], response: AbstractAsyncContextManager[Any], at_least: int = 0) -> None:
    """Append the streamed `response`, lines with a `custom_id`, to `kept`; on an error `kept` stays unchanged.

    Raises RetryableError for a body that is not such a file or has fewer than `at_least` lines. A proxy's page, an
    error with status 200 or half a file would otherwise count as answers, and the rest would be paid again.
    """
    begin = kept.tell()
    try:
        async with response as opened:
            async for piece in opened.iter_bytes():
                kept.write(piece)
        if not _holds_results(kept, begin) or line_count(kept, begin) < at_least:
            raise RetryableError("no_json")
    except BaseException:
        kept.seek(begin)
        kept.truncate()
        raise
    kept.write(b"\n")


def line_count(kept: IO[bytes], begin: int = 0) -> int:
    """The number of non-blank lines after `begin`; leaves `kept` at its end."""
    kept.seek(begin)
    return sum(not line.isspace() for line in kept)


def _holds_results(kept: IO[bytes], begin: int) -> bool:
    """Does `kept` begin and end with a result after `begin`, or is it empty there?"""
    kept.seek(begin)
    first = kept.readline().strip()
    end = kept.seek(0, 2)
    kept.seek(max(begin, end - 100))
    return not first or ("custom_id" in (json_object(first) or {}) and kept.read().rstrip().endswith(b"}"))
