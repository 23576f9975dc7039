"""What Dagster's catalogue says of every asset, check, job, schedule and sensor before anything has run."""

from pathlib import Path

import pytest
from dagster import AssetKey, CodeReferencesMetadataValue, LocalFileCodeReference, TableSchema

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.definitions import defs
from matchme_pipeline.row_preview_queries import shown_columns
from matchme_pipeline.table_metadata import table_columns
from matchme_pipeline.weekly_assets import PARTITIONS_IN_WORDS, weekly_partitions

GRAPH = defs.resolve_asset_graph()
OURS = sorted(GRAPH.materializable_asset_keys)


@pytest.mark.parametrize("key", OURS, ids=str)
def test_an_asset_is_explained(key: AssetKey):
    node = GRAPH.get(key)
    assert node.description
    assert node.description.endswith(PARTITIONS_IN_WORDS)
    assert node.group_name != "default"
    assert node.owners
    assert node.kinds
    assert node.freshness_policy is not None
    metadata = node.metadata
    assert metadata["dagster/table_name"] == f"public.{metadata['table']}"
    schema = metadata.get("dagster/column_schema")
    assert isinstance(schema, TableSchema), f"describe the columns of {metadata['table']} in table_columns.yaml"
    assert all(column.description for column in schema.columns)
    references = metadata["dagster/code_references"]
    assert isinstance(references, CodeReferencesMetadataValue)
    (reference, *_) = references.code_references
    assert isinstance(reference, LocalFileCodeReference)
    source, line = Path(reference.file_path), reference.line_number
    assert source.name == "assets.py"
    assert line is not None
    # The line is the asset's own, not the decorator's that wraps it.
    assert f"def {key.to_user_string()}(" in "\n".join(source.read_text("utf-8").splitlines()[line - 1 : line + 20])


def test_everything_that_starts_or_watches_runs_is_explained():
    for one in [*(defs.jobs or []), *(defs.schedules or []), *(defs.sensors or [])]:
        assert one.description, one.name
    for key in GRAPH.asset_check_keys:
        assert GRAPH.get(key).description, key
        # Without partitions "Execute" could not ask for the week: declare it with `weekly_check`.
        assert GRAPH.get(key).partitions_def == weekly_partitions, key


def test_the_columns_that_are_shown_are_the_databases(app_database: Connection):
    for table, columns in table_columns().items():
        found = app_database.execute(
            """
            select attname, format_type(atttypid, atttypmod)
            from pg_attribute
            where attrelid = %s::regclass and attnum > 0 and not attisdropped
            """,
            [table],
        ).fetchall()
        assert dict(found) == {name: kind for name, (kind, _) in columns.items()}, table


def test_a_preview_of_rows_has_room_for_no_members_words_or_ids():
    for table, columns in table_columns().items():
        shown = shown_columns(table)
        assert shown, table
        for name in shown:
            kind, _ = columns[name]
            assert not name.endswith("_id"), (table, name)
            assert not kind.startswith(("json", "uuid", "bytea", "vector")), (table, name)
        assert not {"title", "description", "source_quote", "worker"} & set(shown)
