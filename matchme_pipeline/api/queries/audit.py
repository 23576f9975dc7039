"""SQL of administrators: who is one, and what they did."""

from matchme_pipeline.database.connection import Connection, one_row

LONGEST_SUBJECT = 300
# What is kept of callers who are refused: rows of one caller in a day, and for how long. Other rows stay.
MOST_REFUSALS_A_DAY = 100
REFUSALS_KEPT_DAYS = 90
# Each new row takes more old ones along than itself.
_CLEARED_AT_ONCE = 50


def has_admin_role(connection: Connection, user_id: str) -> bool:
    """Whether `user_roles` calls the member an administrator."""
    row = connection.execute("select 1 from user_roles where user_id = %s and role = 'admin'", [user_id]).fetchone()
    return row is not None


def begin(connection: Connection, user_id: str, action: str, subject: str, outcome: str, request_id: str) -> int:
    """Record that somebody asked for `action`; returns the record's number.

    A refused caller adds one row a minute for each action, MOST_REFUSALS_A_DAY rows at most in a day, and none of
    them stays for longer than REFUSALS_KEPT_DAYS.
    """
    if outcome == "refused":
        _forget_old_refusals(connection)
        known = _refusal_that_stands_for(connection, user_id, action)
        if known is not None:
            return known
    row = one_row(
        connection.execute(
            """
        insert into api_audit (user_id, action, subject, outcome, request_id)
        values (%s, %s, %s, %s, %s)
        returning id
        """,
            [user_id, action, subject, outcome, request_id],
        )
    )
    return int(row[0])


def end(connection: Connection, record: int, outcome: str, subject: str | None) -> None:
    """Record how it ended, and what it was about where that stood in the body (None: as at the beginning)."""
    connection.execute(
        """
        update api_audit
        set outcome = %s, subject = coalesce(%s, subject), ended_at = clock_timestamp()
        where id = %s
        """,
        [outcome, subject, record],
    )


def _refusal_that_stands_for(connection: Connection, user_id: str, action: str) -> int | None:
    """The row that already says that the caller is refused this, or is refused again and again."""
    row = connection.execute(
        """
        select case
            when count(*) >= %(most)s then max(id)
            else max(id) filter (where action = %(action)s and asked_at > now() - interval '1 minute')
        end
        from api_audit
        where user_id = %(user)s and outcome = 'refused' and asked_at > now() - interval '1 day'
        """,
        {"most": MOST_REFUSALS_A_DAY, "action": action, "user": user_id},
    ).fetchone()
    return row[0] if row else None


def _forget_old_refusals(connection: Connection) -> None:
    connection.execute(
        """
        delete from api_audit where id in (
            select id from api_audit
            where outcome = 'refused' and asked_at < now() - make_interval(days => %s)
            order by asked_at limit %s for update skip locked
        )
        """,
        [REFUSALS_KEPT_DAYS, _CLEARED_AT_ONCE],
    )
