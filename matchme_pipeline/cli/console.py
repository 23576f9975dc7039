"""The command's output: results to standard output, progress and errors to standard error."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

# A pipe or a log file has no width; tables need more than a narrow terminal's width.
_WIDTH_WITHOUT_TERMINAL = 120

# The words at the end of a task with several steps.
ENDS = ("done", "failed")

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


class ProgressLines(Progress):
    """Progress as lines for logs and pipes: one line per finished stage, and updates of long stages."""

    # A stage that takes longer says what it is doing.
    report_interval_seconds = 10.0

    def __init__(self, console: Console) -> None:
        super().__init__(console=console, auto_refresh=False)
        self._last_line = time.monotonic()

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""

    def update(self, task_id: TaskID, **changes: Any) -> None:
        """Change a task as `Progress.update` does."""
        was_finished = self._tasks[task_id].finished
        super().update(task_id, **changes)
        ended = self._tasks[task_id].finished and not was_finished
        if ended or changes.get("step") in ENDS or self._is_long_ago():
            self._say(task_id)

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """Advance a task as `Progress.advance` does."""
        super().advance(task_id, advance)
        if self._tasks[task_id].fields["step"] or self._is_long_ago():
            self._say(task_id)

    def _is_long_ago(self) -> bool:
        return time.monotonic() - self._last_line >= self.report_interval_seconds

    def _say(self, task_id: TaskID) -> None:
        task = self._tasks[task_id]
        self._last_line = time.monotonic()
        total = "" if task.total is None else f"/{int(task.total):,}"
        line = f"{task.description}  {int(task.completed):,}{total}  {task.elapsed or 0:.1f} s  {task.fields['step']}"
        self.console.print(line.rstrip(), markup=False)


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Progress on standard error: bars on a terminal, otherwise one line per stage."""
    if not err.is_terminal:
        yield ProgressLines(err)
        return
    with Progress(
        TextColumn("{task.description:<18}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[step]}"),
        console=err,
    ) as progress:
        yield progress
