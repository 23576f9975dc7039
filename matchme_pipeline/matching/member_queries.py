"""SQL of matching's inputs: members, vectors, scores, insights and pairs who have met."""

from array import array
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import date, datetime
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg.adapt import Transformer
from psycopg.pq import Format
from psycopg.rows import args_row, class_row

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import read_rows, read_vectors
from matchme_pipeline.llm.contracts import SharedInsight
from matchme_pipeline.matching.rules.limits import Limits
from matchme_pipeline.matching.rules.member_columns import Gathering, MatchableMembers
from matchme_pipeline.matching.rules.members import MemberRow
from matchme_pipeline.matching.rules.shared_insights import Approved

_MEMBERS_AT_ONCE = 10_000
# The function's columns are in the order of MemberRow's fields.
_MEMBER_COLUMNS = tuple(field.name for field in fields(MemberRow))
# Binary columns are read as another type with the same bytes: a moment as a number, most others as they are sent.
_SENT_AS = {"user_id": "text", "lat": "float8", "lng": "float8", "last_active_at": "int8"}
_STORED_AS = {
    **dict.fromkeys(_MEMBER_COLUMNS, "text"),
    **dict.fromkeys(("gender_preference", "partner_sect_preference", "tags"), "text[]"),
    **dict.fromkeys(("religion", "education_preferences", "marital_status_preferences"), "jsonb"),
    **dict.fromkeys(("religiosity_preferences",), "jsonb"),
    **dict.fromkeys(("has_children", "wants_children", "onboarding_completed", "is_matchable"), "bool"),
    **dict.fromkeys(("partner_hijab_required",), "bool"),
    **dict.fromkeys(("report_count", "age_range_min", "age_range_max", "max_distance"), "int4"),
    **dict.fromkeys(("partner_age_min", "partner_age_max", "partner_prayer_importance"), "int4"),
    "birthdate": "date",
}


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


def matchable_members(
    connection: Connection, cutoff: datetime, limits: Limits, user_ids: Collection[str] | None = None
) -> MatchableMembers:
    """Like `members_as_of`, as columns of those who can be matched.

    Values are read as the bytes that the server sends, and each different one is converted once, so that no value that
    Python refuses ends the reading, and no member is an object.
    """
    loaders = Transformer(connection)
    kinds = {
        name: info.array_oid if kind.endswith("[]") else info.oid
        for name, kind in _STORED_AS.items()
        if (info := connection.adapters.types.get(kind.removesuffix("[]"))) is not None
    }

    def read(name: str, stored: bytes | None) -> Any:
        return None if stored is None else loaders.get_loader(kinds[name], Format.BINARY).load(stored)

    gathering = Gathering(cutoff, limits, read)
    rows = read_rows(
        connection,
        """
        select * from matchme_members_as_of(%(cutoff)s) as m
        where %(users)s::text[] is null or m.user_id = any(%(users)s)
        """,
        {"cutoff": cutoff, "users": None if user_ids is None else list(user_ids)},
        [_SENT_AS.get(name, "bytea") for name in _MEMBER_COLUMNS],
    )
    while block := list(islice(rows, _MEMBERS_AT_ONCE)):
        gathering.add(dict(zip(_MEMBER_COLUMNS, zip(*block, strict=True), strict=True)))
    return gathering.done()


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


def approved_titles(connection: Connection, cutoff: datetime) -> Approved:
    """The titles of all insights that members had approved by `cutoff`, as columns."""
    members: dict[str, int] = {}
    titles: dict[tuple[str, str], int] = {}
    member, title = array("q"), array("q")
    # In the order of `approved_insights`: of a member's equal titles, the last one counts.
    for user_id, category, written in read_rows(
        connection,
        """
        select clerk_user_id, insight_category, left(title, 500)
        from user_insights
        where status = 'approved' and reviewed_at < %s
        order by clerk_user_id, insight_category, title, id
        """,
        [cutoff],
        ["text", "text", "text"],
    ):
        member.append(members.setdefault(user_id, len(members)))
        title.append(titles.setdefault((category, written), len(titles)))
    return Approved(list(members), list(titles), np.array(member, dtype=np.intp), np.array(title, dtype=np.intp))


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
