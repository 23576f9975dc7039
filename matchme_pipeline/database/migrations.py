"""Applies the numbered SQL files once each, in order, and records them in `schema_migrations`."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from matchme_pipeline.database.connection import Connection, require_capabilities
from matchme_pipeline.errors import ConfigurationError, DatabaseUnavailableError

# An arbitrary constant that every runner of these migrations shares.
_LOCK_KEY = 7_214_001
# Texts of 125 and 127 that were applied before the files got their present text. Both files only create or replace, so
# the present text runs on top. No other file was edited in a way that a second run can make good.
_REPLACED_TEXTS = frozenset(
    {
        "06290dd75ca2e7910e118cc5a33a4319ceaf9fca0c859bdbf9f62ebf5459e189",
        "20e32abdf0c2302bef1a5d0361099b09931a66535f97568186caf5a0dfc34dd4",
    }
)


@dataclass(frozen=True)
class Migration:
    """One numbered file, and the time at which it was applied, if it was."""

    version: int
    name: str
    path: Path
    applied_at: datetime | None = None

    @property
    def checksum(self) -> str:
        """SHA-256 of the file's text, the same whichever line endings a checkout writes."""
        return hashlib.sha256(self.path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def migrate(connection: Connection, directory: Path) -> list[Migration]:
    """Apply missing migrations, each file in its own transaction; returns the applied ones.

    Safe to run twice and by several processes at once. Raises DatabaseUnavailableError if a file fails; earlier files
    stay applied, and the failing one is rolled back. Raises ConfigurationError, before anything is applied, if an
    applied file has been edited.
    """
    require_capabilities(connection)
    migrations = available(directory)
    _require_unedited(connection, migrations)
    applied = []
    for migration in migrations:
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
                """
                insert into schema_migrations (version, name, checksum) values (%s, %s, %s)
                on conflict (version) do update set checksum = excluded.checksum, applied_at = excluded.applied_at
                """,
                [migration.version, migration.name, migration.checksum],
            )
            applied.append(migration)
    return applied


def available(directory: Path) -> list[Migration]:
    """Every migration in `directory`, by number. Raises ConfigurationError for a duplicate number."""
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
    """Every migration in `directory` with the time at which it was applied, None if it was not."""
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
    """Create the substitute for the app's tables unless the database has them; returns whether it did."""
    require_capabilities(connection)
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK_KEY])
        if has_app_tables(connection):
            return False
        for path in sorted(directory.glob("*.sql")):
            connection.execute(path.read_text(encoding="utf-8"))
    return True


def has_app_tables(connection: Connection) -> bool:
    """Do the app's own tables exist?"""
    row = connection.execute("select to_regclass('profiles') is not null and to_regclass('posts') is not null")
    found = row.fetchone()
    return bool(found and found[0])


def _require_unedited(connection: Connection, migrations: list[Migration]) -> None:
    """Raise ConfigurationError, by name, for the first file whose text differs from the applied one."""
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK_KEY])
        _ensure_register(connection)
        applied: dict[int, str] = dict(connection.execute("select version, checksum from schema_migrations").fetchall())
    for migration in migrations:
        stored = applied.get(migration.version, migration.checksum)
        if stored != migration.checksum and stored not in _REPLACED_TEXTS:
            raise ConfigurationError(
                f"Migration {migration.path.name} has been edited since it was applied to this database, which still "
                "has what the older text did. Restore the file (git checkout) and put the change into a new migration "
                "with the next free number."
            )


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
    row = connection.execute(
        "select checksum from schema_migrations where version = %s", [migration.version]
    ).fetchone()
    return row is not None and row[0] not in _REPLACED_TEXTS
