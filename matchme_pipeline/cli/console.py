"""Where the command's words go: results to standard output, progress and errors to standard error."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

# A pipe or a log file has no width of its own; tables need more than a narrow terminal's.
_WIDTH_WITHOUT_TERMINAL = 120

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str = "") -> None:
    """One line for a person, on standard error."""
    err.print(text)


def result(text: str) -> None:
    """One line of the command's result, on standard output, unformatted."""
    out.print(text, markup=False)


def as_json(value: Any) -> None:
    """The command's result for a script: one JSON document on standard output."""
    out.print(json.dumps(value, default=str, ensure_ascii=False, indent=2), markup=False)


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Progress bars on standard error, gone from the screen's last line when the work ends."""
    with Progress(
        TextColumn("{task.description:<18}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[step]}"),
        console=err,
    ) as progress:
        yield progress
