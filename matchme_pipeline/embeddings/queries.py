"""All SQL of the embeddings stages, and the readers of vectors that later stages use."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from psycopg.types.json import Jsonb

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import read_vectors, stage_rows


@dataclass(frozen=True)
class ItemOfMember:
    """A live content item as of a cutoff; `content_hash` is None until its week is hashed."""

    user_id: str
    item_type: str
    item_id: UUID
    shared_at: datetime
    depth_level: int
    content_hash: str | None
    has_vector: bool


@dataclass(frozen=True)
class VectorRow:
    """One member's vector of a week, ready to be written."""

    user_id: str
    embedding: NDArray[np.float32]
    items: int
    sources: dict[str, int]
    part_hashes: list[str]
    input_hash: str


def items_as_of(
    connection: Connection, cutoff: datetime, model: str, user_ids: Collection[str] | None = None
) -> list[ItemOfMember]:
    """Every live content item shared before `cutoff`, of all weeks, and whether `model` has embedded it.

    Items of weeks that were never materialised are included, so that a missed week changes no later one.
    """
    rows = connection.execute(
        """
        select l.user_id, l.item_type, l.item_id, l.shared_at, coalesce(l.depth_level, 1), c.content_hash,
            e.content_hash is not null
        from matchme_live_items l
        join matchme_present_members m on m.user_id = l.user_id and m.joined_at < %(cutoff)s
        left join content_items c on c.item_type = l.item_type and c.item_id = l.item_id
        left join content_embeddings e on e.content_hash = c.content_hash and e.model = %(model)s
        where coalesce(c.status, 'ready') = 'ready' and l.shared_at < %(cutoff)s
            and (%(users)s::text[] is null or l.user_id = any(%(users)s))
        order by l.user_id, l.shared_at, l.item_id
        """,
        {"cutoff": cutoff, "model": model, "users": _ids(user_ids)},
    ).fetchall()
    return [ItemOfMember(*row) for row in rows]


def texts_of_items(connection: Connection, item_ids: Collection[UUID]) -> dict[UUID, str | None]:
    """The text of posts and voice introductions, by id."""
    return dict(
        connection.execute(
            """
            select id, caption from posts where id = any(%(ids)s)
            union all
            select id, transcription from voice_introductions where id = any(%(ids)s)
            """,
            {"ids": list(item_ids)},
        ).fetchall()
    )


def publish_post_vectors(connection: Connection, cutoff: datetime, model: str) -> int:
    """Write the vectors of hashed posts that have none, or one of another model; returns the number of changed posts.

    Hashing has already removed the vector of an edited caption.
    """
    return connection.execute(
        """
        update posts p
        set embedding = e.embedding, embedding_model = e.model
        from content_embeddings e
        where e.content_hash = p.content_hash and e.model = %(model)s and p.created_at < %(cutoff)s
            and p.deleted_at is null
            and (p.embedding is null or p.embedding_model is distinct from e.model)
        """,
        {"model": model, "cutoff": cutoff},
    ).rowcount


def vectors_by_hash(connection: Connection, hashes: Sequence[str], model: str) -> tuple[list[str], NDArray[np.float32]]:
    """The stored vectors of `model` for `hashes`: their hashes in order, and float32 of shape (found, 1536)."""
    return read_vectors(
        connection,
        """
        select content_hash, embedding from content_embeddings
        where model = %s and content_hash = any(%s)
        order by content_hash
        """,
        [model, list(hashes)],
        expected=len(hashes),
    )


def biographies_as_of(
    connection: Connection, cutoff: datetime, user_ids: Collection[str] | None = None
) -> list[tuple[str, str | None]]:
    """Present members who joined before `cutoff`, with their biography."""
    return connection.execute(
        """
        select user_id, bio
        from matchme_present_members
        where joined_at < %(cutoff)s and (%(users)s::text[] is null or user_id = any(%(users)s))
        order by user_id
        """,
        {"cutoff": cutoff, "users": _ids(user_ids)},
    ).fetchall()


def answers_as_of(
    connection: Connection, cutoff: datetime, user_ids: Collection[str] | None = None
) -> list[tuple[str, str, Any]]:
    """Questionnaire answers given before `cutoff`: member, question, answer as JSON."""
    return connection.execute(
        """
        -- The text of every answer contains its question, which may be long.
        select a.clerk_user_id, left(q.question, 1000), a.answer
        from dna_answers a
        join dna_questionnaires q on q.id = a.question_id
        join matchme_present_members m on m.user_id = a.clerk_user_id and m.joined_at < %(cutoff)s
        where a.created_at < %(cutoff)s and (%(users)s::text[] is null or a.clerk_user_id = any(%(users)s))
        order by a.clerk_user_id, q.id
        """,
        {"cutoff": cutoff, "users": _ids(user_ids)},
    ).fetchall()


def approved_insights_as_of(
    connection: Connection, cutoff: datetime, user_ids: Collection[str] | None = None
) -> list[tuple[str, str, str, datetime]]:
    """Insights approved before `cutoff`: member, title, description, time of the review."""
    return connection.execute(
        """
        select i.clerk_user_id, i.title, i.description, i.reviewed_at
        from user_insights i
        join matchme_present_members m on m.user_id = i.clerk_user_id and m.joined_at < %(cutoff)s
        where i.status = 'approved' and i.reviewed_at < %(cutoff)s
            and (%(users)s::text[] is null or i.clerk_user_id = any(%(users)s))
        order by i.clerk_user_id, i.id
        """,
        {"cutoff": cutoff, "users": _ids(user_ids)},
    ).fetchall()


def stored_input_hashes(connection: Connection, week: date, model: str) -> dict[str, str]:
    """The input hash of each member's stored vector of the week."""
    return dict(
        connection.execute(
            "select user_id, input_hash from user_embeddings where week = %s and model = %s", [week, model]
        ).fetchall()
    )


def replace_member_vectors(
    connection: Connection, week: date, model: str, changed: Iterable[Sequence[VectorRow]], keep: Collection[str]
) -> tuple[int, int]:
    """Write groups of `changed` vectors and remove those of members outside `keep`, all in one transaction.

    A group is computed after the previous one is written, so that memory holds one group. Returns (written, removed).
    """
    written = 0
    with connection.transaction():
        for group in changed:
            stage_rows(
                connection,
                "member_vectors",
                [
                    ("user_id", "text"),
                    ("embedding", "vector"),
                    ("items", "integer"),
                    ("sources", "jsonb"),
                    ("part_hashes", "text[]"),
                    ("input_hash", "text"),
                ],
                (
                    (row.user_id, row.embedding, row.items, Jsonb(row.sources), row.part_hashes, row.input_hash)
                    for row in group
                ),
            )
            written += connection.execute(
                """
                insert into user_embeddings (
                    user_id, week, model, embedding, items, sources, part_hashes, input_hash
                )
                select user_id, %s, %s, embedding, items, sources, part_hashes, input_hash from member_vectors
                on conflict (user_id, week, model) do update
                set embedding = excluded.embedding, items = excluded.items, sources = excluded.sources,
                    part_hashes = excluded.part_hashes, input_hash = excluded.input_hash, computed_at = now()
                """,
                [week, model],
            ).rowcount
        removed = connection.execute(
            "delete from user_embeddings where week = %s and model = %s and user_id <> all(%s)",
            [week, model, list(keep)],
        ).rowcount
    return written, removed


def _ids(user_ids: Collection[str] | None) -> list[str] | None:
    """Member ids as a parameter; None means all members."""
    return None if user_ids is None else list(user_ids)
