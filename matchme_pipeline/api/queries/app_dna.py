"""SQL of DNA scores as the app reads them, in both layouts of `mysoul_dna_scores`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import class_row

from matchme_pipeline.api.queries.places import current_city_of
from matchme_pipeline.database.connection import Connection, one_row
from matchme_pipeline.jobs.model import JobType


@dataclass(frozen=True, kw_only=True)
class StrandScores:
    """The five strands, raw: 0 to 100 each."""

    trait_rarity: float
    profile_depth: float
    behavioural: float
    content_originality: float
    cultural_variance: float


@dataclass(frozen=True, kw_only=True)
class ShownScore(StrandScores):
    """A member's row of the app's table; missing columns of its layout come from the newest stored week.

    The JSON has the format of the app's own types.
    """

    score: int
    tier: str
    percentile_rank: float | None
    calculated_at: str | None
    approved_insights: int
    days_active: int
    component_breakdown: Any
    rare_traits: Any
    unique_behaviors: Any
    algorithm_version: str | None
    change_delta: float | None
    last_significant_change: str | None
    originality_score: int | None
    originality_percentile: float | None
    originality_at: str | None


@dataclass(frozen=True, kw_only=True)
class WeekScore(StrandScores):
    """One week of a member's history, and the number of all weeks."""

    score: int
    tier: str
    percentile_rank: float | None
    calculated_at: str
    weeks: int


@dataclass(frozen=True)
class LeaderboardRow:
    """A member's rank; `may_be_named`: they agreed to be seen by strangers."""

    user_id: str
    first_name: str | None
    last_name: str | None
    may_be_named: bool
    score: int
    tier: str
    percentile_rank: float | None
    rank: int
    place: int


def shown_score(connection: Connection, user_id: str) -> ShownScore | None:
    """The member's score as the app's table shows it; None if there is none.

    The audit's layout holds whole weighted points without strands, percentile and JSON. These come from the newest week
    if its score is the shown one; otherwise the strands follow from the points.
    """
    with connection.cursor(row_factory=class_row(ShownScore)) as cursor:
        return cursor.execute(
            """
            select
                s.score, upper(s.rarity_tier) as tier,
                coalesce(
                    (j ->> 'percentile_rank')::float8, case when h.score = s.score then h.percentile_rank::float8 end
                ) as percentile_rank,
                coalesce(
                    (j ->> 'trait_rarity_raw_score')::float8,
                    case when h.score = s.score then round(h.trait_rarity)::float8 end,
                    round(100 * (j ->> 'trait_uniqueness_score')::numeric / 35)::float8, 0
                ) as trait_rarity,
                coalesce(
                    (j ->> 'profile_depth_raw_score')::float8,
                    case when h.score = s.score then round(h.profile_depth)::float8 end,
                    round(100 * (j ->> 'profile_completeness_score')::numeric / 25)::float8, 0
                ) as profile_depth,
                coalesce(
                    (j ->> 'behavioral_raw_score')::float8,
                    case when h.score = s.score then round(h.behavioural)::float8 end,
                    round(100 * (j ->> 'behavior_score')::numeric / 20)::float8, 0
                ) as behavioural,
                coalesce(
                    (j ->> 'content_raw_score')::float8,
                    case when h.score = s.score then round(h.content_originality)::float8 end,
                    round(100 * (j ->> 'content_score')::numeric / 15)::float8, 0
                ) as content_originality,
                coalesce(
                    (j ->> 'cultural_raw_score')::float8,
                    case when h.score = s.score then round(h.cultural_variance)::float8 end,
                    round(100 * (j ->> 'cultural_score')::numeric / 5)::float8, 0
                ) as cultural_variance,
                j ->> 'last_calculated_at' as calculated_at,
                s.approved_insights_count as approved_insights, s.days_active,
                case
                    when j ? 'component_breakdown' then j -> 'component_breakdown'
                    else matchme_app_breakdown(h.component_breakdown, """
            + current_city_of("s.user_id")
            + """::text)
                end as component_breakdown,
                case when j ? 'rare_traits' then j -> 'rare_traits' else matchme_app_rare_traits(h.rare_traits) end
                    as rare_traits,
                case
                    when j ? 'unique_behaviors' then j -> 'unique_behaviors'
                    else matchme_app_unique_behaviours(h.unique_behaviours)
                end as unique_behaviors,
                coalesce(j ->> 'algorithm_version', h.algorithm_version) as algorithm_version,
                coalesce((j ->> 'change_delta')::float8, h.change::float8) as change_delta,
                coalesce(
                    j ->> 'last_significant_change',
                    to_jsonb((h.significant_change_on + time '02:00') at time zone 'UTC') #>> '{}'
                ) as last_significant_change,
                coalesce((j ->> 'content_originality_score')::integer, round(o.score)::integer) as originality_score,
                coalesce((j ->> 'content_originality_percentile')::float8, round(o.percentile, 2)::float8)
                    as originality_percentile,
                coalesce(
                    j ->> 'content_originality_calculated_at',
                    to_jsonb((o.week + 7 + time '02:00') at time zone 'UTC') #>> '{}'
                ) as originality_at
            from mysoul_dna_scores s
            cross join lateral (select to_jsonb(s) as j) as_json
            left join lateral (
                select * from dna_score_history h where h.user_id = s.user_id order by h.week desc limit 1
            ) h on true
            left join content_originality o on o.user_id = s.user_id and o.week = h.week
            where s.user_id = %s
            """,
            [user_id],
        ).fetchone()


