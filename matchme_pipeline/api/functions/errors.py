"""Errors in the format that the app reads: `{"error": sentence}` and the request's id."""

from collections.abc import Mapping
from typing import Any

from matchme_pipeline.api.problems import ProblemError


class FunctionError(ProblemError):
    """An error answer of a function; the app shows `sentence`, and `more` adds further fields."""

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(status, "function", sentence, headers)
        self.more = more
