"""Deletion: deleted members, and deleted or edited content, leave every table of the pipeline."""

from collections.abc import Sequence
from datetime import date

from matchme_pipeline.content import deletion_queries
from matchme_pipeline.content.canonical import locate_quote
from matchme_pipeline.database.connection import Connection


def sweep(connection: Connection) -> dict[str, int]:
    """Remove the rows of deleted members and of items that are gone; returns the number of rows by table."""
    with connection.transaction():
        gone = deletion_queries.members_to_forget(connection)
        removed = deletion_queries.remove_members(connection, gone) if gone else {}
        orphans = deletion_queries.remove_gone_items(connection)
    by_table = {**removed, **{f"{name}_of_deleted_items": count for name, count in orphans.items()}}
    return {table: count for table, count in by_table.items() if count}


def forget(connection: Connection, user_ids: Sequence[str]) -> dict[str, int]:
    """Remove members from every table of the pipeline at once; returns the number of rows by table.

    For deleted members. If a member still exists, the next run analyses their content again.
    """
    with connection.transaction():
        return deletion_queries.remove_members(connection, list(user_ids))


def forget_edited(connection: Connection, week: date) -> int:
    """Remove the week's insights whose quotes were edited out of their items; returns the number of insights.

    An insight whose quote is still in the edited text stays, with the member's review.
    """
    with connection.transaction():
        lost = [
            source
            for source, quote, text in deletion_queries.sources_of_edited_items(connection, week)
            if locate_quote(text or "", quote or "") is None
        ]
        return deletion_queries.remove_sources(connection, lost)
