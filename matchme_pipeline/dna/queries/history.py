"""`dna_score_history`: one row per member and week, each compared with the member's nearest earlier week."""

from collections.abc import Iterable
from datetime import date
from typing import Any, LiteralString

import pandas as pd
from psycopg import sql

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import stage_rows
from matchme_pipeline.dna.weights import SIGNIFICANT_CHANGE, WEIGHTS

_STAGED = [
    ("user_id", "text"),
    ("score", "int4"),
    ("tier", "text"),
    ("seed_state", "bool"),
    *((strand, "int8") for strand in WEIGHTS),
    ("percentile_rank", "int8"),
    ("approved_insights", "int4"),
    ("days_active", "int4"),
    ("component_breakdown", "jsonb"),
    ("rare_traits", "jsonb"),
    ("unique_behaviours", "jsonb"),
    ("algorithm_version", "text"),
]


# Columns staged as integers and stored as numeric: strands in micro-points, the percentile in hundredths.
_UNITS: dict[str, LiteralString] = {**dict.fromkeys(WEIGHTS, " * 0.000001"), "percentile_rank": " * 0.01"}
_COLUMNS = [name for name, _ in _STAGED if name != "user_id"]


def _listed(form: LiteralString) -> sql.Composed:
    """The columns of `_COLUMNS`, each in this form."""
    return sql.SQL(", ").join(sql.SQL(form).format(sql.Identifier(name)) for name in _COLUMNS)


_UPSERT = sql.SQL(
    """
    with written as (
        insert into dna_score_history as h (user_id, week, {columns})
        select user_id, %s, {values} from found_scores
        on conflict (user_id, week) do update
        set {assignments}, computed_at = excluded.computed_at
        where ({stored}) is distinct from ({found})
        returning h.user_id
    )
    insert into touched_members select user_id from written
    """
).format(
    columns=_listed("{}"),
    values=sql.SQL(", ").join(
        sql.SQL("{}{}").format(sql.Identifier(name), sql.SQL(_UNITS.get(name, ""))) for name in _COLUMNS
    ),
    assignments=_listed("{0} = excluded.{0}"),
    stored=_listed("h.{}"),
    found=_listed("excluded.{}"),
)


def upsert_history(connection: Connection, week: date, table: pd.DataFrame) -> int:
    """Write the changed rows of `table`; returns their number. Leaves `found_scores` and `touched_members` staged.

    Runs inside the caller's transaction. Strands are micro-points and the percentile is hundredths of a per cent:
    integers until PostgreSQL converts them to numeric.
    """
    stage_rows(connection, "found_scores", _STAGED, _rows(table))
    connection.execute("drop table if exists pg_temp.touched_members")
    connection.execute("create temporary table touched_members (user_id text) on commit drop")
    written = connection.execute(_UPSERT, [week]).rowcount
    if written:
        # Without statistics on the new rows, the planner uses the week's index instead of the member's: quadratic in
        # the members.
        connection.execute("analyze dna_score_history")
    return written


def link_weeks(connection: Connection, week: date) -> int:
    """Compare the rows of `touched_members` from `week` on with each member's nearest earlier week.

    A late week also changes the comparison of the following week and the dates carried along from there. The result
    equals that of weeks in order. Returns the number of changed rows.
    """
    connection.execute("analyze touched_members")
    return connection.execute(
        """
        with earlier as (
            select h.*
            from touched_members t
            cross join lateral (
                select user_id, week, score, tier, tier_changed_on, significant_change_on
                from dna_score_history p
                where p.user_id = t.user_id and p.week < %(week)s
                order by p.week desc
                limit 1
            ) h
        ),
        chain as (
            select user_id, week, score, tier, tier_changed_on, significant_change_on, false as is_new
            from earlier
            union all
            select h.user_id, h.week, h.score, h.tier, null, null, true
            from dna_score_history h
            join touched_members t on t.user_id = h.user_id
            where h.week >= %(week)s
        ),
        compared as (
            select *, lag(score) over by_week as previous_score, lag(tier) over by_week as previous_tier
            from chain
            window by_week as (partition by user_id order by week)
        ),
        carried as (
            select
                user_id, week, is_new, previous_score, previous_tier,
                score - previous_score as change,
                coalesce(tier <> previous_tier, false) as tier_changed,
                -- A change is dated by the cutoff of its week.
                max(case when is_new and tier <> previous_tier then week + 7 else tier_changed_on end)
                    over by_week as tier_changed_on,
                max(case
                    when is_new and abs(score - previous_score) >= %(significant)s then week + 7
                    else significant_change_on
                end) over by_week as significant_change_on
            from compared
            window by_week as (partition by user_id order by week)
        )
        update dna_score_history h
        set previous_score = c.previous_score, previous_tier = c.previous_tier, change = c.change,
            tier_changed = c.tier_changed, tier_changed_on = c.tier_changed_on,
            significant_change_on = c.significant_change_on
        from carried c
        where c.is_new and h.user_id = c.user_id and h.week = c.week
            and (h.previous_score, h.previous_tier, h.change, h.tier_changed, h.tier_changed_on,
                h.significant_change_on)
                is distinct from (c.previous_score, c.previous_tier, c.change, c.tier_changed, c.tier_changed_on,
                    c.significant_change_on)
        """,
        {"week": week, "significant": SIGNIFICANT_CHANGE},
    ).rowcount


def _rows(table: pd.DataFrame) -> Iterable[tuple[Any, ...]]:
    columns = [table[name].astype(object).where(table[name].notna(), None).tolist() for name, _ in _STAGED]
    return zip(*columns, strict=True)
