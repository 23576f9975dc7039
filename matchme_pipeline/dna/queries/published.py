"""The current scores for the app: the newest week, in the layout that `mysoul_dna_scores` has.

Two of the app's triggers on that table do not suit a bulk write: one counts the whole table for every changed score
(quadratic), the other writes history before the percentile is right. The publishing transaction disables them (`alter
table … disable trigger`, which the table's owner may do, on Supabase too, and which a rollback undoes) and does their
work once for all members: percentiles come from the week's history, and `mysoul_score_history` gets one row per changed
score. Other triggers stay on. A role that does not own the table publishes with the triggers on and corrects their
results; the final rows are the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Literal

import pandas as pd
from psycopg import sql

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import stage_rows
from matchme_pipeline.dna.queries import layouts
from matchme_pipeline.dna.score import whole_points
from matchme_pipeline.dna.weights import WEIGHTS
from matchme_pipeline.errors import DatabaseUnavailableError

Layout = Literal["audit", "later"]

_LOCK_KEY = 7_214_020
_TRIGGERS = ("update_dna_percentile_rank", "auto_record_score_history")
# The states of pg_trigger.tgenabled and how each is restored.
_ENABLE = {"O": "enable trigger", "R": "enable replica trigger", "A": "enable always trigger"}


@dataclass(frozen=True)
class Published:
    """Changed rows of the app's table, and those among them that another writer had overwritten."""

    changed: int
    overwritten: int


def lock_publication(connection: Connection) -> None:
    """Lock so that one week's scores are written at a time; held until the caller's transaction ends."""
    connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK_KEY])


def publish_newest_week(connection: Connection) -> Published:
    """Publish the newest week with history to the app.

    Runs inside the caller's transaction, after the history is written. It always publishes the newest week, so a late
    week never overwrites current scores. Members who have left since get nothing, and a deleted member's row is
    removed.
    """
    row = connection.execute("select max(week) from dna_score_history").fetchone()
    if row is None or row[0] is None:
        return Published(0, 0)
    week: date = row[0]
    layout = score_layout(connection)
    _stage_points(connection, week)
    connection.execute("drop table if exists pg_temp.current_scores, pg_temp.shown_shapes, pg_temp.recorded_scores")
    connection.execute(layouts.STAGE_CURRENT, {"week": week})
    connection.execute("analyze current_scores")
    if layout == "later":
        connection.execute(layouts.STAGE_SHAPES)
        connection.execute("analyze shown_shapes")
    overwritten = _overwritten(connection)
    with _score_triggers_off(connection) as off:
        has_history = layout == "later" and _exists(connection, "mysoul_score_history")
        if has_history:
            connection.execute(layouts.STAGE_RECORDED)
            connection.execute("analyze recorded_scores")
            connection.execute(layouts.CORRECT_HISTORY)
            connection.execute(layouts.ADD_HISTORY)
        statements = layouts.STATEMENTS[layout]
        changed = connection.execute(statements.update).rowcount
        changed += connection.execute(statements.insert).rowcount
        if not off and layout == "later":
            connection.execute(layouts.PUT_PERCENTILES_RIGHT)
            if has_history:
                connection.execute(layouts.FORGET_TRIGGERS_HISTORY)
        changed += connection.execute(layouts.DELETE_LEFT).rowcount
    store_shown_scores(connection)
    return Published(changed, overwritten)


def store_shown_scores(connection: Connection) -> None:
    """Store what the app's table shows now for members whom the pipeline has published."""
    connection.execute(
        """
        insert into dna_shown_scores as d (user_id, score, tier, calculated_at)
        select s.user_id, s.score, upper(s.rarity_tier), s.last_calculated_at
        from mysoul_dna_scores s
        join current_scores c on c.user_id = s.user_id
        on conflict (user_id) do update
        set score = excluded.score, tier = excluded.tier, calculated_at = excluded.calculated_at
        where (d.score, d.tier, d.calculated_at)
            is distinct from (excluded.score, excluded.tier, excluded.calculated_at)
        """
    )
    connection.execute(
        "delete from dna_shown_scores d where not exists (select from mysoul_dna_scores s where s.user_id = d.user_id)"
    )


