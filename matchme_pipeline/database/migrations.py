"""Runs the numbered SQL files once each, in order, and remembers them in `schema_migrations`."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from matchme_pipeline.database.connection import Connection, require_capabilities
from matchme_pipeline.errors import ConfigurationError, DatabaseUnavailableError

# Any constant will do, as long as every runner of these migrations takes the same one.
_LOCK_KEY = 7_214_001


@dataclass(frozen=True)
class Migration:
    """One numbered file and, where it has run, when."""

    version: int
    name: str
    path: Path
    applied_at: datetime | None = None

    @property
    def checksum(self) -> str:
        """SHA-256 of the file's text."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


def migrate(connection: Connection, directory: Path) -> list[Migration]:
    """Apply what is missing, each file in a transaction of its own; returns what was applied.

    Safe to run twice and by several processes at once. Raises DatabaseUnavailableError when a file fails; what
    earlier files did stays, what the failing one did is rolled back.
    """
    require_capabilities(connection)
    applied = []
    for migration in available(directory):
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK_KEY])
            _ensure_register(connection)
            if _is_applied(connection, migration):
                continue
            try:
                connection.execute(migration.path.read_text(encoding="utf-8"))
            except psycopg.Error as error:
                raise DatabaseUnavailableError(
                    f"Migration {migration.path.name} failed and was rolled back: {str(error).strip()}"
                ) from error
            connection.execute(
                "insert into schema_migrations (version, name, checksum) values (%s, %s, %s)",
                [migration.version, migration.name, migration.checksum],
            )
            applied.append(migration)
    return applied


def available(directory: Path) -> list[Migration]:
    """Every migration in `directory`, by number. Raises ConfigurationError where two have the same number."""
    migrations: list[Migration] = []
    for path in sorted(directory.glob("*.sql")):
        number, _, name = path.stem.partition("_")
        migrations.append(Migration(int(number), name, path))
        if len(migrations) > 1 and migrations[-2].version == int(number):
            raise ConfigurationError(
                f"{migrations[-2].path.name} and {path.name} have the same number, so that one of them would never be "
                "applied. Rename the newer one."
            )
    return migrations


def status(connection: Connection, directory: Path) -> list[Migration]:
    """Every migration in `directory` with the time it was applied, None where it was not."""
    with connection.transaction():
        exists = connection.execute("select to_regclass('schema_migrations') is not null").fetchone()
        rows = (
            connection.execute("select version, applied_at from schema_migrations").fetchall()
            if exists and exists[0]
            else []
        )
    times: dict[int, datetime] = dict(rows)
    return [Migration(m.version, m.name, m.path, times.get(m.version)) for m in available(directory)]


def create_app_tables(connection: Connection, directory: Path) -> bool:
    """Create the stand-in for the app's tables unless the database has them; returns whether it did."""
    require_capabilities(connection)
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK_KEY])
        if has_app_tables(connection):
            return False
        for path in sorted(directory.glob("*.sql")):
            connection.execute(path.read_text(encoding="utf-8"))
    return True


def has_app_tables(connection: Connection) -> bool:
    """Whether the app's own tables are there."""
    row = connection.execute("select to_regclass('profiles') is not null and to_regclass('posts') is not null")
    found = row.fetchone()
    return bool(found and found[0])


def _ensure_register(connection: Connection) -> None:
    connection.execute(
        """
        create table if not exists schema_migrations (
            version integer primary key,
            name text not null,
            checksum text not null,
            applied_at timestamptz not null default now()
        )
        """
    )


def _is_applied(connection: Connection, migration: Migration) -> bool:
    row = connection.execute("select 1 from schema_migrations where version = %s", [migration.version]).fetchone()
    return row is not None
