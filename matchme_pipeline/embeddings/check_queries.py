"""SQL of the embeddings checks."""

from datetime import date

from matchme_pipeline.database.connection import Connection


def item_coverage(connection: Connection, week: date) -> tuple[int, dict[str, int]]:
    """The week's items with content, and how many of them have a vector of each model."""
    row = connection.execute(
        "select count(*) from content_items where week = %s and status = 'ready'", [week]
    ).fetchone()
    by_model = connection.execute(
        """
        select e.model, count(*)
        from content_items c
        join content_embeddings e on e.content_hash = c.content_hash
        where c.week = %s and c.status = 'ready'
        group by e.model
        order by e.model
        """,
        [week],
    ).fetchall()
    return (int(row[0]) if row else 0), dict(by_model)


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


def members_by_model(connection: Connection, week: date) -> tuple[int, dict[str, int]]:
    """The number of members with a vector of the week, and the numbers by model."""
    row = connection.execute("select count(distinct user_id) from user_embeddings where week = %s", [week]).fetchone()
    by_model = connection.execute(
        "select model, count(*) from user_embeddings where week = %s group by model order by model", [week]
    ).fetchall()
    return (int(row[0]) if row else 0), dict(by_model)
