"""SQL of outcomes: events of shown pairs as of a cutoff, from counts and times alone.

No statement reads the text of a message: only sender and time of `messages`.
"""

from collections.abc import Sequence
from datetime import date
from typing import LiteralString

import pandas as pd

from matchme_pipeline.database.connection import Connection, one_row
from matchme_pipeline.matching.outcomes import funnel
from matchme_pipeline.matching.outcomes.funnel import MAX_MESSAGES, OBSERVED_WEEKS, STILL_TALKING_DAYS
from matchme_pipeline.week import WEEK, WINDOW_START, Week

_ROWS_AT_ONCE = 20_000
_RECURRING = ("week", "match_week", "user_id", "match_user_id", "factors_version")


def replace_outcomes(connection: Connection, week: Week) -> tuple[int, int]:
    """Write the outcomes of the newest match weeks as of the week's cutoff; returns rows changed and removed.

    Unchanged rows are not written. Rows of another batch, which have no score, are left out.
    """
    parameters = {
        "week": week.sunday,
        "cutoff": week.cutoff,
        "first": week.match_week - OBSERVED_WEEKS * WEEK,
        "before": week.match_week,
        "most": MAX_MESSAGES,
        "days": STILL_TALKING_DAYS,
        "opens": WINDOW_START.replace(tzinfo=None),
    }
    with connection.transaction():
        connection.execute("drop table if exists pg_temp.new_outcomes")
        connection.execute(_OUTCOMES_AS_OF, parameters)
        connection.execute("analyze new_outcomes")
        removed = connection.execute(
            """
            delete from match_outcomes o
            where o.week = %s and not exists (
                select from new_outcomes n
                where (n.match_week, n.user_id, n.match_user_id) = (o.match_week, o.user_id, o.match_user_id)
            )
            """,
            [week.sunday],
        ).rowcount
        changed = connection.execute(
            """
            insert into match_outcomes as o (
                week, match_week, user_id, match_user_id, rank, score, factors_version, factors, viewed, engaged, liked,
                passed, began, partner_began, replied, messages_sent, messages_received, talking_after_14_days,
                reported, chosen_at_random, chosen_probability
            )
            select week, match_week, user_id, match_user_id, rank, score, factors_version, factors, viewed, engaged,
                liked, passed, began, partner_began, replied, messages_sent, messages_received, talking_after_14_days,
                reported, chosen_at_random, chosen_probability
            from new_outcomes
            on conflict (week, match_week, user_id, match_user_id) do update
            set rank = excluded.rank, score = excluded.score, factors_version = excluded.factors_version,
                factors = excluded.factors, viewed = excluded.viewed, engaged = excluded.engaged,
                liked = excluded.liked, passed = excluded.passed, began = excluded.began,
                partner_began = excluded.partner_began, replied = excluded.replied,
                messages_sent = excluded.messages_sent, messages_received = excluded.messages_received,
                talking_after_14_days = excluded.talking_after_14_days, reported = excluded.reported,
                chosen_at_random = excluded.chosen_at_random, chosen_probability = excluded.chosen_probability
            where o.* is distinct from excluded.*
            """
        ).rowcount
        if changed or removed:
            # The planner expects one row of a week that it does not know, and compares each row of it with each other.
            connection.execute("analyze match_outcomes")
    return changed, removed


# A message counts for the match week that shows the pair when it was sent after the week was shown. A pair is shown
# again after half a year at the earliest, long after an earlier showing is final.
_OUTCOMES_AS_OF = """
create temporary table new_outcomes on commit drop as
with shown as (
    select m.*, least(m.user_id, m.match_user_id) as low, greatest(m.user_id, m.match_user_id) as high,
        (m.week_start_date + %(opens)s::time) at time zone 'utc' as shown_at
    from weekly_matches m
    where m.week_start_date >= %(first)s and m.week_start_date < %(before)s and m.embedding_model is not null
),
pairs as (
    select distinct on (low, high, week_start_date) low, high, week_start_date, shown_at from shown
),
talks as (
    select p.low, p.high, p.week_start_date, min(t.sent_at) as began_at,
        (array_agg(t.sender_clerk_id order by t.sent_at, t.id))[1] as began_by,
        count(*) filter (where t.sender_clerk_id = p.low) as by_low,
        count(*) filter (where t.sender_clerk_id = p.high) as by_high,
        max(t.sent_at) as last_at
    from pairs p
    join conversations c
        on least(c.user1_clerk_id, c.user2_clerk_id) = p.low and greatest(c.user1_clerk_id, c.user2_clerk_id) = p.high
    join messages t on t.conversation_id = c.id
    where t.sent_at >= p.shown_at and t.sent_at < %(cutoff)s and t.sender_clerk_id in (p.low, p.high)
    group by 1, 2, 3
)
select %(week)s::date as week, s.week_start_date as match_week, s.user_id, s.match_user_id, s.rank, s.score,
    s.compatibility_factors ->> 'version' as factors_version,
    coalesce(
        (
            select array_agg(round(least(greatest((f.factor ->> 'value')::numeric, 0), 1), 4)::real order by f.number)
            from jsonb_array_elements(
                case jsonb_typeof(s.compatibility_factors -> 'factors')
                    when 'array' then s.compatibility_factors -> 'factors' else '[]'
                end
            ) with ordinality as f (factor, number)
            where jsonb_typeof(f.factor -> 'value') = 'number'
        ),
        '{}'
    ) as factors,
    coalesce(s.viewed_at < %(cutoff)s, false) or e.engaged or coalesce(t.began_by = s.user_id, false) as viewed,
    e.engaged,
    e.engaged and coalesce(s.action = 'liked', false) as liked,
    e.engaged and coalesce(s.action = 'passed', false) as passed,
    coalesce(t.began_by = s.user_id, false) as began,
    coalesce(t.began_by = s.match_user_id, false) as partner_began,
    coalesce(t.by_low > 0 and t.by_high > 0, false) as replied,
    least(coalesce(case when s.user_id = s.low then t.by_low else t.by_high end, 0), %(most)s)::integer
        as messages_sent,
    least(coalesce(case when s.user_id = s.low then t.by_high else t.by_low end, 0), %(most)s)::integer
        as messages_received,
    case
        when t.began_at + make_interval(days => %(days)s) < %(cutoff)s
            then t.last_at >= t.began_at + make_interval(days => %(days)s)
    end as talking_after_14_days,
    exists (
        select from member_reports r
        where r.user_id = s.user_id and r.reported_user_id = s.match_user_id
            and r.created_at >= s.shown_at and r.created_at < %(cutoff)s
    ) as reported,
    r.match_week is not null as chosen_at_random, r.chosen_probability
from shown s
cross join lateral (select coalesce(s.actioned_at < %(cutoff)s, false) as engaged) e
left join talks t on (t.low, t.high, t.week_start_date) = (s.low, s.high, s.week_start_date)
left join match_random_places r
    on r.match_week = s.week_start_date
        and (least(r.user_id, r.match_user_id), greatest(r.user_id, r.match_user_id)) = (s.low, s.high)
"""


