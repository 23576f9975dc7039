"""All SQL of matching."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg.rows import args_row, class_row
from psycopg.types.json import Jsonb
from pydantic_core import to_json

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import read_vectors, stage_rows
from matchme_pipeline.llm.contracts import SharedInsight
from matchme_pipeline.matching.members import MemberRow

# Ids of match rows are derived from their content, so that publishing the same match again finds its row.
NAMESPACE = uuid.UUID("b3d6a4f0-40a2-4d4c-9b0d-2f0a6f1f8a77")


@dataclass(frozen=True)
class PublishedRow:
    """A row of `weekly_matches` as it stands.

    `touched`: its member has viewed or acted on it, and neither of the two has deleted themselves since.
    """

    user_id: str
    match_user_id: str
    rank: int
    touched: bool


@dataclass(frozen=True)
class MatchRow:
    """A row to publish."""

    user_id: str
    match_user_id: str
    score: Decimal
    rank: int
    factors: dict[str, Any]


@dataclass(frozen=True)
class PairRow:
    """A published pair, once, `a` before `b`, with its preview as it stands."""

    a: str
    b: str
    preview: dict[str, Any] | None


def members_as_of(connection: Connection, cutoff: datetime, user_ids: Collection[str] | None = None) -> list[MemberRow]:
    """Members who had joined by `cutoff` and have not deleted themselves, with what they have stated."""
    # The columns are in the order of MemberRow's fields.
    with connection.cursor(row_factory=args_row(MemberRow)) as cursor:
        return cursor.execute(
            """
            select
                p.clerk_user_id as user_id, p.gender, p.gender_preference,
                -- A date that no calendar holds (infinity, before Christ) is unknown; it must not end the whole read.
                case when p.birthdate between '0001-01-01' and '9999-12-31' then p.birthdate end as birthdate,
                p.lat::float8 as lat, p.lng::float8 as lng, p.religion, p.marital_status, p.has_children,
                p.wants_children, p.education_level, p.family_values, p.onboarding_completed, p.is_matchable,
                p.profile_visibility, p.report_count,
                case when p.last_active_at between '0001-01-02' and '9999-12-30' then p.last_active_at end
                    as last_active_at,
                m.age_range_min, m.age_range_max, m.max_distance, m.education_preferences,
                m.marital_status_preferences, m.has_children_preference, m.religiosity_preferences,
                i.sect, i.prayer_frequency, i.partner_sect_preference, i.partner_age_min, i.partner_age_max,
                i.partner_prayer_importance, i.partner_hijab_required, p.tags
            from profiles p
            left join match_preferences m on m.clerk_user_id = p.clerk_user_id
            left join islamic_preferences i on i.clerk_user_id = p.clerk_user_id
            where p.created_at < %(cutoff)s and p.deleted_at is null
                and (%(users)s::text[] is null or p.clerk_user_id = any(%(users)s))
            order by p.clerk_user_id
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
    """The week's DNA scores of members who have left the seed state."""
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
        select clerk_user_id, id::text, insight_category, title, description
        from user_insights
        where status = 'approved' and reviewed_at < %(cutoff)s
            and (%(users)s::text[] is null or clerk_user_id = any(%(users)s))
        order by clerk_user_id, insight_category, title, id
        """,
        {"cutoff": cutoff, "users": None if user_ids is None else list(user_ids)},
    ).fetchall()
    result: dict[str, list[SharedInsight]] = defaultdict(list)
    for user_id, insight_id, category, title, description in rows:
        result[user_id].append(SharedInsight(insight_id, category, title, description))
    return result


def pairs_in_conversation(connection: Connection, cutoff: datetime) -> list[tuple[str, str]]:
    """Pairs who were talking before `cutoff`."""
    return connection.execute(
        "select user1_clerk_id, user2_clerk_id from conversations where created_at < %s order by 1, 2", [cutoff]
    ).fetchall()


def pairs_shown(
    connection: Connection, match_week: date, window_weeks: int, published_before: datetime | None = None
) -> list[tuple[str, str]]:
    """Pairs that any other week within the window shows, earlier or later.

    `published_before` leaves out what was published since: the pairs that a first run of this week could not know.
    """
    return connection.execute(
        """
        select distinct least(user_id, match_user_id), greatest(user_id, match_user_id)
        from weekly_matches
        where week_start_date <> %(week)s
            and abs(week_start_date - %(week)s) < 7 * %(window)s
            and (%(before)s::timestamptz is null or created_at < %(before)s)
        order by 1, 2
        """,
        {"week": match_week, "window": window_weeks, "before": published_before},
    ).fetchall()


def first_published(connection: Connection, match_week: date) -> datetime | None:
    """When the week's oldest row was published; None for a week without rows."""
    row = connection.execute(
        "select min(created_at) from weekly_matches where week_start_date = %s", [match_week]
    ).fetchone()
    return row[0] if row else None


def published_rows(connection: Connection, match_week: date) -> list[PublishedRow]:
    """The week's rows as they stand."""
    with connection.cursor(row_factory=class_row(PublishedRow)) as cursor:
        return cursor.execute(
            """
            select user_id, match_user_id, rank,
                (viewed_at is not null or actioned_at is not null)
                    and not exists (
                        select from profiles p
                        where p.clerk_user_id in (user_id, match_user_id) and p.deleted_at is not null
                    ) as touched
            from weekly_matches
            where week_start_date = %s
            order by user_id, rank, match_user_id
            """,
            [match_week],
        ).fetchall()


