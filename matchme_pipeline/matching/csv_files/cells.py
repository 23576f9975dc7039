"""Reading one cell: each function takes the text of a cell that is not empty and returns its value.

They raise ValueError with what is wrong and what to write instead; the caller adds value, line and column.
"""

import csv
import json
import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

_YES, _NO = {"true", "t", "yes", "1"}, {"false", "f", "no", "0"}


def text(cell: str) -> str:
    """The cell as it stands."""
    return cell


def one_of(*values: str) -> Callable[[str], str]:
    """One of `values`, in any case."""
    known = {value.casefold(): value for value in values}

    def read(cell: str) -> str:
        if cell.casefold() not in known:
            raise ValueError(f"is none of {', '.join(values)}; write one of them")
        return known[cell.casefold()]

    return read


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number from `low` to `high`."""

    def read(cell: str) -> int:
        try:
            number = float(cell) if cell.isascii() else math.nan
        except ValueError:
            number = math.nan
        if number != number or number in (math.inf, -math.inf) or number != int(number):
            raise ValueError(f"is no whole number; write digits, such as {min(max(low, 30), high)}")
        if not low <= number <= high:
            raise ValueError(f"is not between {low:,} and {high:,}; correct it, or leave the cell empty")
        return int(number)

    return read


def decimal(low: float, high: float) -> Callable[[str], float]:
    """A number from `low` to `high`, with a point."""

    def read(cell: str) -> float:
        try:
            number = float(cell)
        except ValueError:
            number = math.nan
        if number != number:
            raise ValueError("is no number; write digits with a decimal point, such as 51.5")
        if not low <= number <= high:
            raise ValueError(f"is not between {low:g} and {high:g}; correct it, or leave the cell empty")
        return number

    return read


def boolean(cell: str) -> bool:
    """True or false."""
    plain = cell.casefold()
    if plain not in _YES | _NO:
        raise ValueError("is neither true nor false; write true or false")
    return plain in _YES


def day(cell: str) -> date:
    """A date."""
    try:
        return date.fromisoformat(cell)
    except ValueError:
        raise ValueError("is no date; write YYYY-MM-DD") from None


def moment(cell: str) -> datetime:
    """A date with or without a time; UTC where no zone is written."""
    try:
        read = datetime.fromisoformat(cell)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is no time; write YYYY-MM-DD or YYYY-MM-DD HH:MM:SS+00:00") from None


def listed(cell: str) -> list[str]:
    """Several values: separated by ; or |, or as a JSON array, or as PostgreSQL writes an array."""
    if cell.startswith("["):
        try:
            items = json.loads(cell)
        except ValueError:
            raise ValueError('is no JSON array; write ["a", "b"], or a;b') from None
        return [str(item) for item in items if item is not None]
    if cell.startswith("{") and cell.endswith("}"):
        parts = next(csv.reader([cell[1:-1]], escapechar="\\", doublequote=False), [])
    else:
        parts = cell.replace("|", ";").split(";")
    return [part.strip() for part in parts if part.strip()]


def json_value(cell: str) -> Any:
    """JSON, of which matching looks into objects alone."""
    try:
        return json.loads(cell)
    except ValueError:
        raise ValueError('is no JSON; write {"sect": "sunni", "practiceLevel": "moderate"}') from None


def vector(cell: str) -> NDArray[np.float32]:
    """A vector as a JSON array of finite numbers, which is also how pgvector writes one."""
    try:
        values = np.array(json.loads(cell), dtype=np.float32)
    except (ValueError, TypeError, OverflowError):
        values = np.empty(0, dtype=np.float32)
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise ValueError("is no vector; write finite numbers as [0.1, -0.2, …]")
    return values
