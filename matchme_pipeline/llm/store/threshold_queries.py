"""SQL of the budget's thresholds: the percentages, crossings of a week, and notified ones."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from psycopg.rows import class_row

from matchme_pipeline.database.connection import Connection

# Used if the app's cost_alerts has no rows.
DEFAULT_THRESHOLDS = (50, 75, 90)


@dataclass(frozen=True)
class Crossing:
    """A week's spending has passed `threshold_percent` of its budget."""

    week: date
    threshold_percent: int
    budget_usd: Decimal
    spent_usd: Decimal
    crossed_at: datetime


def book_crossings(connection: Connection, week: date, budget_usd: Decimal) -> None:
    """Record the thresholds that the ledger's sum of `week` has passed, each once a week even with several processes.

    The same transaction marks the app's active alerts at a new threshold as triggered.
    """
    with connection.transaction():
        thresholds = _thresholds(connection)
        crossed = connection.execute(
            """
            insert into llm_budget_crossings (week, threshold_percent, budget_usd, spent_usd)
            select %(week)s, t.percent, %(budget)s, spent.usd
            from unnest(%(thresholds)s::integer[]) as t (percent)
            cross join (select sum(cost_usd) as usd from llm_calls where week = %(week)s) as spent
            where spent.usd > 0 and spent.usd * 100 >= %(budget)s * t.percent
            on conflict (week, threshold_percent) do nothing
            returning threshold_percent
            """,
            {"week": week, "budget": budget_usd, "thresholds": list(thresholds)},
        ).fetchall()
        if crossed and _app_has_alerts(connection):
            connection.execute(
                """
                update cost_alerts
                set last_triggered_at = clock_timestamp()
                where is_active and threshold_percent = any(%s)
                """,
                [[percent for (percent,) in crossed]],
            )


def threshold_crossings(connection: Connection) -> list[Crossing]:
    """Crossings that are not yet notified, oldest first.

    Inside a transaction they belong to the caller until it ends; other workers do not receive them.
    """
    with connection.cursor(row_factory=class_row(Crossing)) as cursor:
        return cursor.execute(
            """
            select week, threshold_percent, budget_usd, spent_usd, crossed_at
            from llm_budget_crossings
            where told_at is null
            order by crossed_at, week, threshold_percent
            for update skip locked
            """
        ).fetchall()


def mark_notified(connection: Connection, crossings: Iterable[Crossing]) -> None:
    """Mark `crossings` as notified: they are listed no more."""
    notified = list(crossings)
    connection.execute(
        """
        update llm_budget_crossings c
        set told_at = clock_timestamp()
        from unnest(%s::date[], %s::integer[]) as t (week, threshold_percent)
        where c.week = t.week and c.threshold_percent = t.threshold_percent and c.told_at is null
        """,
        [[crossing.week for crossing in notified], [crossing.threshold_percent for crossing in notified]],
    )


def _thresholds(connection: Connection) -> tuple[int, ...]:
    """The percentages of the app's active alerts; the defaults if the table has no rows."""
    if not _app_has_alerts(connection):
        return DEFAULT_THRESHOLDS
    rows = connection.execute("select threshold_percent, is_active from cost_alerts").fetchall()
    return tuple({percent for percent, is_active in rows if is_active}) if rows else DEFAULT_THRESHOLDS


def _app_has_alerts(connection: Connection) -> bool:
    row = connection.execute("select to_regclass('cost_alerts') is not null").fetchone()
    return row is not None and bool(row[0])
