"""The population and its content as of a cutoff: one statement per table, never one per member."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import pandas as pd

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.dna.facts import Facts

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def facts_as_of(connection: Connection, cutoff: datetime) -> Facts:
    """All inputs of the score except vectors, read in one snapshot.

    The population is every member who has joined and is neither deleted nor hidden. Dates before 1970, infinite dates
    and missing dates are invalid: such a post is left out, and such a joining date is unknown.
    """
    parameters = {"cutoff": cutoff, "epoch": _EPOCH}
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        return Facts(
            cutoff=(cutoff - _EPOCH) // timedelta(microseconds=1),
            members=_frame(connection, _MEMBERS, parameters),
            posts=_frame(connection, _POSTS, parameters),
            insights=_frame(connection, _INSIGHTS, parameters),
            answers=_frame(connection, _ANSWERS, parameters).merge(
                _frame(connection, _QUESTIONS, {}), on="question_id", how="left"
            ),
            found=_impossible_dates(connection, parameters),
        )


def members_as_of(connection: Connection, cutoff: datetime) -> list[str]:
    """The ids of the population alone, in order."""
    rows = connection.execute(
        """
        select user_id
        from matchme_present_members
        where not is_hidden and joined_at < %s
        order by user_id
        """,
        [cutoff],
    ).fetchall()
    return [user_id for (user_id,) in rows]


def _frame(connection: Connection, statement: LiteralString, parameters: dict[str, Any]) -> pd.DataFrame:
    cursor = connection.execute(statement, parameters)
    columns = [column.name for column in cursor.description or ()]
    rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
    return pd.DataFrame(dict(zip(columns, _columns(rows, len(columns)), strict=True)), dtype=object)


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[pd.Series]:
    # Column by column as objects, so that pandas does not guess types from the values.
    return [pd.Series([row[column] for row in rows], dtype=object) for column in range(width)]


def _impossible_dates(connection: Connection, parameters: dict[str, Any]) -> Counter[str]:
    row = connection.execute(
        """
        select
            (
                select count(*) from posts
                where deleted_at is null and (created_at is null or created_at < %(epoch)s)
            ),
            (
                select count(*) from user_insights
                where status <> 'pending' and (reviewed_at is null or reviewed_at < %(epoch)s)
            ),
            (
                select count(*) from user_insights
                where reviewed_at < created_at and reviewed_at >= %(epoch)s and reviewed_at < %(cutoff)s
            )
        """,
        parameters,
    ).fetchone()
    names = ("posts_without_possible_date", "reviews_without_possible_date", "reviews_before_their_insight")
    return +Counter(dict(zip(names, row or (), strict=False)))


_MEMBERS: LiteralString = """
    select
        p.clerk_user_id as user_id,
        case
            when p.created_at >= %(epoch)s then (extract(epoch from p.created_at) * 1000000)::bigint
        end as joined,
        city.city_key::text as city,
        p.bio, p.religion, p.languages, p.hobbies, p.dietary_preferences, p.pets, p.education_level, p.occupation,
        p.industry, p.annual_income_range, p.smoking, p.exercise_frequency, p.height::float8 as height, p.build,
        p.ethnicity, p.cultural_traditions, p.hometown, p.marital_status, p.has_children, p.wants_children,
        p.family_structure, p.family_values, p.parents_marital_status, p.number_of_siblings,
        background.kinds as cultural_backgrounds,
        i.sect as islamic_sect, i.halal_preference as islamic_halal_preference, i.muslim_since, i.madhab,
        i.prayer_frequency, i.quran_reading_frequency, i.islamic_education_level, i.masjid_attendance,
        i.wali_involvement, i.islamic_studies_focus, i.spiritual_growth_style, i.community_service_level,
        i.relocate_for_spouse
    from profiles p
    left join islamic_preferences i
        on i.clerk_user_id = p.clerk_user_id and (i.created_at is null or i.created_at < %(cutoff)s)
    left join (
        select distinct on (clerk_user_id) clerk_user_id, city_key
        from user_city_assignments
        where created_at is null or created_at < %(cutoff)s
        order by clerk_user_id, created_at desc nulls last, is_current desc, id desc
    ) city on city.clerk_user_id = p.clerk_user_id
    left join (
        select clerk_user_id, array_agg(distinct kind order by kind) as kinds
        from (
            select clerk_user_id, primary_background as kind
            from cultural_profiles
            where created_at is null or created_at < %(cutoff)s
            union all
            select clerk_user_id, background_type
            from cultural_backgrounds
            where created_at is null or created_at < %(cutoff)s
        ) stated
        group by clerk_user_id
    ) background on background.clerk_user_id = p.clerk_user_id
    where p.clerk_user_id in (
        select m.user_id from matchme_present_members m where not m.is_hidden and m.joined_at < %(cutoff)s
    )
    order by p.clerk_user_id
"""

_POSTS: LiteralString = """
    select
        user_id,
        (extract(epoch from shared_at) * 1000000)::bigint as shared,
        depth_level,
        categories
    from matchme_live_items
    where item_type = 'post' and shared_at >= %(epoch)s and shared_at < %(cutoff)s
"""

_INSIGHTS: LiteralString = """
    select
        clerk_user_id as user_id,
        insight_category as category,
        case
            when status in ('approved', 'rejected') and reviewed_at >= %(epoch)s and reviewed_at < %(cutoff)s
                then status
            else 'pending'
        end as review_status
    from user_insights
    where created_at < %(cutoff)s or (status <> 'pending' and reviewed_at >= %(epoch)s and reviewed_at < %(cutoff)s)
"""

_ANSWERS: LiteralString = """
    select
        a.clerk_user_id as user_id,
        a.question_id::text as question_id,
        a.answer
    from dna_answers a
    where a.question_id in (select id from dna_questionnaires)
        and (a.created_at is null or a.created_at < %(cutoff)s)
"""

# Apart from the answers, so that a question and its options are not read once for each answer.
_QUESTIONS: LiteralString = """
    select id::text as question_id, left(question, 1000) as question, type, options from dna_questionnaires
"""
