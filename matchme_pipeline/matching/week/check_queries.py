"""SQL of the matching checks: the rules once more, row by row, independent of the engine."""

from datetime import date, datetime

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.matching.rules.limits import Limits


def broken_rules(connection: Connection, match_week: date, window_weeks: int) -> dict[str, int]:
    """How many rows of the week break each rule; a pair that a member has viewed stands, even where it is repeated.

    Rows without `embedding_model` are another batch's, which promises nothing: of those only such stand as a member has
    viewed, and they are not judged.
    """
    # Said so that no join is between two passes over the week: whatever the planner believes of a week whose rows were
    # written a moment ago, the time stays linear.
    row = connection.execute(
        """
        with pairs as materialized (
            select least(user_id, match_user_id) as a, greatest(user_id, match_user_id) as b, count(*) as rows,
                min(score) as lowest, max(score) as highest, count(embedding_model) as own,
                bool_or(viewed_at is not null or actioned_at is not null) as touched
            from weekly_matches
            where week_start_date = %(week)s
            group by 1, 2
        ),
        lists as materialized (
            select user_id, count(*) as rows, count(embedding_model) as own,
                count(distinct rank) filter (where embedding_model is not null) as ranks
            from weekly_matches
            where week_start_date = %(week)s
            group by user_id
        )
        select
            (
                select coalesce(sum(rows), 0)::bigint from pairs
                where own > 0 and ((a <> b and rows < 2) or lowest <> highest)
            ),
            (select count(*) from lists where rows > 5 and own > 0),
            (select count(*) from lists where ranks < own),
            (select count(*) from pairs where a = b and own > 0),
            (
                select count(*) from pairs p
                cross join lateral (values (p.a, p.b), (p.b, p.a)) as w (user_id, match_user_id)
                join weekly_matches o on o.user_id = w.user_id and o.match_user_id = w.match_user_id
                where not p.touched and p.own > 0 and o.week_start_date <> %(week)s
                    and abs(o.week_start_date - %(week)s) < 7 * %(window)s
            ),
            (
                select count(*) from weekly_matches w
                join profiles p on p.clerk_user_id = w.match_user_id
                where w.week_start_date = %(week)s and p.deleted_at is not null
            )
        """,
        {"week": match_week, "window": window_weeks},
    ).fetchone()
    names = ("not_mutual", "more_than_five", "same_rank_twice", "with_themselves", "repeated", "with_deleted_members")
    return dict(zip(names, row or (0,) * len(names), strict=True))


def broken_preferences(connection: Connection, cutoff: datetime, match_week: date, limits: Limits) -> dict[str, int]:
    """How many rows break the gender, age, distance or children wish of the row's member.

    A value that is not known breaks a wish only where `limits` make its attribute strict. A pair that a member has
    viewed stands, whatever either has changed since.
    """
    row = connection.execute(
        """
        with untouched as materialized (
            select least(user_id, match_user_id) as a, greatest(user_id, match_user_id) as b
            from weekly_matches
            where week_start_date = %(week)s
            group by 1, 2
            having bool_and(viewed_at is null and actioned_at is null)
        ),
        members as materialized (
            select * from matchme_members_as_of(%(cutoff)s)
        ),
        pairs as (
            select
                a.gender as own_gender, a.gender_preference, b.gender, a.age_range_min, a.age_range_max, a.max_distance,
                a.has_children_preference, b.has_children, extract(year from age(%(week)s::date, b.birthdate)) as age,
                -- least() passes over a null: without the sum, an unknown place would be the antipode.
                2 * 6371.0088 * asin(sqrt(least(1,
                    power(sin(radians(b.lat - a.lat) / 2), 2)
                    + cos(radians(a.lat)) * cos(radians(b.lat)) * power(sin(radians(b.lng - a.lng) / 2), 2)
                ))) + 0 * (a.lat + a.lng + b.lat + b.lng) as kilometres
            from untouched u
            cross join lateral (values (u.a, u.b), (u.b, u.a)) as w (user_id, match_user_id)
            join members a on a.user_id = w.user_id
            join members b on b.user_id = w.match_user_id
        )
        select
            -- A wish that names no gender the app knows asks for the other one. Spellings are looked at where the plain
            -- word is not among them: a few rows instead of all.
            count(*) filter (
                where case
                    when gender = any(gender_preference) then false
                    else not coalesce(
                        (
                            select bool_or(matchme_plain(wish) = gender) from unnest(gender_preference) as wish
                            where matchme_plain(wish) in ('male', 'female')
                        ),
                        gender <> own_gender
                    )
                end
            ),
            count(*) filter (where age not between age_range_min and age_range_max),
            count(*) filter (
                where max_distance < %(anywhere_km)s
                    and coalesce(kilometres > max_distance + 0.01, %(strict_distance)s)
            ),
            count(*) filter (where has_children_preference = 'no' and coalesce(has_children, %(strict_children)s))
        from pairs
        """,
        {
            "week": match_week,
            "cutoff": cutoff,
            "anywhere_km": limits.anywhere_km,
            "strict_distance": "distance" in limits.strict,
            "strict_children": "children" in limits.strict,
        },
    ).fetchone()
    return dict(zip(("gender", "age", "distance", "children"), row or (0,) * 4, strict=True))


def untouched_pairs(connection: Connection, match_week: date) -> list[tuple[str, str]]:
    """The week's pairs that no member has viewed or acted on, once each."""
    return connection.execute(
        """
        select least(user_id, match_user_id), greatest(user_id, match_user_id)
        from weekly_matches
        where week_start_date = %s
        group by 1, 2
        having bool_and(viewed_at is null and actioned_at is null)
        order by 1, 2
        """,
        [match_week],
    ).fetchall()


def pairs_without_preview(connection: Connection, match_week: date) -> tuple[int, int]:
    """The pipeline's rows of the week, and those without starters or with starters unlike their partner's row."""
    row = connection.execute(
        """
        select count(*), count(*) filter (
            where jsonb_array_length(coalesce(jsonb_path_query_array(w.chaichat_preview, '$.level_1[*]'), '[]')) < 2
                or jsonb_array_length(coalesce(jsonb_path_query_array(w.chaichat_preview, '$.level_2[*]'), '[]')) < 2
                or not exists (
                    select from weekly_matches o
                    where o.user_id = w.match_user_id and o.match_user_id = w.user_id
                        and o.week_start_date = w.week_start_date and o.chaichat_preview = w.chaichat_preview
                )
        )
        from weekly_matches w
        where w.week_start_date = %s and w.embedding_model is not null
        """,
        [match_week],
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)
