"""Parsers of single cells: each takes the text of a non-empty cell and returns its value.

They raise ValueError that names the problem and a correct form; the caller adds value, line and column.
"""

import csv
import json
import math
import unicodedata
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

_YES, _NO = {"true", "t", "yes", "1"}, {"false", "f", "no", "0"}
_GENDERS = {
    **dict.fromkeys(("male", "m", "man", "men"), "male"),
    **dict.fromkeys(("female", "f", "woman", "women"), "female"),
}
# Characters that Unicode calls letters or marks although they are invisible.
_FILLERS = "\u034f\u115f\u1160\u2800\u3164\uffa0"
# Religion, tags and vectors are flat; deeper JSON is a mistake, and Python's parser gives up at about a thousand.
_MAX_JSON_DEPTH = 64
_TOO_DEEP = f"is nested more than {_MAX_JSON_DEPTH} deep; write plain values in one array or object"


def text(cell: str) -> str:
    """The cell unchanged."""
    return cell


def identifier(cell: str) -> str:
    """An id in Unicode's composed form without invisible characters, which spreadsheets and web pages add."""
    kept = "".join(mark for mark in cell if not is_invisible(mark))
    plain = unicodedata.normalize("NFC", kept).strip()
    if not plain:
        raise ValueError("has no visible character; write the member's id")
    return plain


def is_invisible(mark: str) -> bool:
    """Is a character invisible? Format and control characters, variation selectors and fillers are."""
    return unicodedata.category(mark) in ("Cf", "Cc") or mark in _FILLERS or "\ufe00" <= mark <= "\ufe0f"


def trimmed(cell: str) -> str:
    """The cell without spaces and invisible characters at its ends; inside the text they may matter."""
    begin, end = 0, len(cell)
    while begin < end and (cell[begin].isspace() or is_invisible(cell[begin])):
        begin += 1
    while end > begin and (cell[end - 1].isspace() or is_invisible(cell[end - 1])):
        end -= 1
    return cell[begin:end]


def gender(cell: str) -> str:
    """Male or female, as people write it."""
    plain = cell.casefold()
    if plain not in _GENDERS:
        raise ValueError("is neither male nor female; write male or female (m and f, man and woman are read, too)")
    return _GENDERS[plain]


def genders(cell: str) -> list[str]:
    """Genders of a preference; unknown words stay unchanged and are reported."""
    return [_GENDERS.get(one.casefold(), one) for one in listed(cell)]


def one_of(*values: str) -> Callable[[str], str]:
    """One of `values`, in any case."""
    known = {value.casefold(): value for value in values}

    def read(cell: str) -> str:
        if cell.casefold() not in known:
            raise ValueError(f"is not one of {', '.join(values)}; write one of them")
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
            raise ValueError(f"is not a whole number; write digits, such as {min(max(low, 30), high)}")
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
            raise ValueError("is not a number; write digits with a decimal point, such as 51.5")
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
        raise ValueError("is not a date; write YYYY-MM-DD") from None


def moment(cell: str) -> datetime:
    """A date with or without a time; UTC if it has no zone."""
    try:
        read = datetime.fromisoformat(cell)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is not a time; write YYYY-MM-DD or YYYY-MM-DD HH:MM:SS+00:00") from None


def listed(cell: str) -> list[str]:
    """Several values: separated by ; or |, or as a JSON array, or as PostgreSQL writes an array."""
    if cell.startswith("["):
        try:
            items = _json(cell)
        except ValueError as error:
            raise ValueError(str(error) or 'is not a JSON array; write ["a", "b"], or a;b') from None
        return [str(item) for item in items if item is not None]
    if cell.startswith("{") and cell.endswith("}"):
        try:
            parts = next(csv.reader([cell[1:-1]], escapechar="\\", doublequote=False), [])
        except csv.Error as error:
            raise ValueError(f"is not an array ({error}); write a;b") from None
    else:
        parts = cell.replace("|", ";").split(";")
    return [part.strip() for part in parts if part.strip()]


def json_value(cell: str) -> Any:
    """JSON; matching only reads objects."""
    try:
        return _json(cell)
    except ValueError as error:
        raise ValueError(str(error) or 'is not JSON; write {"sect": "sunni", "practiceLevel": "moderate"}') from None


def vector(cell: str) -> NDArray[np.float32]:
    """A vector as a JSON array of finite numbers, which is also how pgvector writes one."""
    try:
        values = np.array(_json(cell), dtype=np.float32)
    except (ValueError, TypeError, OverflowError):
        values = np.empty(0, dtype=np.float32)
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise ValueError("is not a vector; write finite numbers as [0.1, -0.2, …]")
    return values


def _json(cell: str) -> Any:
    """Parsed JSON. Raises ValueError; it has a text only if the remedy is not simply to write JSON."""
    try:
        value = json.loads(cell)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except ValueError:
        raise ValueError from None
    level = [value]
    for _ in range(_MAX_JSON_DEPTH):
        level = [inner for one in level if isinstance(one, list | dict) for inner in _inside(one)]
        if not level:
            break
    else:
        raise ValueError(_TOO_DEEP)
    if "\\u" in cell:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("contains half a character (\\ud800 to \\udfff); write the whole character") from None
    return value


def _inside(value: list[Any] | dict[str, Any]) -> Collection[Any]:
    return value.values() if isinstance(value, dict) else value
