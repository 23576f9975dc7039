"""SQL of the requests that were sent within the last minute, over all processes, by provider."""

from collections.abc import Mapping

from matchme_pipeline.database.connection import Connection


def take(
    connection: Connection,
    provider: str,
    most_requests: int | None,
    most_tokens: int | None,
    tokens: int,
    window_seconds: float,
    corrections: Mapping[int, int],
) -> tuple[int | None, float]:
    """Take a place for a request of `tokens` in the window of `provider`: its id and 0.

    Without room: None and the seconds until the oldest request leaves the window. `corrections`: actual counts of sent
    requests, by id. Must run inside a transaction; one process at a time.
    """
    connection.execute("select pg_advisory_xact_lock(hashtext('matchme departures ' || %s))", [provider])
    _correct(connection, corrections)
    connection.execute(
        """
        delete from llm_departures
        where provider = %s and left_at <= clock_timestamp() - make_interval(secs => %s)
        """,
        [provider, window_seconds],
    )
    row = connection.execute(
        """
        insert into llm_departures (provider, tokens)
        select %(provider)s, %(tokens)s::bigint
        from (
            select count(*) as requests, coalesce(sum(tokens), 0) as tokens
            from llm_departures
            where provider = %(provider)s
        ) gone
        where (%(most_requests)s::bigint is null or gone.requests < %(most_requests)s)
            and (%(most_tokens)s::bigint is null or gone.tokens + %(tokens)s <= %(most_tokens)s)
        returning id
        """,
        {"provider": provider, "tokens": tokens, "most_requests": most_requests, "most_tokens": most_tokens},
    ).fetchone()
    if row is not None:
        return int(row[0]), 0.0
    oldest = connection.execute(
        """
        select extract(epoch from min(left_at) - clock_timestamp())::float8 + %s
        from llm_departures
        where provider = %s
        """,
        [window_seconds, provider],
    ).fetchone()
    return None, float(oldest[0]) if oldest is not None and oldest[0] is not None else 0.0


def _correct(connection: Connection, tokens_by_id: Mapping[int, int]) -> None:
    if tokens_by_id:
        connection.execute(
            """
            update llm_departures d
            set tokens = c.tokens
            from unnest(%s::bigint[], %s::bigint[]) as c (id, tokens)
            where d.id = c.id
            """,
            [list(tokens_by_id), list(tokens_by_id.values())],
        )
