"""Forgetting: who deleted themselves, and what was deleted, leaves every table of ours."""

from collections.abc import Sequence

from matchme_pipeline.content import deletion_queries
from matchme_pipeline.database.connection import Connection


def sweep(connection: Connection) -> dict[str, int]:
    """Remove what depends on members who have deleted themselves and on items that are gone; rows by table."""
    with connection.transaction():
        gone = deletion_queries.deleted_members_with_rows(connection)
        removed = deletion_queries.remove_members(connection, gone) if gone else {}
        orphans = deletion_queries.remove_deleted_items(connection)
    return {table: count for table, count in {**removed, **orphans}.items() if count}


def forget(connection: Connection, user_ids: Sequence[str]) -> dict[str, int]:
    """Remove members from every table of ours at once; rows by table."""
    with connection.transaction():
        return deletion_queries.remove_members(connection, list(user_ids))