def _overwritten(connection: Connection) -> int:
    """The number of scores that differ from the published ones, because the app or its browser code wrote its own."""
    row = connection.execute(
        """
        select count(*)
        from current_scores c
        join mysoul_dna_scores s on s.user_id = c.user_id
        join dna_shown_scores d on d.user_id = c.user_id
        where (s.score, upper(s.rarity_tier), s.last_calculated_at) is distinct from (d.score, d.tier, d.calculated_at)
        """
    ).fetchone()
    return int(row[0]) if row else 0


def score_layout(connection: Connection) -> Layout:
    """The layout of the app's table; raises DatabaseUnavailableError for an unknown one."""
    columns = {
        name
        for (name,) in connection.execute(
            """
            select column_name
            from information_schema.columns
            where table_name = 'mysoul_dna_scores' and table_schema = any(current_schemas(false))
            """
        )
    }
    if "trait_rarity_raw_score" in columns:
        return "later"
    if "trait_uniqueness_score" in columns:
        return "audit"
    raise DatabaseUnavailableError(
        "The table mysoul_dna_scores is missing or has neither of its known layouts (trait_uniqueness_score … or "
        "trait_rarity_raw_score …). Apply the app's own migrations first."
    )


def _stage_points(connection: Connection, week: date) -> None:
    """Stage `shown_points`: each strand's share of the score as whole numbers that add up to it."""
    rows = connection.execute(
        sql.SQL("select user_id, score, {micro_points} from dna_score_history where week = %s").format(
            micro_points=sql.SQL(", ").join(
                sql.SQL("({} * 1000000)::bigint").format(sql.Identifier(strand)) for strand in WEIGHTS
            )
        ),
        [week],
    ).fetchall()
    table = pd.DataFrame(rows, columns=["user_id", "score", *WEIGHTS])
    points = whole_points(
        {strand: table[strand].to_numpy(dtype="int64") for strand in WEIGHTS}, table["score"].to_numpy(dtype="int64")
    )
    stage_rows(
        connection,
        "shown_points",
        [("user_id", "text"), *((strand, "int4") for strand in WEIGHTS)],
        zip(table["user_id"].tolist(), *(points[strand].tolist() for strand in WEIGHTS), strict=True),
    )


@contextmanager
def _score_triggers_off(connection: Connection) -> Iterator[bool]:
    """Disable the two triggers and restore their state at the end; yields whether that was possible.

    After an error, the transaction's rollback restores them.
    """
    triggers = connection.execute(
        """
        select t.tgname, t.tgenabled::text, pg_has_role(c.relowner, 'usage')
        from pg_trigger t
        join pg_class c on c.oid = t.tgrelid
        join pg_proc p on p.oid = t.tgfoid
        where t.tgrelid = 'mysoul_dna_scores'::regclass and not t.tgisinternal
            and t.tgenabled <> 'D' and p.proname = any(%s)
        """,
        [list(_TRIGGERS)],
    ).fetchall()
    if not all(may for _, _, may in triggers):
        yield False
        return
    for name, _, _ in triggers:
        connection.execute(sql.SQL("alter table mysoul_dna_scores disable trigger {}").format(sql.Identifier(name)))
    yield True
    if triggers:
        # Deferred constraints, if the app has any, must not be pending when the table is altered again.
        connection.execute("set constraints all immediate")
    for name, state, _ in triggers:
        connection.execute(
            sql.SQL("alter table mysoul_dna_scores {} {}").format(sql.SQL(_ENABLE[state]), sql.Identifier(name))
        )


def _exists(connection: Connection, table: str) -> bool:
    row = connection.execute("select to_regclass(%s) is not null", [table]).fetchone()
    return bool(row and row[0])
