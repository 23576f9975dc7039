"""SQL of administrators: who is one, and what they did."""

from matchme_pipeline.database.connection import Connection

LONGEST_SUBJECT = 300


def has_admin_role(connection: Connection, user_id: str) -> bool:
    """Whether `user_roles` calls the member an administrator."""
    row = connection.execute("select 1 from user_roles where user_id = %s and role = 'admin'", [user_id]).fetchone()
    return row is not None


def begin(connection: Connection, user_id: str, action: str, subject: str, outcome: str, request_id: str) -> int:
    """Record that somebody asked for `action`; returns the record's number."""
    row = connection.execute(
        """
        insert into api_audit (user_id, action, subject, outcome, request_id)
        values (%s, %s, %s, %s, %s)
        returning id
        """,
        [user_id, action, subject, outcome, request_id],
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
