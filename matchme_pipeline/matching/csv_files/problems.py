"""Errors in a file, collected so that the user can correct them at once: all are counted, the first are shown."""

from collections import Counter

from matchme_pipeline.errors import InputFileError

SHOWN = 20
_MAX_VALUE = 60


class Problems:
    """Problems of one file, which stop the work, and unknown values in it, which are reported and count as missing."""

    def __init__(self, file: str) -> None:
        """`file` names the file in every message."""
        self.file = file
        self.count = 0
        self._shown: list[str] = []
        self._unknown: Counter[tuple[str, str]] = Counter()
        self._first_line: dict[tuple[str, str], int] = {}

    def add(self, line: int, column: str, text: str) -> None:
        """A problem in a column of a line (the line on which its row begins)."""
        self.count += 1
        if len(self._shown) < SHOWN:
            self._shown.append(f"line {line}, column {column}: {text}")

    def unknown(self, line: int, column: str, value: str) -> None:
        """A value outside the vocabulary."""
        self._unknown[column, value] += 1
        self._first_line.setdefault((column, value), line)

    def raise_if_any(self) -> None:
        """Raise InputFileError if there are problems."""
        if not self.count:
            return
        more = f"\n  and {self.count - len(self._shown)} more" if self.count > len(self._shown) else ""
        things = "1 problem" if self.count == 1 else f"{self.count} problems"
        listed = "".join(f"\n  {problem}" for problem in self._shown)
        raise InputFileError(f"{self.file} has {things}; nothing was written.{listed}{more}")

    def unknown_values(self) -> list[dict[str, object]]:
        """Every unknown value with its column, its count and its first line; frequent values first."""
        return [
            {"column": column, "value": value, "times": times, "first_line": self._first_line[column, value]}
            for (column, value), times in sorted(self._unknown.items(), key=lambda item: (-item[1], item[0]))
        ]


def quoted(value: str) -> str:
    """A value as a message shows it: in quotes, long ones cut."""
    return f"'{value if len(value) <= _MAX_VALUE else value[:_MAX_VALUE] + '…'}'"
