"""SQL of the embeddings checks."""

from datetime import date

from matchme_pipeline.database.connection import Connection


def item_coverage(connection: Connection, week: date) -> tuple[int, int]:
    """The week's items with content, and those of them with a vector of any model."""
    row = connection.execute(
        """
        select count(*), count(*) filter (
            where exists (select from content_embeddings e where e.content_hash = c.content_hash)
        )
        from content_items c
        where c.week = %s and c.status = 'ready'
        """,
        [week],
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def norms(connection: Connection, week: date) -> tuple[int, float, float]:
    """How many member vectors the week has, and the shortest and longest length among them."""
    row = connection.execute(
        """
        select count(*), coalesce(min(vector_norm(embedding)), 1), coalesce(max(vector_norm(embedding)), 1)
        from user_embeddings
        where week = %s
        """,
        [week],
    ).fetchone()
    return (int(row[0]), float(row[1]), float(row[2])) if row else (0, 1.0, 1.0)
