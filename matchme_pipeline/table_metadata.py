"""Metadata of an asset's table for Dagster's catalogue: its name, and its columns with their meaning."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from dagster import TableColumn, TableSchema

_COLUMNS = Path(__file__).with_name("table_columns.yaml")


@cache
def table_columns() -> dict[str, dict[str, tuple[str, str]]]:
    """Type and meaning of every column of the assets' tables, by table and column."""
    tables = yaml.safe_load(_COLUMNS.read_text("utf-8"))
    return {table: {name: (kind, text) for name, (kind, text) in rows.items()} for table, rows in tables.items()}


def of_table(name: str) -> dict[str, Any]:
    """Metadata for an asset that writes table `name`; includes columns if `table_columns.yaml` describes them."""
    columns = [
        TableColumn(column, kind, description=meaning)
        for column, (kind, meaning) in table_columns().get(name, {}).items()
    ]
    schema = {"dagster/column_schema": TableSchema(columns=columns)} if columns else {}
    return {"dagster/table_name": f"public.{name}", **schema}