def week_scores(connection: Connection, user_id: str, months: int, limit: int) -> list[WeekScore]:
    """The member's weeks of the last `months`, the newest first, `limit` at most."""
    with connection.cursor(row_factory=class_row(WeekScore)) as cursor:
        return cursor.execute(
            """
            select score, upper(tier) as tier, percentile_rank::float8 as percentile_rank,
                round(trait_rarity)::float8 as trait_rarity, round(profile_depth)::float8 as profile_depth,
                round(behavioural)::float8 as behavioural, round(content_originality)::float8 as content_originality,
                round(cultural_variance)::float8 as cultural_variance,
                to_jsonb((week + 7 + time '02:00') at time zone 'UTC') #>> '{}' as calculated_at,
                (count(*) over ())::integer as weeks
            from dna_score_history
            where user_id = %s and week >= (now() - make_interval(months => %s))::date - 7
            order by week desc
            limit %s
            """,
            [user_id, months, limit],
        ).fetchall()


_RANKED: LiteralString = """
    mysoul_dna_scores s
    join profiles p on p.clerk_user_id = s.user_id and p.deleted_at is null
        and coalesce(p.profile_visibility, 'members') <> 'hidden'
    where (
        %(city)s::text is null or exists (
            select from user_city_assignments a
            where a.clerk_user_id = s.user_id and a.is_current and a.city_key::text = %(city)s
        )
    )
"""


def members_by_score(connection: Connection, city_key: str | None) -> dict[int, int]:
    """The number of ranked members with each score, in a city or (None) everywhere.

    Members who have left or are hidden are not ranked.
    """
    statement: LiteralString = "select s.score, count(*)::integer from " + _RANKED + " group by s.score"
    return dict(connection.execute(statement, {"city": city_key}).fetchall())


def leaders(connection: Connection, city_key: str | None, limit: int) -> list[LeaderboardRow]:
    """The best `limit` of a city or (None) of all members; equal scores share a rank.

    Members are named if their profile is public, or if their privacy settings allow the leaderboard.
    """
    statement: LiteralString = (
        """
        with best as (
            select s.user_id, p.first_name, p.last_name,
                coalesce(
                    coalesce(p.profile_visibility, 'members') = 'public'
                    or coalesce(
                        p.settings_privacy ->> 'show_on_leaderboard', p.settings_privacy ->> 'showOnLeaderboard'
                    ) = 'true',
                    false
                ) as may_be_named,
                s.score, upper(s.rarity_tier) as tier
            from """
        + _RANKED
        + """
            order by s.score desc, s.user_id
            limit %(limit)s
        )
        select b.*, coalesce((to_jsonb(s) ->> 'percentile_rank')::float8, h.percentile_rank::float8) as percentile_rank,
            (rank() over (order by b.score desc))::integer as rank,
            (row_number() over (order by b.score desc, b.user_id))::integer as place
        from best b
        join mysoul_dna_scores s on s.user_id = b.user_id
        left join lateral (
            select percentile_rank from dna_score_history h where h.user_id = b.user_id order by week desc limit 1
        ) h on true
        order by place
        """
    )
    with connection.cursor(row_factory=class_row(LeaderboardRow)) as cursor:
        return cursor.execute(statement, {"city": city_key, "limit": limit}).fetchall()


def ranked_score(connection: Connection, user_id: str, city_key: str | None) -> int | None:
    """The member's own score if they are ranked."""
    statement: LiteralString = "select s.score from " + _RANKED + " and s.user_id = %(user)s"
    row = connection.execute(statement, {"city": city_key, "user": user_id}).fetchone()
    return row[0] if row else None


def last_asked(connection: Connection, user_id: str) -> datetime | None:
    """When the member last requested a recalculation within 24 hours; one request at a time decides.

    The lock is held until the transaction ends, so two concurrent requests count as one.
    """
    (asked_at,) = one_row(connection.execute("select matchme_dna_asked_at(%s)", [user_id]))
    return asked_at if isinstance(asked_at, datetime) else None


def ask_for_score(connection: Connection, user_id: str) -> UUID:
    """Add the job for a refresh; it is marked as the member's own request."""
    row = one_row(
        connection.execute(
            """
        insert into batch_processing_queue (user_id, job_type, payload, status, priority)
        values (%s, %s, '{"asked_by": "member"}', 'pending', 1)
        returning id
        """,
            [user_id, JobType.DNA_RECALCULATION],
        )
    )
    return UUID(str(row[0]))
