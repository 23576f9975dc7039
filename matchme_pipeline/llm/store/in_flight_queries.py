"""SQL of claims on questions in flight, over all processes."""

import uuid
from collections.abc import Collection

from matchme_pipeline.database.connection import Connection

# Claims of a killed process are deleted after this time.
_ABANDONED_SECONDS = 60


def take(connection: Connection, holder: uuid.UUID, keys: Collection[str], seconds: float) -> set[str]:
    """Claim for `holder` those of `keys` that no other holder has claimed; returns them.

    A claim expires after `seconds`. Must run inside a transaction.
    """
    connection.execute(
        """
        delete from llm_underway
        where key in (
            select key
            from llm_underway
            where held_until < clock_timestamp() - make_interval(secs => %s)
            for update skip locked
        )
        """,
        [_ABANDONED_SECONDS],
    )
    rows = connection.execute(
        """
        insert into llm_underway as u (key, holder, held_until)
        select key, %(holder)s, clock_timestamp() + make_interval(secs => %(seconds)s)
        from unnest(%(keys)s::text[]) as k (key)
        -- All processes use one order, so that two that want the same keys cannot deadlock.
        order by key
        on conflict (key) do update
        set holder = excluded.holder, held_until = excluded.held_until
        where u.held_until < clock_timestamp() or u.holder = excluded.holder
        returning key
        """,
        {"holder": holder, "keys": sorted(set(keys)), "seconds": seconds},
    ).fetchall()
    return {key for (key,) in rows}


def renew(connection: Connection, holder: uuid.UUID, keys: Collection[str], seconds: float) -> None:
    """Extend the claims of `holder` on `keys` by `seconds` from now."""
    connection.execute(
        """
        update llm_underway
        set held_until = clock_timestamp() + make_interval(secs => %s)
        where key = any(%s) and holder = %s
        """,
        [seconds, list(keys), holder],
    )


def release(connection: Connection, holder: uuid.UUID, keys: Collection[str]) -> None:
    """Release the claims of `holder` on `keys`."""
    connection.execute("delete from llm_underway where key = any(%s) and holder = %s", [list(keys), holder])