def replace_matches(
    connection: Connection,
    match_week: date,
    model: str,
    dagster_run_id: str,
    rows: Sequence[MatchRow],
    fixed: Collection[tuple[str, str]],
) -> tuple[int, int]:
    """Make `rows` the week's matches in one transaction; returns how many were written and removed.

    Rows of `fixed` pairs are left as they are. A row that is right already is not touched.
    """
    # Both rows of a pair have the same factors: they are written out and read in once.
    number_of = {id(row.factors): number for number, row in enumerate(rows)}
    with connection.transaction():
        stage_rows(
            connection,
            "new_factors",
            [("number", "integer"), ("factors", "jsonb")],
            ((number, Jsonb(rows[number].factors, dumps=_dumps)) for number in number_of.values()),
        )
        stage_rows(
            connection,
            "new_matches",
            [
                ("id", "uuid"),
                ("user_id", "text"),
                ("match_user_id", "text"),
                ("score", "numeric"),
                ("rank", "integer"),
                ("number", "integer"),
            ],
            (
                (
                    uuid.uuid5(NAMESPACE, f"{row.user_id}|{row.match_user_id}|{match_week}"),
                    row.user_id,
                    row.match_user_id,
                    row.score,
                    row.rank,
                    number_of[id(row.factors)],
                )
                for row in rows
            ),
        )
        pairs = sorted({tuple(sorted(pair)) for pair in fixed})
        removed = connection.execute(
            """
            delete from weekly_matches m
            where m.week_start_date = %(week)s
                and not exists (
                    select from new_matches n where n.user_id = m.user_id and n.match_user_id = m.match_user_id
                )
                and not exists (
                    select from unnest(%(a)s::text[], %(b)s::text[]) as f (a, b)
                    where f.a = least(m.user_id, m.match_user_id) and f.b = greatest(m.user_id, m.match_user_id)
                )
            """,
            {"week": match_week, "a": [a for a, _ in pairs], "b": [b for _, b in pairs]},
        ).rowcount
        written = connection.execute(
            """
            insert into weekly_matches as m (
                id, user_id, match_user_id, score, rank, week_start_date, compatibility_factors, embedding_model,
                batch_run_id
            )
            select n.id, n.user_id, n.match_user_id, n.score, n.rank, %(week)s, f.factors, %(model)s,
                (select h.id from batch_run_history h where h.dagster_run_id = %(run)s)
            from new_matches n
            join new_factors f on f.number = n.number
            on conflict (user_id, match_user_id, week_start_date) do update
            set score = excluded.score, rank = excluded.rank, compatibility_factors = excluded.compatibility_factors,
                embedding_model = excluded.embedding_model, batch_run_id = excluded.batch_run_id
            where (m.score, m.rank, m.compatibility_factors, m.embedding_model)
                is distinct from
                (excluded.score, excluded.rank, excluded.compatibility_factors, excluded.embedding_model)
            """,
            {"week": match_week, "model": model, "run": dagster_run_id},
        ).rowcount
    return written, removed


def pairs_of_week(connection: Connection, match_week: date) -> list[PairRow]:
    """The week's pairs, once each."""
    with connection.cursor(row_factory=class_row(PairRow)) as cursor:
        return cursor.execute(
            """
            select user_id as a, match_user_id as b, chaichat_preview as preview
            from weekly_matches
            where week_start_date = %s and user_id < match_user_id
            order by user_id, match_user_id
            """,
            [match_week],
        ).fetchall()


def save_previews(connection: Connection, match_week: date, previews: Mapping[tuple[str, str], dict[str, Any]]) -> int:
    """Write each pair's preview to both of its rows, in one transaction; returns how many rows changed."""
    pairs = sorted(previews)
    with connection.transaction():
        return connection.execute(
            """
            update weekly_matches m
            set chaichat_preview = n.preview
            from unnest(%(a)s::text[], %(b)s::text[], %(previews)s::jsonb[]) as n (a, b, preview)
            where m.week_start_date = %(week)s
                and least(m.user_id, m.match_user_id) = n.a and greatest(m.user_id, m.match_user_id) = n.b
                and m.chaichat_preview is distinct from n.preview
            """,
            {
                "week": match_week,
                "a": [a for a, _ in pairs],
                "b": [b for _, b in pairs],
                "previews": [Jsonb(previews[pair], dumps=_dumps) for pair in pairs],
            },
        ).rowcount


def common_attributes(connection: Connection, user_ids: Collection[str]) -> dict[str, dict[str, list[str]]]:
    """What members show openly and may share: languages and hobbies. Nothing that anybody filters by."""
    rows = connection.execute(
        "select clerk_user_id, languages, hobbies from profiles where clerk_user_id = any(%s)", [list(user_ids)]
    ).fetchall()
    return {user_id: {"languages": languages or [], "hobbies": hobbies or []} for user_id, languages, hobbies in rows}


def _dumps(value: object) -> bytes:
    return to_json(value)
