"""SQL of content items: the app's rows, and the week's hashed rows."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from uuid import UUID

from matchme_pipeline.content import deletion_queries
from matchme_pipeline.content.items import HashedItem, RawItem
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import stage_rows


def live_items(
    connection: Connection, first: datetime, before: datetime, *, only_unhashed: bool = False
) -> list[RawItem]:
    """Live posts and transcribed voice introductions shared in [first, before).

    `only_unhashed`: only items without a row in `content_items`, because their week was never materialised.
    """
    rows = connection.execute(
        """
        select i.item_type, i.item_id, i.user_id, i.shared_at, i.content, i.categories, i.depth_level
        from matchme_live_items i
        join matchme_present_members m on m.user_id = i.user_id
        where i.shared_at >= %(first)s and i.shared_at < %(before)s
            and not (
                %(only_unhashed)s
                and exists (select from content_items c where c.item_type = i.item_type and c.item_id = i.item_id)
            )
        order by i.shared_at, i.item_id
        """,
        {"first": first, "before": before, "only_unhashed": only_unhashed},
    ).fetchall()
    return [
        RawItem(kind, item_id, user_id, shared_at, text, tuple(categories or ()), depth or 1)
        for kind, item_id, user_id, shared_at, text, categories, depth in rows
    ]


def first_items_by_hash(
    connection: Connection, hashes: Collection[str], before: datetime
) -> dict[str, tuple[datetime, UUID]]:
    """The earliest hashed item of each of `hashes` that was shared before `before`: when it was, and its id."""
    rows = connection.execute(
        """
        select distinct on (content_hash) content_hash, shared_at, item_id
        from content_items
        where content_hash = any(%s) and shared_at < %s
        order by content_hash, shared_at, item_id
        """,
        [list(hashes), before],
    ).fetchall()
    return {digest: (shared_at, item_id) for digest, shared_at, item_id in rows}


def replace_items(connection: Connection, week: date, items: Sequence[HashedItem]) -> int:
    """Make `items` the week's content items, and write hash and status to posts; returns the number of changed rows.

    Unchanged rows are not written, because an update of `posts` rebuilds its text index. Answers about a text that was
    edited away are removed, unless another item has that text.
    """
    with connection.transaction():
        _stage_items(connection, items)
        _stage_lost_texts(connection, week)
        removed = _remove_missing_items(connection, week)
        written = _write_items(connection, week)
        _reset_posts(connection)
        deletion_queries.remove_lost_texts(connection)
    return removed + written


def _stage_items(connection: Connection, items: Sequence[HashedItem]) -> None:
    stage_rows(
        connection,
        "hashed",
        [
            ("item_type", "text"),
            ("item_id", "uuid"),
            ("user_id", "text"),
            ("shared_at", "timestamptz"),
            ("content_hash", "text"),
            ("status", "text"),
            ("skip_reason", "text"),
            ("duplicate_of", "uuid"),
            ("characters", "integer"),
        ],
        [
            (
                item.raw.item_type,
                item.raw.item_id,
                item.raw.user_id,
                item.raw.shared_at,
                item.content_hash,
                item.status,
                None if item.content_hash else "empty",
                item.duplicate_of,
                item.characters,
            )
            for item in items
        ],
    )


def _stage_lost_texts(connection: Connection, week: date) -> None:
    """Stage `lost_texts`: the hashes that the week's items no longer have."""
    connection.execute("drop table if exists pg_temp.lost_texts")
    connection.execute(
        """
        create temporary table lost_texts on commit drop as
        select c.content_hash
        from content_items c
        left join hashed h on h.item_type = c.item_type and h.item_id = c.item_id
        where (h.item_id is not null or c.week = %s) and c.content_hash is distinct from h.content_hash
        """,
        [week],
    )


def _remove_missing_items(connection: Connection, week: date) -> int:
    return connection.execute(
        """
        delete from content_items c
        where c.week = %s
            and not exists (select from hashed h where h.item_type = c.item_type and h.item_id = c.item_id)
        """,
        [week],
    ).rowcount


def _write_items(connection: Connection, week: date) -> int:
    return connection.execute(
        """
        insert into content_items as c (
            item_type, item_id, user_id, week, shared_at, content_hash, status, skip_reason, duplicate_of,
            characters
        )
        select item_type, item_id, user_id, %s, shared_at, content_hash, status, skip_reason, duplicate_of,
            characters
        from hashed
        on conflict (item_type, item_id) do update
        set user_id = excluded.user_id, week = excluded.week, shared_at = excluded.shared_at,
            content_hash = excluded.content_hash, status = excluded.status, skip_reason = excluded.skip_reason,
            duplicate_of = excluded.duplicate_of, characters = excluded.characters
        where (c.content_hash, c.status, c.duplicate_of, c.week)
            is distinct from (excluded.content_hash, excluded.status, excluded.duplicate_of, excluded.week)
        """,
        [week],
    ).rowcount


def _reset_posts(connection: Connection) -> None:
    """Write the staged hashes to posts; an edited caption is analysed and embedded again."""
    connection.execute(
        """
        update posts p
        set content_hash = h.content_hash,
            -- The vector of another text; one that the app had before this pipeline stays until it is replaced.
            embedding = case when p.content_hash is null or p.content_hash = h.content_hash then p.embedding end,
            embedding_model = case
                when p.content_hash is null or p.content_hash = h.content_hash then p.embedding_model
            end,
            processing_status = case when h.status = 'skipped' then 'skipped' else 'pending' end,
            processed_at = null,
            analysis_result = null
        from hashed h
        where h.item_type = 'post' and p.id = h.item_id
            and (
                p.content_hash is distinct from h.content_hash
                or (h.status = 'skipped') <> (coalesce(p.processing_status, 'pending') = 'skipped')
            )
        """
    )
