"""SQL of the index over member vectors."""

from datetime import date

from psycopg import sql

from matchme_pipeline.database.connection import Connection

INDEX_PREFIX = "user_embeddings_hnsw_"
# Enough to build the graph of a hundred thousand members in memory; larger builds continue more slowly.
_BUILD_MEMORY_MB = 1_024


def newest_week(connection: Connection, model: str) -> date | None:
    """The newest week with vectors of `model`."""
    row = connection.execute("select max(week) from user_embeddings where model = %s", [model]).fetchone()
    return row[0] if row else None


def pgvector_version(connection: Connection) -> tuple[int, int]:
    """The version of the extension in this database: major, minor."""
    row = connection.execute("select extversion from pg_extension where extname = 'vector'").fetchone()
    major, minor = (row[0] if row else "0.0").split(".")[:2]
    return int(major), int(minor)


def indexes(connection: Connection) -> set[str]:
    """The names of the indexes over member vectors."""
    rows = connection.execute(
        """
        select c.relname
        from pg_index i
        join pg_class c on c.oid = i.indexrelid
        where i.indrelid = 'user_embeddings'::regclass and i.indisvalid and starts_with(c.relname, %s)
        """,
        [INDEX_PREFIX],
    ).fetchall()
    return {name for (name,) in rows}


def replace_index(connection: Connection, name: str, week: date, model: str) -> None:
    """Build the index `name` and drop those of other weeks in one transaction. Raises psycopg's errors and then changes
    nothing.
    """
    with connection.transaction():
        connection.execute(
            "select set_config('maintenance_work_mem', %s, true), set_config('statement_timeout', '0', true)",
            [f"{_BUILD_MEMORY_MB}MB"],
        )
        # The predicate of an index takes no parameters; the values are quoted as literals.
        connection.execute(
            sql.SQL(
                """
                create index {name} on user_embeddings using hnsw ((embedding::halfvec(1536)) halfvec_ip_ops)
                where week = {week} and model = {model}
                """
            ).format(name=sql.Identifier(name), week=sql.Literal(week), model=sql.Literal(model))
        )
        this_week = name.rpartition("_")[0]
        for other in sorted(indexes(connection)):
            if not other.startswith(this_week):
                connection.execute(sql.SQL("drop index {}").format(sql.Identifier(other)))
