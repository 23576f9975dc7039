"""Binary COPY in both directions, for vectors and for thousands of rows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, LiteralString

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from matchme_pipeline.database.connection import Connection

VECTOR_DIMENSIONS = 1536
_VECTOR_HEADER_BYTES = 4
_VECTORS_AT_FIRST = 1_024
# Signature, flags, and the length of an absent extension.
_COPY_HEADER_BYTES = 19
_COPY_TRAILER_BYTES = 2


def copy_rows(
    connection: Connection, table: str, columns: Sequence[str], types: Sequence[str], rows: Iterable[Sequence[Any]]
) -> int:
    """Write `rows` into `table` by binary COPY; `types` are PostgreSQL's names of the columns' types.

    Returns the number of rows. Runs inside the caller's transaction; a row that violates a constraint raises psycopg's
    error, and nothing is written.
    """
    statement = sql.SQL("copy {} ({}) from stdin (format binary)").format(
        sql.Identifier(*table.split(".")), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    count = 0
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)
            count += 1
    return count


def stage_rows(
    connection: Connection,
    name: str,
    columns: Sequence[tuple[str, str]],
    rows: Iterable[Sequence[Any]],
) -> int:
    """Load `rows` into a temporary table that is dropped at the transaction's end; returns their number.

    `columns` are (name, PostgreSQL type). For bulk updates and upserts by a single statement. Must run inside a
    transaction, which also keeps it on one backend behind a transaction pooler.
    """
    definition = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(_type_name(kind))) for column, kind in columns
    )
    connection.execute(sql.SQL("drop table if exists pg_temp.{}").format(sql.Identifier(name)))
    connection.execute(
        sql.SQL("create temporary table {} ({}) on commit drop").format(sql.Identifier(name), definition)
    )
    count = copy_rows(connection, name, [column for column, _ in columns], [kind for _, kind in columns], rows)
    connection.execute(sql.SQL("analyze {}").format(sql.Identifier(name)))
    return count


def read_vectors(
    connection: Connection, query: LiteralString, parameters: Sequence[Any] = (), expected: int = _VECTORS_AT_FIRST
) -> tuple[list[str], NDArray[np.float32]]:
    """Run `query`, whose rows are (text, vector), and stream its result as binary COPY.

    Returns the keys and their vectors, float32 of shape (rows, 1536). With the right number of `expected` rows, no
    vector is moved in memory.
    """
    keys: list[str] = []
    vectors = np.empty((max(1, expected), VECTOR_DIMENSIONS), dtype=np.float32)
    statement = sql.SQL("copy ({}) to stdout (format binary)").format(sql.SQL(query))
    with connection.cursor() as cursor, cursor.copy(statement, parameters) as copy:
        # A vector in the wire format: its dimensions, a reserved number, big-endian floats.
        copy.set_types(["text", "bytea"])
        for key, sent in copy.rows():
            if len(keys) == len(vectors):
                # In place: a second array would double the memory for a large population.
                vectors.resize((2 * len(vectors), VECTOR_DIMENSIONS), refcheck=False)
            vectors[len(keys)] = np.frombuffer(sent, dtype=">f4", offset=_VECTOR_HEADER_BYTES)
            keys.append(key)
    vectors.resize((len(keys), VECTOR_DIMENSIONS), refcheck=False)
    return keys, vectors


def read_integers(
    connection: Connection, query: LiteralString, parameters: Sequence[Any] | Mapping[str, Any], columns: int
) -> NDArray[np.int32]:
    """Run `query`, whose rows contain only integers without nulls, as binary COPY: int32 of shape (rows, columns).

    The bytes are read as one array; no row becomes a Python object.
    """
    statement = sql.SQL("copy ({}) to stdout (format binary)").format(sql.SQL(query))
    received = bytearray()
    with connection.cursor() as cursor, cursor.copy(statement, parameters) as copy:
        for chunk in copy:
            received += chunk
    # A row is the number of its fields, then the length and the value of each.
    row = np.dtype([("fields", ">i2"), ("values", [("length", ">i4"), ("value", ">i4")], (columns,))])
    rows, rest = divmod(len(received) - _COPY_HEADER_BYTES - _COPY_TRAILER_BYTES, row.itemsize)
    read = np.frombuffer(received, dtype=row, count=rows, offset=_COPY_HEADER_BYTES)
    if rest or not ((read["fields"] == columns).all() and (read["values"]["length"] == 4).all()):
        raise ValueError(f"the query does not give {columns} integers without nulls in every row")
    return read["values"]["value"].astype(np.int32)


def _type_name(kind: str) -> Any:
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789_()[], ")
    if not set(kind) <= allowed:
        raise ValueError(f"'{kind}' is not a PostgreSQL type name")
    return kind
