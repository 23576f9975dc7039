"""Connections to the app's database that work behind a transaction pooler as well as directly."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from pgvector.psycopg import register_vector
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import Row, TupleRow

from matchme_pipeline.database.stored_values import tolerate
from matchme_pipeline.errors import DatabaseUnavailableError

MIN_POSTGRES = 15
MIN_PGVECTOR = (0, 5)
CONNECT_TIMEOUT_SECONDS = 10

# Output formats that the loaders expect, whatever the settings of the role or the database.
_SETTINGS = {
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
}
_SETTINGS_QUERY = sql.SQL("select {}").format(
    sql.SQL(", ").join(sql.SQL("current_setting({})").format(sql.Literal(name)) for name in _SETTINGS)
)

Connection = psycopg.Connection[TupleRow]


@contextmanager
def connect(url: str, *, vectors: bool = True) -> Iterator[Connection]:
    """One connection, closed at the end; transactions are the caller's `with connection.transaction()`.

    Autocommit, so that nothing idles in a transaction; neither prepared statements nor session state, so that a
    transaction pooler (Supabase's port 6543) may use another backend for every transaction. `vectors` registers
    pgvector's types, text and binary. Raises DatabaseUnavailableError.
    """
    connection = open_connection(url, vectors=vectors)
    try:
        yield connection
    finally:
        connection.close()


def open_connection(url: str, *, vectors: bool = True) -> Connection:
    """Like `connect`, for callers that close the connection themselves."""
    try:
        connection = _with_known_settings(url, _connected(url))
    except psycopg.Error as error:
        raise DatabaseUnavailableError(
            f"The database at {describe(url)} does not answer ({_first_line(error)}). "
            "Check MATCHME_DATABASE_URL, or unset it to use the embedded server."
        ) from None
    tolerate(connection)
    if vectors:
        try:
            register_vector(connection)
        except psycopg.Error as error:
            connection.close()
            raise DatabaseUnavailableError(
                f"The database at {describe(url)} has no pgvector ({_first_line(error)}). "
                "Run `matchme db migrate`; where it may not create extensions, have an administrator run "
                "`create extension vector`."
            ) from None
    return connection


def one_row(cursor: psycopg.Cursor[Row]) -> Row:
    """The row of a statement that always returns one: an aggregate over everything, an insert with `returning`."""
    row = cursor.fetchone()
    if row is None:
        raise LookupError("A statement that always returns a row has returned none.")
    return row


def _connected(url: str, options: str | None = None) -> Connection:
    return psycopg.connect(
        url if options is None else make_conninfo(url, options=options),
        autocommit=True,
        prepare_threshold=None,
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
    )


def _with_known_settings(url: str, connection: Connection) -> Connection:
    """`connection`, or another one, with the settings that the loaders expect.

    A role or a database may have its own settings (`alter role … set datestyle`). Settings at the connection's start
    take precedence; a pooler may refuse them, and then they are set for the session.
    """
    differing = _differing_settings(connection)
    if not differing:
        return connection
    options = [str(conninfo_to_dict(url).get("options") or "")]
    options += [f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in differing.items()]
    try:
        restarted = _connected(url, options=" ".join(options).strip())
    except psycopg.Error:
        set_known_settings(connection)
        return connection
    connection.close()
    return restarted


def set_known_settings(connection: Connection) -> None:
    """Set the session's output formats."""
    for name, value in _differing_settings(connection).items():
        connection.execute("select set_config(%s, %s, false)", [name, value])


def _differing_settings(connection: Connection) -> dict[str, str]:
    row = connection.execute(_SETTINGS_QUERY).fetchone()
    found = dict(zip(_SETTINGS, row or (), strict=True))
    return {name: value for name, value in _SETTINGS.items() if found[name] != value}


def require_capabilities(connection: Connection) -> None:
    """Raise DatabaseUnavailableError unless the server is PostgreSQL 15+ and can have pgvector 0.5+."""
    version = connection.info.server_version // 10_000
    if version < MIN_POSTGRES:
        raise DatabaseUnavailableError(
            f"The database runs PostgreSQL {version}; the pipeline needs {MIN_POSTGRES} or newer."
        )
    row = connection.execute(
        """
        select coalesce(
            (select extversion from pg_extension where extname = 'vector'),
            (select default_version from pg_available_extensions where name = 'vector')
        )
        """
    ).fetchone()
    if row is None or row[0] is None:
        raise DatabaseUnavailableError(
            "The database server does not offer the extension pgvector. Install it on the server (0.5 or newer)."
        )
    if tuple(int(part) for part in row[0].split(".")[:2]) < MIN_PGVECTOR:
        raise DatabaseUnavailableError(f"The database has pgvector {row[0]}; the pipeline needs 0.5 or newer.")


def describe(url: str) -> str:
    """`host:port/database` of a URL, without its user and password, for messages."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error:
        return "(an address that is not a PostgreSQL URL)"
    port = f":{parts['port']}" if "port" in parts else ""
    # An unencoded @ would end the password, and the rest would be read as the host.
    host = str(parts.get("host") or parts.get("hostaddr") or "localhost").rpartition("@")[2]
    if "@" in f"{port}{parts.get('dbname', '')}":
        return "(an address whose password must be percent-encoded)"
    return f"{host}{port}/{parts.get('dbname', '')}"


def with_database(url: str, name: str) -> str:
    """The same server's URL for another database."""
    head, _, query = url.partition("?")
    scheme, _, rest = head.partition("://")
    authority = rest.partition("/")[0]
    return f"{scheme}://{authority}/{name}" + (f"?{query}" if query else "")


def create_database(url: str, name: str) -> str:
    """Create database `name` on the server of `url` unless it is there; returns its URL."""
    with connect(url, vectors=False) as connection:
        exists = connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone()
        if exists is None:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return with_database(url, name)


def _first_line(error: psycopg.Error) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
