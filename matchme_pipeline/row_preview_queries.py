"""A few rows of an asset's table for its page in Dagster: figures, dates and codes, without texts and member ids.

Dagster keeps metadata as long as the run, and removing a member does not change Dagster's storage. Therefore a preview
contains no id and no free text: only columns of numeric, date and boolean types, and a few text columns that hold
codes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any, Protocol

import psycopg
from dagster import MetadataValue, TableRecord
from psycopg import sql

from matchme_pipeline.table_metadata import table_columns

ROWS = 5
_PLAIN_TYPES = ("integer", "bigint", "smallint", "boolean", "date", "timestamp", "numeric", "double precision", "real")
# Texts that the pipeline chooses from a fixed list.
_CODES = frozenset(
    {"item_type", "status", "skip_reason", "tier", "previous_tier", "trait_category", "model", "algorithm_version"}
    | {"embedding_model", "run_type", "action", "factors_version", "state"}
)


class Database(Protocol):
    """The part of an asset's `database` resource that a preview needs."""

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection[Any]]:
        """One connection."""
        ...


def shown_columns(table: str) -> list[str]:
    """The columns of `table` that a preview may show, in the table's order."""
    return [
        name
        for name, (kind, _) in table_columns().get(table, {}).items()
        if kind.startswith(_PLAIN_TYPES) or name in _CODES
    ]


def row_preview(connection: psycopg.Connection[Any], table: str, week: date) -> dict[str, Any]:
    """Metadata `rows`: up to five rows of the week, whichever come first; empty for a table without weeks or rows."""
    known = table_columns().get(table, {})
    if "week" in known:
        column, day = "week", week
    elif "week_start_date" in known:
        column, day = "week_start_date", week + timedelta(days=7)
    else:
        return {}
    shown = shown_columns(table)
    statement = sql.SQL("select {} from {} where {} = %s limit {}").format(
        sql.SQL(", ").join(map(sql.Identifier, shown)),
        sql.Identifier(table),
        sql.Identifier(column),
        sql.Literal(ROWS),
    )
    rows = connection.execute(statement, [day]).fetchall()
    records = [TableRecord({name: _cell(value) for name, value in zip(shown, row, strict=True)}) for row in rows]
    return {"rows": MetadataValue.table(records)} if records else {}


def _cell(value: Any) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)
