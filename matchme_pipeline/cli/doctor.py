"""`matchme doctor`: checks each requirement of a run in order, with a remedy for each failure."""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import psycopg

from matchme_pipeline.cli import app_trials, environment
from matchme_pipeline.database import dagster_addresses, files, migrations
from matchme_pipeline.database.addresses import database_url
from matchme_pipeline.database.connection import connect, describe, require_capabilities
from matchme_pipeline.errors import ConfigurationError, PipelineError
from matchme_pipeline.settings import process_settings


@dataclass(frozen=True)
class Finding:
    """One check's result: whether it passed, and what was seen or what to do.

    A `notice` is not a failure but needs attention.
    """

    subject: str
    ok: bool
    detail: str
    notice: bool = False


def examine() -> list[Finding]:
    """Run every check; a failed check does not skip the next one."""
    found = [
        _try("python", _python),
        _try("settings", _settings),
        _try("database", _database),
        _try("app tables", _app_tables),
        _try("migrations", _migrations),
        _try("dagster", _dagster),
        _try("models", _models),
    ]
    if not all(finding.ok for finding in found if finding.subject in ("database", "app tables", "migrations")):
        return [*found, Finding("app", True, "the app's operations are tried once the database is migrated", True)]
    return [*found, *(_try(subject, partial(_tried, trial)) for subject, trial in app_trials.TRIALS.items())]


def _try(subject: str, look: Callable[[], str]) -> Finding:
    try:
        detail = look()
        return Finding(subject, True, str(detail), isinstance(detail, app_trials.Notice))
    except PipelineError as error:
        return Finding(subject, False, str(error))


def _tried(trial: app_trials.Trial) -> str:
    with connect(database_url(process_settings()), vectors=False) as connection:
        try:
            return trial(connection)
        except psycopg.Error as error:
            sentence = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ConfigurationError(
                f"This could not be tried ({sentence}). The pipeline's role has to read the app's tables and the "
                "catalogue; connect as the tables' owner."
            ) from error


def _python() -> str:
    return platform.python_version()


def _settings() -> str:
    settings = process_settings()
    return f"first week {settings.first_week}, models by {settings.provider}"


def _database() -> str:
    url = database_url(process_settings())
    with connect(url) as connection:
        require_capabilities(connection)
        version = connection.info.server_version // 10_000
        row = connection.execute("select extversion from pg_extension where extname = 'vector'").fetchone()
    return f"{describe(url)}, PostgreSQL {version}, pgvector {row[0] if row else '?'}"


def _app_tables() -> str:
    with connect(database_url(process_settings()), vectors=False) as connection:
        if not migrations.has_app_tables(connection):
            raise ConfigurationError(
                "profiles and posts are missing. Point MATCHME_DATABASE_URL at the app's database."
            )
        row = connection.execute("select count(*) from profiles").fetchone()
    return f"{row[0] if row else 0:,} profiles"


def _migrations() -> str:
    environment.require_migrated(database_url(process_settings()))
    return f"{len(migrations.available(files.migrations_dir()))} applied"


def _dagster() -> str:
    runs = dagster_addresses.count_runs(process_settings())
    if runs is None:
        return "the storage does not exist yet and can be created; the first command that needs it creates it"
    return f"storage answers, {runs:,} runs"


def _models() -> str:
    from matchme_pipeline.llm.doctor import examine_models

    return examine_models(process_settings())
