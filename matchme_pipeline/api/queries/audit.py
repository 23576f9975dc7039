"""SQL of administrators: who is one, and what they did."""

from matchme_pipeline.database.connection import Connection

LONGEST_SUBJECT = 300


def has_admin_role(connection: Connection, user_id: str) -> bool:
    """Whether `user_roles` calls the member an administrator."""
    row = connection.execute("select 1 from user_roles where user_id = %s and role = 'admin'", [user_id]).fetchone()
    return row is not None


def begin(connection: Connection, user_id: str, action: str, subject: str, outcome: str, request_id: str) -> int:
    """Record that somebody asked for `action`; returns the record's number.

    Who is refused again and again for the same fills the table by one row a minute.
    """
    row = connection.execute(
        """
        with same as (
            select max(id) as id from api_audit
            where user_id = %(user)s and action = %(action)s and outcome = %(outcome)s and %(outcome)s = 'refused'
                and asked_at > now() - interval '1 minute'
        ),
        made as (
            insert into api_audit (user_id, action, subject, outcome, request_id)
            select %(user)s, %(action)s, %(subject)s, %(outcome)s, %(request)s from same where same.id is null
            returning id
        )
        select coalesce((select id from made), (select id from same))
        """,
        {"user": user_id, "action": action, "subject": subject, "outcome": outcome, "request": request_id},
    ).fetchone()
    assert row is not None
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
