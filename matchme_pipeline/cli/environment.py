"""What a command sets up before it opens a room: the first week, the database, Dagster's own storage."""

import os
from datetime import date
from urllib.parse import quote

import psycopg

from matchme_pipeline.database import files, migrations
from matchme_pipeline.database.connection import connect, create_database
from matchme_pipeline.database.resource import database_url, embedded_server
from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.settings import POPULATION_FILE, Settings, process_settings

DAGSTER_DATABASE = "dagster"
DAGSTER_SCHEMA = "dagster"


def use_first_week(first_week: date) -> None:
    """Remember the population's first week for every later command, unless MATCHME_FIRST_WEEK is configured."""
    home = process_settings().home
    home.mkdir(parents=True, exist_ok=True)
    (home / POPULATION_FILE).write_text(f"MATCHME_FIRST_WEEK={first_week.isoformat()}\n", encoding="utf-8")
    process_settings.cache_clear()


def prepare_dagster() -> str:
    """Point this process and its children to Dagster's configuration and storage; returns the app database's URL.

    The storage is a database of its own on the embedded server, and a schema of its own in a configured database,
    unless MATCHME_DAGSTER_DATABASE_URL names another. Raises DatabaseUnavailableError.
    """
    settings = process_settings()
    url = database_url(settings)
    home = settings.home.expanduser().resolve()
    dagster_files = home / "dagster"
    dagster_files.mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "DAGSTER_HOME": str(files.dagster_home()),
        "MATCHME_HOME": str(home),
        "MATCHME_FIRST_WEEK": settings.first_week.isoformat(),
        "MATCHME_DAGSTER_DIR": str(dagster_files),
        "MATCHME_DAGSTER_STORAGE_URL": _storage_url(settings, url),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    return url


def _storage_url(settings: Settings, url: str) -> str:
    if settings.dagster_database_url is not None:
        return _with_driver(settings.dagster_database_url)
    if settings.database_url is None:
        return _with_driver(create_database(embedded_server(settings.home).url("postgres"), DAGSTER_DATABASE))
    with connect(url, vectors=False) as connection:
        connection.execute(
            psycopg.sql.SQL("create schema if not exists {}").format(psycopg.sql.Identifier(DAGSTER_SCHEMA))
        )
    separator = "&" if "?" in url else "?"
    return _with_driver(f"{url}{separator}options={quote(f'-csearch_path={DAGSTER_SCHEMA}')}")


def _with_driver(url: str) -> str:
    # SQLAlchemy would choose psycopg 3 for a plain URL, whose NOTIFY dagster-postgres does not speak.
    return "postgresql+psycopg2://" + url.partition("://")[2]


def require_migrated(url: str) -> None:
    """Raise ConfigurationError unless every migration is applied."""
    with connect(url, vectors=False) as connection:
        missing = [m for m in migrations.status(connection, files.migrations_dir()) if m.applied_at is None]
    if missing:
        raise ConfigurationError(
            f"{len(missing)} migrations are missing, the first is {missing[0].version:03d}_{missing[0].name}. "
            "Run `matchme db migrate` (or `matchme seed` for a demonstration population)."
        )
