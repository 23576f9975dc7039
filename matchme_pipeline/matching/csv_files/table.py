"""Reads a CSV file row by row with line numbers, so that every error names its line."""

import csv
import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from matchme_pipeline.errors import InputFileError
from matchme_pipeline.matching.csv_files import cells as reading
from matchme_pipeline.matching.csv_files.columns import Column
from matchme_pipeline.matching.csv_files.problems import Problems, quoted

# A vector of some thousand dimensions, or a long text, is one cell.
MAX_CELL = 16_000_000
_SEPARATORS = ",;\t"


class Table:
    """A CSV file with a header; `columns` are the known columns, `unused` the unknown ones.

    `ids_made_plain` counts ids with invisible characters or in another Unicode form.
    """

    def __init__(self, path: Path, known: Sequence[Column], problems: Problems) -> None:
        """Read the header. Raises InputFileError if the file is not a CSV file with the required columns."""
        self._path, self._problems = path, problems
        self.ids_made_plain = 0
        csv.field_size_limit(MAX_CELL)
        with _opened(path) as lines:
            first = _first_line(path, lines)
        names = [column.name for column in known]
        # The separator under which the header names the most columns.
        self._separator = max(_SEPARATORS, key=lambda mark: len({*_cells(first, mark)} & {*names}))
        self.header = _cells(first, self._separator)
        self._require_columns(known)
        self.columns = {column.name: column for column in known if column.name in self.header}
        self.unused = [name for name in self.header if name not in names]
        self.misspelled = {
            name: close[0]
            for name in self.unused
            if (close := difflib.get_close_matches(name, [n for n in names if n not in self.header], n=1, cutoff=0.8))
        }
        self._absent = {column.name: column.absent for column in known if column.name not in self.header}

    def rows(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Every row: its first line number and its values by column; None for an empty or invalid cell.

        Errors are added to the problems.
        """
        with _opened(self._path) as lines:
            reader = csv.reader(lines, delimiter=self._separator, strict=True)
            begins = 1
            while True:
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    self._problems.add(begins, "(the whole row)", f"{error}; check the quotes from this line on")
                    return
                except UnicodeDecodeError as error:
                    raise _not_text(self._path, error) from None
                line, begins = begins, reader.line_num + 1
                if line > 1 and any(cell.strip() for cell in cells):
                    yield line, self._values(line, cells)

    def _values(self, line: int, cells: Sequence[str]) -> dict[str, Any]:
        if len(cells) != len(self.header):
            self._problems.add(
                line,
                "(the whole row)",
                f"{len(cells)} cells where the header has {len(self.header)}; put texts with a separator into quotes",
            )
            return {}
        values = dict(self._absent)
        for name, cell in zip(self.header, cells, strict=True):
            column = self.columns.get(name)
            if column is not None:
                values[name] = self._value(line, column, reading.trimmed(cell), cell)
        return values

    def _value(self, line: int, column: Column, cell: str, written: str) -> Any:
        if not cell:
            if column.filled:
                self._problems.add(line, column.name, "is empty; fill it, or remove the row")
            return None
        try:
            value = column.read(cell)
        except ValueError as error:
            self._problems.add(line, column.name, f"{quoted(cell)} {error}")
            return None
        if column.read is reading.identifier and value != written.strip():
            self.ids_made_plain += 1
        for unknown in column.unknown_values(value) if column.unknown_values else ():
            self._problems.unknown(line, column.name, unknown)
        return value

    def _require_columns(self, known: Sequence[Column]) -> None:
        twice = sorted({name for name in self.header if self.header.count(name) > 1})
        if twice:
            raise InputFileError(f"{self._path} has the column {quoted(twice[0])} twice; remove one of the two.")
        missing = [column.name for column in known if column.required and column.name not in self.header]
        if missing:
            have = ", ".join(quoted(name) for name in self.header[:10])
            raise InputFileError(
                f"{self._path}, line 1: no column {quoted(missing[0])}; the header has {have}. "
                "Add the column, or rename one."
            )


def _opened(path: Path) -> TextIO:
    try:
        return path.open(encoding="utf-8-sig", newline="")
    except OSError as error:
        raise InputFileError(f"{path} cannot be read ({error.strerror}). Check the path.") from None


def _first_line(path: Path, lines: TextIO) -> str:
    try:
        first = lines.readline()
    except UnicodeDecodeError as error:
        raise _not_text(path, error) from None
    if not first.strip():
        raise InputFileError(f"{path} is empty; its first line must name the columns.")
    return first.rstrip("\r\n")


def _cells(line: str, separator: str) -> list[str]:
    try:
        return [reading.trimmed(cell) for cell in next(csv.reader([line], delimiter=separator), [])]
    except csv.Error:
        return []


def _not_text(path: Path, error: UnicodeDecodeError) -> InputFileError:
    return InputFileError(f"{path} is not UTF-8 text (byte {error.start}: {error.reason}). Save it as CSV in UTF-8.")
