"""Values in PostgreSQL's binary wire format: the fields of rows that are written by COPY block by block.

A field is its length (four bytes, -1 for null) and its value. psycopg converts value by value; here a column's few
different values are converted once.
"""

import struct
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from hashlib import sha1
from uuid import UUID

import numpy as np

NULL = b"\xff\xff\xff\xff"
_EPOCH = date(2000, 1, 1)
_JSONB_VERSION = b"\x01"
_LENGTH = struct.Struct(">i")
_INTEGER = struct.Struct(">ii")
# Number of digits, weight of the first, sign, decimals; then digits to the base of ten thousand.
_NUMERIC = struct.Struct(">ihhhhhh")
_UUID_BYTES = 16
_NUMBERS_KEPT = 100_000


def text(value: str) -> bytes:
    """A text."""
    encoded = value.encode()
    return _LENGTH.pack(len(encoded)) + encoded


def integer(value: int) -> bytes:
    """An integer of four bytes."""
    return _INTEGER.pack(4, value)


def day(value: date) -> bytes:
    """A date."""
    return _INTEGER.pack(4, (value - _EPOCH).days)


def uuid(value: UUID) -> bytes:
    """A UUID."""
    return _LENGTH.pack(_UUID_BYTES) + value.bytes


def document(json: bytes) -> bytes:
    """A jsonb value from its JSON."""
    return _LENGTH.pack(len(json) + 1) + _JSONB_VERSION + json


@lru_cache(maxsize=_NUMBERS_KEPT)
def hundredths(value: int) -> bytes:
    """A numeric with two decimals, from its hundredths; from -999,999 to 999,999."""
    whole, rest = divmod(abs(value), 100)
    return _NUMERIC.pack(12, 2, 0, 0x4000 if value < 0 else 0, 2, whole, rest * 100)


def uuids_of_names(namespace: UUID, names: Iterable[str]) -> list[bytes]:
    """The UUIDs that `uuid.uuid5` derives from the names, as fields."""
    prefix = namespace.bytes
    digests = b"".join(sha1(prefix + name.encode(), usedforsecurity=False).digest()[:_UUID_BYTES] for name in names)
    made = np.frombuffer(digests, dtype=np.uint8).reshape(-1, _UUID_BYTES).copy()
    # The version, five, and the variant of RFC 9562.
    made[:, 6] = made[:, 6] & 0x0F | 0x50
    made[:, 8] = made[:, 8] & 0x3F | 0x80
    length, whole = _LENGTH.pack(_UUID_BYTES), made.tobytes()
    return [length + whole[begin : begin + _UUID_BYTES] for begin in range(0, len(whole), _UUID_BYTES)]
