"""Achievements from the weekly scores, written to the app's `mysoul_achievements`, each once.

Achievements depend on `dna_score_history` alone, so a late week leaves the same rows as weeks in order. The app's other
rows (for example streaks) stay unchanged.
"""

from typing import LiteralString

from psycopg import sql

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.dna.weights import APP_NAMES, TIERS

# Reaching one of these for the first time is an achievement: of the score, of the percentile, of a strand.
SCORE_MILESTONES = (25, 50, 75, 90)
PERCENTILE_MILESTONES = (75, 90, 95, 99)
COMPONENT_MASTERY = 90


def update_achievements(connection: Connection) -> int:
    """Update the achievements of everybody in `touched_members`; returns the number of new ones.

    Runs inside the transaction that wrote the weeks. `earned_at` is the week's cutoff, and the id is derived from
    member, type and subject: writing again changes nothing, and viewed achievements stay viewed. Members without data
    for a score earn nothing.
    """
    if not _has_table(connection):
        return 0
    connection.execute("drop table if exists pg_temp.found_achievements")
    connection.execute(
        sql.SQL(_FOUND).format(
            points=sql.SQL(", ").join(sql.SQL("w.{}").format(sql.Identifier(strand)) for strand in APP_NAMES)
        ),
        {
            "tiers": list(TIERS),
            "strands": list(APP_NAMES),
            "app_names": list(APP_NAMES.values()),
            "scores": list(SCORE_MILESTONES),
            "percentiles": list(PERCENTILE_MILESTONES),
            "mastery": COMPONENT_MASTERY,
        },
    )
    connection.execute(
        """
        delete from mysoul_achievements a
        using touched_members t
        where a.user_id = t.user_id and a.achievement_data ->> 'writtenBy' = 'matchme_pipeline'
            and not exists (select from found_achievements f where f.id = a.id)
        """
    )
    connection.execute(
        """
        update mysoul_achievements a
        set achievement_data = f.data, earned_at = f.earned_at
        from found_achievements f
        where a.id = f.id and (a.achievement_data, a.earned_at) is distinct from (f.data, f.earned_at)
        """
    )
    return connection.execute(
        """
        insert into mysoul_achievements (id, user_id, achievement_type, achievement_data, earned_at, created_at, viewed)
        select f.id, f.user_id, f.achievement_type, f.data, f.earned_at, f.earned_at, false
        from found_achievements f
        join profiles p on p.clerk_user_id = f.user_id and p.deleted_at is null
        on conflict (id) do nothing
        """
    ).rowcount


# One row per achievement; `subject` is what was reached first.
_FOUND: LiteralString = """
    create temporary table found_achievements on commit drop as
    with weeks as (
        select h.*, (h.week + 7 + time '02:00') at time zone 'UTC' as earned_at
        from dna_score_history h
        where h.user_id in (select user_id from touched_members) and not h.seed_state
    ),
    found as (
        select user_id, 'tier_upgrade' as achievement_type, week::text as subject, earned_at,
            jsonb_build_object('from', upper(previous_tier), 'to', upper(tier), 'score', score) as data
        from weeks
        where tier_changed
            and array_position(%(tiers)s::text[], tier) > array_position(%(tiers)s::text[], previous_tier)
        union all
        (
            select distinct on (w.user_id, m.milestone) w.user_id, 'score_milestone', m.milestone::text, w.earned_at,
                jsonb_build_object('milestone', m.milestone, 'score', w.score)
            from weeks w
            join unnest(%(scores)s::integer[]) as m (milestone) on w.score >= m.milestone
            order by w.user_id, m.milestone, w.week
        )
        union all
        (
            select distinct on (w.user_id, m.milestone) w.user_id, 'percentile_milestone', m.milestone::text,
                w.earned_at, jsonb_build_object('milestone', m.milestone, 'percentileRank', w.percentile_rank)
            from weeks w
            join unnest(%(percentiles)s::integer[]) as m (milestone) on w.percentile_rank >= m.milestone
            order by w.user_id, m.milestone, w.week
        )
        union all
        (
            select distinct on (w.user_id, s.strand) w.user_id, 'component_mastery', s.strand, w.earned_at,
                jsonb_build_object('component', s.app_name, 'score', round(s.points, 2))
            from weeks w
            cross join lateral unnest(
                %(strands)s::text[], %(app_names)s::text[],
                array[{points}]
            ) as s (strand, app_name, points)
            where s.points >= %(mastery)s
            order by w.user_id, s.strand, w.week
        )
        union all
        (
            select distinct on (w.user_id, r.trait ->> 'trait') w.user_id, 'rare_trait_discovered', r.trait ->> 'trait',
                w.earned_at, jsonb_build_object(
                    'trait', r.trait ->> 'trait', 'displayName', r.trait ->> 'displayName',
                    'category', r.trait ->> 'category', 'frequency', r.trait -> 'frequency'
                )
            from weeks w
            cross join lateral jsonb_array_elements(matchme_app_rare_traits(w.rare_traits)) as r (trait)
            order by w.user_id, r.trait ->> 'trait', w.week
        )
    )
    select md5(user_id || '/' || achievement_type || '/' || subject)::uuid as id, user_id, achievement_type, earned_at,
        data || '{{"writtenBy": "matchme_pipeline"}}' as data
    from found
"""


def _has_table(connection: Connection) -> bool:
    row = connection.execute("select to_regclass('mysoul_achievements') is not null").fetchone()
    return bool(row and row[0])
