"""The set-up that commands share: the first week, the database, Dagster's storage."""

import os
from datetime import date

from matchme_pipeline.database import dagster_addresses, files, migrations
from matchme_pipeline.database.addresses import database_url
from matchme_pipeline.database.connection import connect
from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.operations.first_week import first_week_of_data
from matchme_pipeline.settings import POPULATION_FILE, process_settings


def use_first_week(first_week: date) -> None:
    """Remember the population's first week for every later command, unless MATCHME_FIRST_WEEK is configured."""
    home = process_settings().home
    home.mkdir(parents=True, exist_ok=True)
    (home / POPULATION_FILE).write_text(f"MATCHME_FIRST_WEEK={first_week.isoformat()}\n", encoding="utf-8")
    process_settings.cache_clear()


def store_first_week() -> None:
    """Derive the first week from the data and store it, unless it is configured or stored already.

    Call it before `matchme_pipeline.week` is imported: partitions are defined there. Raises DatabaseUnavailableError.
    """
    settings = process_settings()
    if "first_week" in settings.model_fields_set:
        return
    with connect(database_url(settings), vectors=False) as connection:
        if not migrations.has_app_tables(connection):
            return
        if any(m.applied_at is None for m in migrations.status(connection, files.migrations_dir())):
            return
        first_week = first_week_of_data(connection)
    if first_week is not None:
        use_first_week(first_week)


def require_executor() -> None:
    """Raise ConfigurationError where the executor of the settings lacks something, before anything is started."""
    from matchme_pipeline.operations import executors

    executors.require(process_settings())


def prepare_dagster() -> str:
    """Configure Dagster's storage for this process and its children; returns the app database's URL.

    Raises DatabaseUnavailableError.
    """
    settings = process_settings()
    url = database_url(settings)
    dagster_addresses.files_dir(settings).mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "DAGSTER_HOME": str(files.dagster_home()),
        "MATCHME_HOME": str(settings.home.expanduser().resolve()),
        "MATCHME_FIRST_WEEK": settings.first_week.isoformat(),
        dagster_addresses.URL_VARIABLE: dagster_addresses.storage_url(settings),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    return url


def require_migrated(url: str) -> None:
    """Raise ConfigurationError unless every migration is applied."""
    with connect(url, vectors=False) as connection:
        missing = [m for m in migrations.status(connection, files.migrations_dir()) if m.applied_at is None]
    if missing:
        raise ConfigurationError(
            f"{len(missing)} migrations are missing, the first is {missing[0].version:03d}_{missing[0].name}. "
            "Run `matchme db migrate` (or `matchme seed` for a demonstration population)."
        )