def outcomes_of(connection: Connection, week: date) -> pd.DataFrame:
    """The outcomes of a week, each with `partner_liked`, ordered by match week and ids.

    `factors` are read for the match week that members saw during `week` alone; other rows have none.
    """
    return _read(
        connection,
        """
        select o.match_week, o.user_id, o.match_user_id, o.week, o.rank, o.score::float8 as score, o.factors_version,
            case when o.match_week = %(week)s then o.factors else '{}' end as factors,
            o.viewed, o.engaged, o.liked, o.passed, o.began, o.partner_began, o.replied, o.messages_sent,
            o.messages_received, o.talking_after_14_days, o.reported, o.chosen_at_random,
            o.chosen_probability::float8 as chosen_probability, coalesce(p.liked, false) as partner_liked
        from match_outcomes o
        left join match_outcomes p
            on (p.week, p.match_week, p.user_id, p.match_user_id)
                = (o.week, o.match_week, o.match_user_id, o.user_id)
        where o.week = %(week)s
        order by o.match_week, o.user_id, o.match_user_id
        """,
        week,
    )


def funnel_of_weeks(connection: Connection, weeks: Sequence[date]) -> dict[str, dict[str, int]]:
    """By match week, the sides that reached each stage, as last observed in one of `weeks`."""
    outcomes = [table for table in (outcomes_of(connection, week) for week in weeks) if len(table)]
    if not outcomes:
        return {}
    newest = funnel.newest_of_each(pd.concat(outcomes, ignore_index=True))
    return funnel.counts_by(newest, "match_week")


def _read(connection: Connection, statement: LiteralString, week: date) -> pd.DataFrame:
    """The rows as columns, without a moment in which all of them are Python objects: a week has twenty a member."""
    parts = []
    # Members and days recur in many rows: one object each.
    known: dict[object, object] = {}
    with connection.transaction(), connection.cursor(name="outcomes") as cursor:
        # All rows are read: a plan for the first few is slower.
        connection.execute("set local cursor_tuple_fraction = 1")
        cursor.execute(statement, {"week": week})
        names = [column.name for column in cursor.description or ()]
        while rows := cursor.fetchmany(_ROWS_AT_ONCE):
            part = pd.DataFrame(rows, columns=names)
            for name in _RECURRING:
                part[name] = pd.Series([known.setdefault(value, value) for value in part[name]], dtype=object)
            parts.append(part)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=names)


def undated_actions(connection: Connection, week: Week) -> int:
    """Actions of the observed match weeks without a time; they cannot be assigned to a cutoff."""
    row = connection.execute(
        """
        select count(*) from weekly_matches
        where week_start_date >= %s and week_start_date < %s and action is not null and actioned_at is null
        """,
        [week.match_week - OBSERVED_WEEKS * WEEK, week.match_week],
    ).fetchone()
    return int(row[0]) if row else 0


def missing_outcomes(connection: Connection, week: Week) -> dict[str, int]:
    """Numbers of rows that break the rules of a week's outcomes."""
    row = one_row(
        connection.execute(
            """
        select
            (
                select count(*) from weekly_matches m
                where m.week_start_date >= %(first)s and m.week_start_date < %(before)s
                    and m.embedding_model is not null
                    and not exists (
                        select from match_outcomes o
                        where o.week = %(week)s and o.match_week = m.week_start_date
                            and (o.user_id, o.match_user_id) = (m.user_id, m.match_user_id)
                    )
            ),
            (select count(*) from match_outcomes o where o.week = %(week)s and o.match_week >= %(before)s),
            (select count(*) from match_outcomes o where o.week = %(week)s and o.liked and o.passed),
            (
                select count(*) from match_outcomes o
                where o.week = %(week)s and (o.liked or o.passed or o.began) and not o.viewed
            )
        """,
            {
                "week": week.sunday,
                "first": week.match_week - OBSERVED_WEEKS * WEEK,
                "before": week.match_week,
            },
        )
    )
    return dict(zip(("shown_without_outcome", "not_yet_shown", "liked_and_passed", "acted_unviewed"), row, strict=True))
