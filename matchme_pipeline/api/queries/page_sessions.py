"""SQL of the operations page's sessions."""

from matchme_pipeline.database.connection import Connection


def begin(connection: Connection, secret_hash: str, user_id: str, seconds: int) -> None:
    """Store who is signed in, and delete expired sessions."""
    connection.execute("delete from api_page_sessions where expires_at < clock_timestamp()")
    connection.execute(
        "insert into api_page_sessions (secret_hash, user_id, expires_at) "
        "values (%s, %s, clock_timestamp() + make_interval(secs => %s))",
        [secret_hash, user_id, seconds],
    )


def user(connection: Connection, secret_hash: str) -> str | None:
    """The owner of the session; None for an expired one."""
    row = connection.execute(
        "select user_id from api_page_sessions where secret_hash = %s and expires_at > clock_timestamp()",
        [secret_hash],
    ).fetchone()
    return row[0] if row else None


def end(connection: Connection, secret_hash: str) -> None:
    """Forget a session."""
    connection.execute("delete from api_page_sessions where secret_hash = %s", [secret_hash])
