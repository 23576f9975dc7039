"""SQL of reservations in a week's budget, beside the ledger's spending."""

import uuid
from datetime import date
from decimal import Decimal

from matchme_pipeline.database.connection import Connection


def hold_budget(
    connection: Connection, holder: uuid.UUID, week: date | None, usd: Decimal, limit_usd: Decimal, hours: int
) -> bool:
    """Let `holder` reserve `usd` of the week's budget if all reservations and the ledger stay within the limit.

    Must run inside a transaction; one holder at a time. A reservation counts for `hours` unless renewed.
    """
    connection.execute("select pg_advisory_xact_lock(hashtext('matchme budget ' || coalesce(%s::text, '')))", [week])
    row = connection.execute(
        """
        select coalesce(
                (select sum(cost_usd) from llm_calls where week is not distinct from %(week)s), 0
            ) + coalesce(
                (
                    select sum(usd) from llm_budget_holdings
                    where week is not distinct from %(week)s and holder <> %(holder)s
                        and held_until > clock_timestamp()
                ), 0
            )
        """,
        {"week": week, "holder": holder},
    ).fetchone()
    if row is None or row[0] + usd > limit_usd:
        return False
    connection.execute(
        """
        insert into llm_budget_holdings (holder, week, usd, held_until)
        values (%s, %s, %s, clock_timestamp() + make_interval(hours => %s))
        on conflict (holder) do update set usd = excluded.usd, held_until = excluded.held_until
        """,
        [holder, week, usd, hours],
    )
    return True


def spend_reserved(connection: Connection, holder: uuid.UUID, usd: Decimal, hours: int) -> None:
    """Reduce the reservation by what the ledger records now, inside the caller's transaction; the rest stays reserved
    for `hours` more.
    """
    connection.execute(
        """
        update llm_budget_holdings
        set usd = greatest(usd - %s, 0),
            held_until = greatest(held_until, clock_timestamp() + make_interval(hours => %s))
        where holder = %s
        """,
        [usd, hours, holder],
    )


def release_budget(connection: Connection, holder: uuid.UUID) -> None:
    """Release the reservation of `holder`."""
    connection.execute("delete from llm_budget_holdings where holder = %s", [holder])
