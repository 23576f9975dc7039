"""Errors in the shape that the app reads: `{"error": sentence}`, with the request's id beside it."""

from collections.abc import Mapping
from typing import Any

from matchme_pipeline.api.problems import ProblemError


class FunctionError(ProblemError):
    """An answer of a function that is an error; `sentence` is what the app shows, `more` stands beside it."""

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(status, "function", sentence, headers)
        self.more = more
