"""SQL of the asset checks: each query recomputes stored values from other rows."""

from datetime import date, datetime
from typing import LiteralString

from psycopg import sql

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.dna.weights import (
    MIN_OTHER_ITEMS,
    MIN_OWN_ITEMS,
    NEUTRAL,
    REQUIRED_APPROVED_INSIGHTS,
    TIERS,
    WEIGHTS,
)


def wrong_traits(connection: Connection, week: date) -> tuple[int, int]:
    """The number of the week's traits, and of those whose frequency or idf does not follow from their counts."""
    return _two(
        connection,
        """
        select count(*), count(*) filter (
            where user_count not between 1 and total_users
                or abs(frequency - user_count::numeric / total_users) > 0.00000001
                or abs(idf - ln(total_users::numeric / user_count)) > 0.00000001
        )
        from trait_distribution
        where week = %(week)s
        """,
        week,
    )


def originality_figures(connection: Connection, week: date) -> dict[str, float]:
    """Numbers of members and of measured ones, their mean, and rows that are neutral without reason or the reverse."""
    row = connection.execute(
        """
        select count(*), count(percentile), coalesce(avg(score) filter (where percentile is not null), 0)::float8,
            count(*) filter (
                where (percentile is not null) <> (own_items >= %(own)s and other_items >= %(other)s)
                    or (percentile is null and score <> %(neutral)s)
                    or (percentile is not null and abs(score - greatest(0, least(100, 100 * (1 - mean_similarity))))
                        > 0.000002)
            )
        from content_originality
        where week = %(week)s
        """,
        {"week": week, "own": MIN_OWN_ITEMS, "other": MIN_OTHER_ITEMS, "neutral": NEUTRAL},
    ).fetchone()
    return dict(zip(("members", "measured", "mean_score", "wrong"), row or (0, 0, 0.0, 0), strict=True))


def coverage(connection: Connection, week: date, cutoff: datetime) -> dict[str, int]:
    """How many of the population have no score of the week, and how many scores have no member any more."""
    row = connection.execute(
        """
        with population as (
            select user_id
            from matchme_present_members
            where not is_hidden and joined_at < %(cutoff)s
        ),
        scored as (select user_id from dna_score_history where week = %(week)s)
        select
            (select count(*) from population),
            (select count(*) from population p where not exists (select from scored s where s.user_id = p.user_id)),
            (select count(*) from scored s where not exists (select from population p where p.user_id = s.user_id))
        """,
        {"week": week, "cutoff": cutoff},
    ).fetchone()
    return dict(zip(("population", "without_score", "left_since"), row or (0, 0, 0), strict=True))


def score_figures(connection: Connection, week: date) -> dict[str, int]:
    """Numbers of members, and of those whose score or tier does not follow from their strands."""
    row = connection.execute(
        sql.SQL(
            """
        with tiers as (
            select tier, highest from unnest(%(tiers)s::text[], %(highest)s::integer[]) as t (tier, highest)
        )
        select count(*),
            count(*) filter (where score <> case
                when seed_state then 0
                else round(({total}) / 100)
            end or seed_state <> (approved_insights < %(required)s)),
            count(*) filter (where tier is distinct from
                (select t.tier from tiers t where t.highest >= score order by t.highest limit 1))
        from dna_score_history
        where week = %(week)s
        """
        ).format(
            total=sql.SQL(" + ").join(
                sql.SQL("{} * {}").format(sql.Literal(weight), sql.Identifier(strand))
                for strand, weight in WEIGHTS.items()
            )
        ),
        {
            "required": REQUIRED_APPROVED_INSIGHTS,
            "tiers": list(TIERS),
            "highest": list(TIERS.values()),
            "week": week,
        },
    ).fetchone()
    return dict(zip(("members", "wrong_scores", "wrong_tiers"), row or (0, 0, 0), strict=True))


def wrong_percentiles(connection: Connection, week: date) -> tuple[int, int]:
    """The number of scored members, and of rows whose percentile is not the share of members with a lower score."""
    return _two(
        connection,
        """
        with ranked as (
            select percentile_rank, seed_state,
                rank() over (partition by seed_state order by score) - 1 as below,
                count(*) over (partition by seed_state) as scored
            from dna_score_history
            where week = %(week)s
        )
        select count(*) filter (where not seed_state),
            count(*) filter (where percentile_rank is distinct from
                case when not seed_state then round(100 * below::numeric / scored, 2) end)
        from ranked
        """,
        week,
    )


def spread(connection: Connection, week: date) -> dict[str, float]:
    """Scored members, different scores, the share of the most common one, and the deviation of scores."""
    row = connection.execute(
        """
        with counts as (
            select score, count(*) as members
            from dna_score_history
            where week = %s and not seed_state
            group by score
        )
        select coalesce(sum(members), 0)::float8, count(*)::float8,
            coalesce(max(members) / nullif(sum(members), 0), 0)::float8,
            coalesce(sqrt(sum(members * score * score) / sum(members) - (sum(members * score) / sum(members)) ^ 2), 0)
                ::float8
        from counts
        """,
        [week],
    ).fetchone()
    names = ("scored", "different_scores", "most_common_share", "standard_deviation")
    return dict(zip(names, row or (0.0, 0.0, 0.0, 0.0), strict=True))


def movement(connection: Connection, week: date, far_points: int) -> dict[str, float]:
    """Members with scores in this week and in the newest one before it: both mean scores, and the share of members
    whose score changed by more than `far_points`.
    """
    row = connection.execute(
        """
        with last as (
            select user_id, score
            from dna_score_history
            where week = (select max(week) from dna_score_history where week < %(week)s) and not seed_state
        )
        select count(*)::float8, coalesce(avg(last.score), 0)::float8, coalesce(avg(h.score), 0)::float8,
            coalesce(avg((abs(h.score - last.score) > %(far)s)::integer), 0)::float8
        from dna_score_history h
        join last using (user_id)
        where h.week = %(week)s and not h.seed_state
        """,
        {"week": week, "far": far_points},
    ).fetchone()
    return dict(zip(("members", "mean_before", "mean_now", "share_moved_far"), row or (0.0,) * 4, strict=True))


def published(connection: Connection) -> dict[str, int]:
    """Numbers of members of the newest week, of those whom the app does not show, and of those with another score.

    A score that was refreshed since the cutoff, according to `last_calculated_at`, is newer than the week's.
    """
    row = connection.execute(
        """
        select count(*), count(*) filter (where s.user_id is null),
            count(*) filter (where (s.score, upper(s.rarity_tier)) is distinct from (h.score, upper(h.tier))
                and s.user_id is not null and s.last_calculated_at <= (h.week + 7 + time '02:00') at time zone 'UTC')
        from dna_score_history h
        join matchme_present_members p on p.user_id = h.user_id and not p.is_hidden
        left join mysoul_dna_scores s on s.user_id = h.user_id
        where h.week = (select max(week) from dna_score_history)
        """
    ).fetchone()
    return dict(zip(("members", "not_shown", "different"), row or (0, 0, 0), strict=True))


def _two(connection: Connection, statement: LiteralString, week: date) -> tuple[int, int]:
    row = connection.execute(statement, {"week": week}).fetchone()
    return (row[0], row[1]) if row else (0, 0)
