"""The address of Dagster's runs, events and logs; does not import Dagster, which takes half a second."""

from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from matchme_pipeline.database.addresses import embedded_server
from matchme_pipeline.database.connection import CONNECT_TIMEOUT_SECONDS, connect, create_database, describe
from matchme_pipeline.errors import ConfigurationError, DatabaseUnavailableError
from matchme_pipeline.settings import Settings

DATABASE = "dagster"
SCHEMA = "dagster"
# The command sets it for its child processes, so that they need not ask the server.
URL_VARIABLE = "MATCHME_DAGSTER_STORAGE_URL"


def storage_url(settings: Settings) -> str:
    """The address of Dagster's runs and events: MATCHME_DAGSTER_DATABASE_URL, or beside the app's database.

    On the embedded server it is a separate database, in a configured database a separate schema. The URL names the
    driver: SQLAlchemy would choose psycopg 3 for a plain one, but dagster-postgres needs the NOTIFY of psycopg 2.
    Raises DatabaseUnavailableError.
    """
    if settings.dagster_database_url is not None:
        _require_answer(settings.dagster_database_url)
        return _with_driver(settings.dagster_database_url)
    if settings.database_url is None:
        server = embedded_server(settings.home)
        server.ensure_running()
        return _with_driver(create_database(server.url("postgres"), DATABASE))
    # If two processes create the schema at once, one of them gets this error.
    with connect(settings.database_url, vectors=False) as connection, suppress(psycopg.errors.UniqueViolation):
        connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(SCHEMA)))
    separator = "&" if "?" in settings.database_url else "?"
    return _with_driver(f"{settings.database_url}{separator}options={quote(f'-csearch_path={SCHEMA}')}")


def plain_url(settings: Settings) -> str:
    """The same address for psql and pg_dump: without a driver, and without the schema in the app's database."""
    url = storage_url(settings)
    if settings.dagster_database_url is None and settings.database_url is not None:
        return settings.database_url
    return "postgresql://" + url.partition("://")[2]


def count_runs(settings: Settings) -> int | None:
    """The number of runs in Dagster's storage, None if it does not exist yet but could be created; changes nothing.

    Raises DatabaseUnavailableError, and ConfigurationError if the storage could not be created.
    """
    if settings.dagster_database_url is not None:
        _require_answer(settings.dagster_database_url)
        return _runs_in(settings.dagster_database_url, None)
    if settings.database_url is not None:
        return _runs_in(settings.database_url, SCHEMA)
    server = embedded_server(settings.home)
    server.ensure_running()
    with connect(server.url("postgres"), vectors=False) as connection:
        if connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone() is None:
            return None
    return _runs_in(server.url(DATABASE), None)


def _runs_in(url: str, schema: str | None) -> int | None:
    with connect(url, vectors=False) as connection, connection.transaction(force_rollback=True):
        try:
            if schema is not None:
                name = sql.Identifier(schema)
                # Rolled back: this only tests whether it may be created.
                if connection.execute("select to_regnamespace(%s)", [schema]).fetchone() == (None,):
                    connection.execute(sql.SQL("create schema {}").format(name))
                connection.execute(sql.SQL("set local search_path = {}").format(name))
            if connection.execute("select to_regclass('runs')").fetchone() == (None,):
                connection.execute("create table runs ()")
                return None
            row = connection.execute("select count(*) from runs").fetchone()
        except psycopg.errors.InsufficientPrivilege as error:
            raise ConfigurationError(
                f"Dagster's storage at {describe(url)} cannot be created or read "
                f"({str(error).strip().splitlines()[0]}). Grant the pipeline's role CREATE on this database, or set "
                "MATCHME_DAGSTER_DATABASE_URL to a separate database."
            ) from None
    return int(row[0]) if row else 0


def files_dir(settings: Settings) -> Path:
    """The folder of compute logs and artifacts, under the pipeline's home."""
    return settings.home.expanduser().resolve() / "dagster"


def _require_answer(url: str) -> None:
    try:
        psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_SECONDS).close()
    except psycopg.Error as error:
        raise DatabaseUnavailableError(
            f"Dagster's storage at {describe(url)} does not answer ({str(error).strip().splitlines()[0]}). "
            "Check MATCHME_DAGSTER_DATABASE_URL, or unset it to keep runs beside the app's database."
        ) from None


def _with_driver(url: str) -> str:
    return "postgresql+psycopg2://" + url.partition("://")[2]
