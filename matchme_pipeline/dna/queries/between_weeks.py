"""A member's current score, shown between two Sundays; the history of weeks stays as of its cutoffs."""

from collections.abc import Collection
from datetime import date, datetime

import pandas as pd

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.dna.queries.published import lock_publication, store_shown_scores
from matchme_pipeline.dna.queries.results import update_scores


def newest_week(connection: Connection) -> date | None:
    """The newest week with scores: the one that the app shows."""
    row = connection.execute("select max(week) from dna_score_history").fetchone()
    return row[0] if row else None


def show_between_weeks(
    connection: Connection, week: date, table: pd.DataFrame, user_ids: Collection[str], now: datetime
) -> int:
    """Show `table` (of `breakdown.explained`) for `user_ids` until the next week is published; returns the number of
    shown rows.

    Publishes with the statements of a week, then restores the history's rows, all in one transaction: a week's history
    stays as of its cutoff. `last_calculated_at` shows that the score is newer than its week.
    """
    wanted = list(user_ids)
    with connection.transaction():
        lock_publication(connection)
        connection.execute("drop table if exists pg_temp.saved_scores")
        connection.execute(
            """
            create temporary table saved_scores on commit drop as
            select * from dna_score_history where week = %s and user_id = any(%s)
            """,
            [week, wanted],
        )
        update_scores(connection, week, table[table["user_id"].isin(wanted)])
        connection.execute("delete from dna_score_history where week = %s and user_id = any(%s)", [week, wanted])
        connection.execute("insert into dna_score_history select * from saved_scores")
        shown = connection.execute(
            "update mysoul_dna_scores set last_calculated_at = %s where user_id = any(%s)", [now, wanted]
        ).rowcount
        store_shown_scores(connection)
        return shown
