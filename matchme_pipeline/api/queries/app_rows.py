"""Rows in the format of the app's own client: every column under its own name, as PostgreSQL writes it in JSON.

A JSON column is read separately; an unreadable one (for example nested too deeply) is null.
"""

from collections.abc import Sequence
from typing import Any, LiteralString

from psycopg import sql

from matchme_pipeline.database.connection import Connection

Row = dict[str, Any]


def rows(
    connection: Connection,
    table: LiteralString,
    clauses: LiteralString,
    parameters: Sequence[Any],
    json_columns: Sequence[LiteralString] = (),
) -> list[Row]:
    """`select *` from `table` (alias `t`) followed by `clauses`, each row by column names."""
    statement = sql.SQL("select to_jsonb(t) - {names}::text[], {values} from {table} t " + clauses).format(
        names=sql.Literal(list(json_columns)),
        values=sql.SQL(", ").join([*(sql.SQL("to_jsonb(t) -> {}").format(sql.Literal(c)) for c in json_columns)])
        if json_columns
        else sql.SQL("null"),
        table=sql.Identifier(table),
    )
    found = connection.execute(statement, parameters).fetchall()
    return [
        (plain or {}) | dict(zip(json_columns, values[: len(json_columns)], strict=True)) for plain, *values in found
    ]
