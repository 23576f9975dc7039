"""SQL of administrators: their ids and the audit of their actions."""

from matchme_pipeline.database.connection import Connection, one_row

MAX_SUBJECT = 300
# Limits on the audit of refused callers: rows per caller and day, and how long they stay. Other rows stay.
MAX_REFUSALS_A_DAY = 100
REFUSAL_RETENTION_DAYS = 90
# Each new row deletes more than one old row.
_CLEARED_AT_ONCE = 50


def has_admin_role(connection: Connection, user_id: str) -> bool:
    """Whether `user_roles` calls the member an administrator."""
    row = connection.execute("select 1 from user_roles where user_id = %s and role = 'admin'", [user_id]).fetchone()
    return row is not None


def begin(connection: Connection, user_id: str, action: str, subject: str, outcome: str, request_id: str) -> int:
    """Record a request for `action`; returns the number of its row.

    A refused caller adds one row a minute for each action, at most MAX_REFUSALS_A_DAY rows a day, and none stays
    longer than REFUSAL_RETENTION_DAYS.
    """
    if outcome == "refused":
        _forget_old_refusals(connection)
        known = _earlier_refusal(connection, user_id, action)
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
    """Record the outcome, and the subject if it was in the body (None: unchanged)."""
    connection.execute(
        """
        update api_audit
        set outcome = %s, subject = coalesce(%s, subject), ended_at = clock_timestamp()
        where id = %s
        """,
        [outcome, subject, record],
    )


def _earlier_refusal(connection: Connection, user_id: str, action: str) -> int | None:
    """The row that already records that the caller is refused this, or repeatedly refused."""
    row = connection.execute(
        """
        select case
            when count(*) >= %(most)s then max(id)
            else max(id) filter (where action = %(action)s and asked_at > now() - interval '1 minute')
        end
        from api_audit
        where user_id = %(user)s and outcome = 'refused' and asked_at > now() - interval '1 day'
        """,
        {"most": MAX_REFUSALS_A_DAY, "action": action, "user": user_id},
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
        [REFUSAL_RETENTION_DAYS, _CLEARED_AT_ONCE],
    )
