"""Numbered vectors by binary COPY, parsed by NumPy: no Python object per row or component."""

from collections.abc import Sequence
from typing import Any, LiteralString

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import VECTOR_DIMENSIONS

# The signature (11 bytes), flags and the header extension's length come first; a field count of -1 ends the data.
_HEADER_BYTES = 19
_TRAILER_BYTES = 2
# One row of (integer, vector), big-endian: number of fields; length and value; length, dimensions, unused, components.
_ROW = np.dtype(
    [
        ("fields", ">i2"),
        ("number_length", ">i4"),
        ("number", ">i4"),
        ("vector_length", ">i4"),
        ("dimensions", ">i2"),
        ("unused", ">i2"),
        ("vector", ">f4", (VECTOR_DIMENSIONS,)),
    ]
)


def copy_numbered_vectors(
    connection: Connection, copy: LiteralString, parameters: Sequence[Any] = ()
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Run `copy`, a `copy (select integer, vector) to stdout (format binary)` without nulls.

    Returns the numbers, int64 of shape (rows,), and their vectors, float32 of shape (rows, 1536). Raises ValueError
    for rows of another shape.
    """
    with connection.cursor() as cursor, cursor.copy(copy, parameters) as data:
        # Joined at once: the server sends one small message per row.
        received = b"".join(data)
    body = memoryview(received)[_HEADER_BYTES : len(received) - _TRAILER_BYTES]
    if len(body) % _ROW.itemsize:
        raise ValueError(f"rows are not of one integer and one vector of {VECTOR_DIMENSIONS} dimensions")
    rows = np.frombuffer(body, dtype=_ROW)
    if not (rows["fields"] == 2).all() or not (rows["dimensions"] == VECTOR_DIMENSIONS).all():
        raise ValueError(f"rows are not of one integer and one vector of {VECTOR_DIMENSIONS} dimensions")
    return rows["number"].astype(np.int64), rows["vector"].astype(np.float32)
