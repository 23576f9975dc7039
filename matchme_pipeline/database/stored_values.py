"""Reads values that PostgreSQL can hold and Python cannot, so that one odd value never fails a read of all rows.

psycopg converts values while it fetches: a date in 44 BC, a JSON number of five thousand digits or a document with two
thousand levels would end the whole fetch without naming the row. Here a time or a number beyond Python's range becomes
the nearest value in the range, so that comparisons agree with PostgreSQL's, and an unreadable document becomes
`UnreadableValue`, which only fails its own row.
"""

import json
import math
import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Any

import psycopg.adapt
from psycopg import BaseConnection, DataError
from psycopg.abc import AdaptContext, Buffer, Loader
from psycopg.pq import Format
from psycopg.types.json import set_json_loads

# The app's own documents have three levels; deeper ones than this would exceed some recursion limit in Python.
MAX_JSON_DEPTH = 64
# A whole number of more digits is beyond every float, and Python refuses to read it past 4,300.
_MAX_DIGITS = 300
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_INTERVAL_BYTES = 16
# A day inside the calendar's ends, so that a time zone does not overflow.
_FIRST_MOMENT = datetime(1, 1, 2, tzinfo=UTC)
_LAST_MOMENT = datetime(9999, 12, 30, tzinfo=UTC)
_NEAREST: Mapping[str, tuple[Any, Any]] = {
    "date": (_FIRST_MOMENT.date(), _LAST_MOMENT.date()),
    "timestamp": (_FIRST_MOMENT.replace(tzinfo=None), _LAST_MOMENT.replace(tzinfo=None)),
    "timestamptz": (_FIRST_MOMENT, _LAST_MOMENT),
    "time": (time.min, time.max),
    "timetz": (time.min.replace(tzinfo=UTC), time.max.replace(tzinfo=UTC)),
    "interval": (timedelta.min, timedelta.max),
}


class UnreadableValue:
    """A JSON document that Python cannot read; `reason` completes "the document …" without quoting it."""

    def __init__(self, reason: str) -> None:
        """Store the reason."""
        self.reason = reason

    def __repr__(self) -> str:
        return f"<unreadable: {self.reason}>"


def read_json(text: str | bytes) -> Any:
    """The value of a JSON document; UnreadableValue if it has too many levels or is not JSON."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if _nests_too_deep(text):
        return UnreadableValue(f"nests deeper than {MAX_JSON_DEPTH} levels")
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        return UnreadableValue(f"cannot be read as JSON ({type(error).__name__})")


def read_json_or_none(text: str | bytes) -> Any:
    """Like `read_json`, for values that are only displayed: None if the document cannot be read."""
    value = read_json(text)
    return None if isinstance(value, UnreadableValue) else value


def json_object(value: Any) -> dict[str, Any]:
    """A stored JSON object; an empty one if the column holds another type."""
    return value if isinstance(value, dict) else {}


def json_array(value: Any) -> list[Any]:
    """A stored JSON array; an empty one if the column holds another type."""
    return value if isinstance(value, list) else []


def json_objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a JSON array; other elements become an object that describes them."""
    entries = value if isinstance(value, list) else [] if value is None else [value]
    return [entry if isinstance(entry, dict) else {"error": str(entry)} for entry in entries]


def json_texts(value: Any) -> list[str]:
    """The texts of a JSON array; other elements are left out."""
    return [entry for entry in json_array(value) if isinstance(entry, str)]


def json_number(value: Any) -> float:
    """A JSON number; 0 for another type."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def tolerate(connection: BaseConnection[Any], loads: Callable[[str | bytes], Any] = read_json) -> None:
    """Let `connection` read every time, interval and JSON document that PostgreSQL can hold."""
    set_json_loads(loads, connection)
    adapters = connection.adapters
    for name, nearest in _NEAREST.items():
        oid = adapters.types[name].oid
        for wire_format in (Format.TEXT, Format.BINARY):
            strict = adapters.get_loader(oid, wire_format)
            if strict is not None:
                adapters.register_loader(oid, _tolerant(strict, nearest))


@lru_cache(maxsize=64)
def _tolerant(strict: type[Loader], nearest: tuple[Any, Any]) -> type[Loader]:
    """The same loader, but for the values that it refuses."""
    binary = strict.format is Format.BINARY

    class Tolerant(psycopg.adapt.Loader):
        format = strict.format

        def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
            super().__init__(oid, context)
            # psycopg's compiled loaders cannot be subclassed.
            self._load = strict(oid, context).load

        def load(self, data: Buffer) -> Any:
            try:
                # psycopg reads the text of an infinite interval as no time at all.
                if not bytes(data).endswith(b"infinity"):
                    return self._load(data)
            except (DataError, ValueError, OverflowError, NotImplementedError):
                pass
            return nearest[0] if _is_before_calendar(bytes(data), binary) else nearest[1]

    return Tolerant


def _is_before_calendar(data: bytes, binary: bool) -> bool:
    """Is a value outside the calendar before it (else after)? Binary values are signed counts."""
    if binary:
        # An interval consists of microseconds, days and months; only its months can exceed the calendar.
        return data[12 if len(data) == _INTERVAL_BYTES else 0] >= 0x80
    return data.startswith(b"-") or data.rstrip().endswith(b"BC")


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_DIGITS else _number(digits)


def _number(digits: str) -> float:
    value = float(digits)
    return value if math.isfinite(value) else math.copysign(sys.float_info.max, value)


# Made once: `json.loads` makes a decoder for every document that it reads with other numbers than its own.
_DECODER = json.JSONDecoder(parse_int=_whole_number, parse_float=_number)


def _nests_too_deep(text: str) -> bool:
    if text.count("[") + text.count("{") <= MAX_JSON_DEPTH:
        return False
    depth = 0
    for match in _TOKENS.finditer(text):
        token = match.group()
        if token in ("[", "{"):
            depth += 1
            if depth > MAX_JSON_DEPTH:
                return True
        elif token in ("]", "}"):
            depth -= 1
    return False
