"""Binary COPY in both directions, for vectors and for thousands of rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice, repeat
from typing import Any, LiteralString

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from matchme_pipeline.database.connection import Connection

VECTOR_DIMENSIONS = 1536
_VECTORS_AT_FIRST = 1_024
_VECTORS_AT_ONCE = 1_000
_ROWS_AT_ONCE = 50_000
_VECTOR_BYTES = 4 * VECTOR_DIMENSIONS
# The field's length, the number of dimensions, and a reserved number.
_VECTOR_HEAD = (_VECTOR_BYTES + 4).to_bytes(4, "big") + VECTOR_DIMENSIONS.to_bytes(2, "big") + bytes(2)
# Signature, flags, and the length of an absent extension.
_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_TRAILER = b"\xff\xff"


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


def copy_fields(
    connection: Connection,
    table: str,
    columns: Sequence[str],
    blocks: Iterable[Sequence[Iterable[bytes]]],
) -> int:
    """Write rows into `table` by binary COPY, block by block; returns their number.

    A block has one iterable of fields (`binary_fields`) per column; the shortest of them ends it.
    """
    statement = sql.SQL("copy {} ({}) from stdin (format binary)").format(
        sql.Identifier(*table.split(".")), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    beginning = len(columns).to_bytes(2, "big")
    count = 0
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(_COPY_HEADER)
        for block in blocks:
            rows = list(map(b"".join, zip(repeat(beginning), *block, strict=False)))
            copy.write(b"".join(rows))
            count += len(rows)
        copy.write(_COPY_TRAILER)
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
    _create_staging_table(connection, name, columns)
    count = copy_rows(connection, name, [column for column, _ in columns], [kind for _, kind in columns], rows)
    connection.execute(sql.SQL("analyze {}").format(sql.Identifier(name)))
    return count


def stage_fields(
    connection: Connection,
    name: str,
    columns: Sequence[tuple[str, str]],
    blocks: Iterable[Sequence[Iterable[bytes]]],
) -> int:
    """Like `stage_rows`, for blocks of fields as `copy_fields` takes them."""
    _create_staging_table(connection, name, columns)
    count = copy_fields(connection, name, [column for column, _ in columns], blocks)
    connection.execute(sql.SQL("analyze {}").format(sql.Identifier(name)))
    return count


def _create_staging_table(connection: Connection, name: str, columns: Sequence[tuple[str, str]]) -> None:
    definition = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(_type_name(kind))) for column, kind in columns
    )
    connection.execute(sql.SQL("drop table if exists pg_temp.{}").format(sql.Identifier(name)))
    connection.execute(
        sql.SQL("create temporary table {} ({}) on commit drop").format(sql.Identifier(name), definition)
    )


def read_rows(
    connection: Connection, query: LiteralString, parameters: Sequence[Any] | Mapping[str, Any], types: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    """Run `query` and stream its rows as binary COPY: the client holds no more than a row.

    `types` are PostgreSQL's names of the types that each column is read as.
    """
    statement = sql.SQL("copy ({}) to stdout (format binary)").format(sql.SQL(query))
    with connection.cursor() as cursor, cursor.copy(statement, parameters) as copy:
        copy.set_types(types)
        yield from copy.rows()


def read_vectors(
    connection: Connection, query: LiteralString, parameters: Sequence[Any] = (), expected: int = _VECTORS_AT_FIRST
) -> tuple[list[str], NDArray[np.float32]]:
    """Run `query`, whose rows are (text, vector), and stream its result as binary COPY.

    Returns the keys and their vectors, float32 of shape (rows, 1536). With the right number of `expected` rows, no
    vector is moved in memory.
    """
    keys: list[str] = []
    vectors = np.empty((max(1, expected), VECTOR_DIMENSIONS), dtype=np.float32)
    for rows in _copied(connection, query, parameters, _VECTORS_AT_ONCE):
        begin, end = len(keys), len(keys) + len(rows)
        if end > len(vectors):
            # In place: a second array would double the memory for a large population.
            vectors.resize((max(2 * len(vectors), end), VECTOR_DIMENSIONS), refcheck=False)
        # A row is the number of its fields, then the length and the value of each. A vector is its dimensions, a
        # reserved number and big-endian floats, at the end of the row.
        if any(len(row) < _VECTOR_BYTES or row[-_VECTOR_BYTES - 8 : -_VECTOR_BYTES] != _VECTOR_HEAD for row in rows):
            raise ValueError("the query does not give a text and a vector without nulls in every row")
        keys += [row[6 : -_VECTOR_BYTES - 8].decode() for row in rows]
        sent = b"".join([row[-_VECTOR_BYTES:] for row in rows])
        vectors[begin:end] = np.frombuffer(sent, dtype=">f4").reshape(-1, VECTOR_DIMENSIONS)
    vectors.resize((len(keys), VECTOR_DIMENSIONS), refcheck=False)
    return keys, vectors


def read_integers(
    connection: Connection, query: LiteralString, parameters: Sequence[Any] | Mapping[str, Any], columns: int
) -> NDArray[np.int32]:
    """Run `query`, whose rows contain only integers without nulls, as binary COPY: int32 of shape (rows, columns).

    The bytes are read as one array; no row becomes a Python object.
    """
    received = bytearray()
    for block in _copied(connection, query, parameters, _ROWS_AT_ONCE):
        received += b"".join(block)
    # A row is the number of its fields, then the length and the value of each.
    row = np.dtype([("fields", ">i2"), ("values", [("length", ">i4"), ("value", ">i4")], (columns,))])
    rows, rest = divmod(len(received), row.itemsize)
    read = np.frombuffer(received, dtype=row, count=rows)
    if rest or not ((read["fields"] == columns).all() and (read["values"]["length"] == 4).all()):
        raise ValueError(f"the query does not give {columns} integers without nulls in every row")
    return read["values"]["value"].astype(np.int32)


def _copied(
    connection: Connection, query: LiteralString, parameters: Sequence[Any] | Mapping[str, Any], rows: int
) -> Iterator[list[bytes]]:
    """The rows of a query as binary COPY sends them, in blocks.

    The server sends each row as a separate message; the stream's head comes with the first message, its end with the
    last one.
    """
    statement = sql.SQL("copy ({}) to stdout (format binary)").format(sql.SQL(query))
    with connection.cursor() as cursor, cursor.copy(statement, parameters) as copy:
        messages = (bytes(message) for message in copy)
        first = next(messages, b"")[len(_COPY_HEADER) :]
        whole = (message for message in chain([first], messages) if message and message != _COPY_TRAILER)
        while block := list(islice(whole, rows)):
            yield block


def _type_name(kind: str) -> Any:
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789_()[], ")
    if not set(kind) <= allowed:
        raise ValueError(f"'{kind}' is not a PostgreSQL type name")
    return kind
