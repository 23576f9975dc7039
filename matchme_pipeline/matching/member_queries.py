"""SQL of matching's inputs: members, vectors, scores, insights and pairs who have met."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg.rows import args_row, class_row

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import read_vectors
from matchme_pipeline.llm.contracts import SharedInsight
from matchme_pipeline.matching.rules.members import MemberRow


@dataclass(frozen=True)
class PairRow:
    """A published pair, once, with `a` before `b`, and its current preview."""

    a: str
    b: str
    preview: dict[str, Any] | None


def members_as_of(connection: Connection, cutoff: datetime, user_ids: Collection[str] | None = None) -> list[MemberRow]:
    """Present members who joined before `cutoff`, with their stated attributes and preferences."""
    # The function's columns are in the order of MemberRow's fields.
    with connection.cursor(row_factory=args_row(MemberRow)) as cursor:
        return cursor.execute(
            """
            select * from matchme_members_as_of(%(cutoff)s) as m
            where %(users)s::text[] is null or m.user_id = any(%(users)s)
            order by m.user_id
            """,
            {"cutoff": cutoff, "users": None if user_ids is None else list(user_ids)},
        ).fetchall()


def member_vectors(
    connection: Connection, week: date, model: str, user_ids: Collection[str] | None = None
) -> tuple[list[str], NDArray[np.float32]]:
    """Members' vectors of the week under `model`: ids in order, float32 of shape (members, 1536)."""
    ids = None if user_ids is None else list(user_ids)
    return read_vectors(
        connection,
        """
        select user_id, embedding from user_embeddings
        where week = %s and model = %s and (%s::text[] is null or user_id = any(%s)) order by user_id
        """,
        [week, model, ids, ids],
    )


def dna_scores(connection: Connection, week: date, user_ids: Collection[str] | None = None) -> dict[str, int]:
    """The week's DNA scores of members with enough data for a score."""
    return dict(
        connection.execute(
            """
            select user_id, score from dna_score_history
            where week = %(week)s and not seed_state and (%(users)s::text[] is null or user_id = any(%(users)s))
            """,
            {"week": week, "users": None if user_ids is None else list(user_ids)},
        ).fetchall()
    )


def approved_insights(
    connection: Connection, cutoff: datetime, user_ids: Collection[str] | None = None
) -> dict[str, list[SharedInsight]]:
    """Insights that members had approved by `cutoff`, by member, in a fixed order."""
    rows = connection.execute(
        """
        -- Ours are far shorter; the app may write any length, and every pair of a member would carry it.
        select i.clerk_user_id, i.id::text, i.insight_category, left(i.title, 500), left(i.description, 5000),
            left(p.first_name, 500), left(p.last_name, 500)
        from user_insights i
        left join profiles p on p.clerk_user_id = i.clerk_user_id
        where i.status = 'approved' and i.reviewed_at < %(cutoff)s
            and (%(users)s::text[] is null or i.clerk_user_id = any(%(users)s))
        order by i.clerk_user_id, i.insight_category, i.title, i.id
        """,
        {"cutoff": cutoff, "users": None if user_ids is None else list(user_ids)},
    ).fetchall()
    result: dict[str, list[SharedInsight]] = defaultdict(list)
    for user_id, insight_id, category, title, description, *names in rows:
        own = tuple(name for name in names if name)
        result[user_id].append(SharedInsight(insight_id, category, title, description, own))
    return result


def pairs_of_week(connection: Connection, match_week: date) -> list[PairRow]:
    """The week's pairs, once each, without rows of another batch, which stay unchanged."""
    with connection.cursor(row_factory=class_row(PairRow)) as cursor:
        return cursor.execute(
            """
            select user_id as a, match_user_id as b, chaichat_preview as preview
            from weekly_matches
            where week_start_date = %s and user_id < match_user_id and embedding_model is not null
            order by user_id, match_user_id
            """,
            [match_week],
        ).fetchall()
