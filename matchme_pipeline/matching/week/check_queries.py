"""SQL of the matching checks: the rules applied again, pair by pair, independent of the engine."""

from collections.abc import Sequence
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray
from psycopg.rows import dict_row

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import read_integers
from matchme_pipeline.matching.rules.limits import Limits
from matchme_pipeline.matching.search import hard_preferences

_BROKEN_PREFERENCES = hard_preferences.with_preferences(
    """
    with untouched as materialized (
        select * from matchme_untouched_pairs(%(week)s)
    ),
    matched as materialized (
        select a as user_id from untouched
        union
        select b from untouched
    ),
    members as materialized (
        select p.user_id, o.*
        from matchme_members_as_of(%(as_of)s) p
        join matched using (user_id)
        /* member_codes */
    )
    select /* broken_preferences */
    from untouched u
    join members s on s.user_id = u.a
    join members o on o.user_id = u.b
    """
)


def broken_rules(connection: Connection, match_week: date, window_weeks: int) -> dict[str, int]:
    """Numbers of the week's rows that break each rule; member-touched pairs stay, even if repeated.

    Rows without `embedding_model` belong to another batch and follow no rule: only those that a member has touched
    remain, and they are not checked.
    """
    # The week is read once and no join combines two passes over it, so the time stays linear even if the
    # planner's statistics are older than the rows. Rows of other weeks are found by their whole key, so that the index
    # alone shows that a pair has none.
    row = connection.execute(
        """
        with week as materialized (
            select user_id, match_user_id, rank, score, embedding_model is not null as own, is_member_touched
            from weekly_matches
            where week_start_date = %(week)s
        ),
        pairs as materialized (
            select least(user_id, match_user_id) as a, greatest(user_id, match_user_id) as b, count(*) as rows,
                min(score) as lowest, max(score) as highest, bool_or(own) as own,
                bool_or(is_member_touched) as is_member_touched
            from week
            group by 1, 2
        ),
        lists as materialized (
            select user_id, count(*) as rows, count(*) filter (where own) as own,
                bit_count(bit_or(1 << rank) filter (where own)::bit(32)) as ranks
            from week
            group by user_id
        ),
        gone as materialized (
            select clerk_user_id from profiles where deleted_at is not null
        ),
        -- Most weeks have none that is later, and a first week has neither.
        others as materialized (
            select exists (
                    select from weekly_matches
                    where week_start_date > %(week)s::date - 7 * %(window)s and week_start_date < %(week)s
                ) as earlier,
                exists (
                    select from weekly_matches
                    where week_start_date > %(week)s and week_start_date < %(week)s::date + 7 * %(window)s
                ) as later
        )
        select
            (
                select coalesce(sum(rows), 0)::bigint from pairs
                where own and ((a <> b and rows < 2) or lowest <> highest)
            ),
            (select count(*) from lists where rows > 5 and own > 0),
            (select count(*) from lists where ranks < own),
            (select count(*) from pairs where a = b and own),
            (
                select coalesce(sum(
                    case when others.earlier then (
                        select count(*) from weekly_matches o
                        where o.user_id = w.user_id and o.match_user_id = w.match_user_id
                            and o.week_start_date > %(week)s::date - 7 * %(window)s and o.week_start_date < %(week)s
                    ) else 0 end
                    + case when others.later then (
                        select count(*) from weekly_matches o
                        where o.user_id = w.user_id and o.match_user_id = w.match_user_id
                            and o.week_start_date > %(week)s and o.week_start_date < %(week)s::date + 7 * %(window)s
                    ) else 0 end
                ), 0)::bigint
                from pairs p
                cross join lateral (values (p.a, p.b), (p.b, p.a)) as w (user_id, match_user_id)
                cross join others
                where not p.is_member_touched and p.own and (others.earlier or others.later)
            ),
            (select count(*) from week where match_user_id in (select clerk_user_id from gone))
        """,
        {"week": match_week, "window": window_weeks},
    ).fetchone()
    names = ("not_mutual", "more_than_five", "same_rank_twice", "with_themselves", "repeated", "with_deleted_members")
    return dict(zip(names, row or (0,) * len(names), strict=True))


def broken_preferences(connection: Connection, cutoff: datetime, match_week: date, limits: Limits) -> dict[str, int]:
    """Numbers of the week's pairs that break each hard preference of either member, by the SQL of the member search.

    A member-touched pair stays even if data has changed since. Pairs with deleted members are not checked.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        counts = cursor.execute(
            _BROKEN_PREFERENCES.encode(),
            {**hard_preferences.parameters(limits, match_week), "week": match_week, "as_of": cutoff},
        ).fetchone()
    return {name: int(count) for name, count in (counts or {}).items()}


def untouched_pairs(connection: Connection, match_week: date, user_ids: Sequence[str]) -> NDArray[np.intp]:
    """The week's pairs that no member has viewed or acted on, once each, as positions in `user_ids`, (pairs, 2).

    A member who is not among them has the position -1.
    """
    rows = read_integers(
        connection,
        """
        with members as materialized (
            select id, (place - 1)::integer as place from unnest(%(ids)s::text[]) with ordinality as u (id, place)
        )
        select coalesce(a.place, -1), coalesce(b.place, -1)
        from matchme_untouched_pairs(%(week)s) u
        left join members a on a.id = u.a
        left join members b on b.id = u.b
        """,
        {"week": match_week, "ids": list(user_ids)},
        columns=2,
    )
    return rows.astype(np.intp)


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
