"""`matchme db`: migrations, their status, the database's address, and stopping the embedded server."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from matchme_pipeline.cli import console
from matchme_pipeline.cli.environment import store_first_week
from matchme_pipeline.database import dagster_addresses, files, migrations, repairs, retention
from matchme_pipeline.database.addresses import database_url, embedded_server
from matchme_pipeline.database.connection import Connection, connect, describe
from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.settings import process_settings

app = typer.Typer(help="The database: migrate, status, repair, uri, stop.", no_args_is_help=True)


@app.command()
def migrate(
    with_app_tables: Annotated[
        bool, typer.Option(help="Create the substitute for the app's own tables where they are missing.")
    ] = False,
) -> None:
    """Apply missing migrations; safe to run again."""
    url = database_url(process_settings())
    with connect(url, vectors=False) as connection:
        applied = prepare_database(connection, with_app_tables or process_settings().database_url is None)
    store_first_week()
    names = ", ".join(f"{migration.version:03d}_{migration.name}" for migration in applied)
    console.result(f"{describe(url)}: applied {names}" if applied else f"{describe(url)}: nothing to apply")


@app.command()
def status(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Which migrations are applied, and when."""
    with connect(database_url(process_settings()), vectors=False) as connection:
        rows = migrations.status(connection, files.migrations_dir())
    if json:
        console.as_json([{"version": m.version, "name": m.name, "applied_at": m.applied_at} for m in rows])
        return
    for migration in rows:
        when = f"applied {migration.applied_at:%Y-%m-%d %H:%M}" if migration.applied_at else "missing"
        console.result(f"{migration.version:03d}_{migration.name}: {when}")


@app.command()
def uri(
    dagster: Annotated[bool, typer.Option("--dagster", help="The database of Dagster's own storage.")] = False,
) -> None:
    """Print the database's URL, for psql; starts the embedded server if no other is configured."""
    settings = process_settings()
    console.result(dagster_addresses.plain_url(settings) if dagster else database_url(settings))


@app.command()
def tools() -> None:
    """Print the folder of the embedded server's pg_dump and pg_restore; an error if another server is configured."""
    if process_settings().database_url is not None:
        raise ConfigurationError(
            "MATCHME_DATABASE_URL names another server: use a pg_dump of that server's version (PG_BIN)."
        )
    console.result(str(embedded_server(process_settings().home).tools))


@app.command()
def prune(
    days: Annotated[int, typer.Option(min=7, max=3_650, help="Keep log events that are not older.")] = 90,
) -> None:
    """Remove old runs' log events from Dagster's storage; materialisations, checks and errors stay."""
    settings = process_settings()
    with connect(dagster_addresses.plain_url(settings), vectors=False) as connection:
        if settings.dagster_database_url is None and settings.database_url is not None:
            connection.execute(f"set search_path = {dagster_addresses.SCHEMA}")
        removed = retention.prune_events(connection, datetime.now(UTC) - timedelta(days=days))
    console.result(f"{removed:,} events older than {days} days are removed")


@app.command()
def repair(
    name: Annotated[str | None, typer.Argument(help="Which repair; left out: list them.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Apply it without asking.")] = False,
) -> None:
    """Show a repair of the app's own objects and apply it after confirmation; `migrate` never does."""
    folder = files.app_repairs_dir()
    if name is None:
        for known, statement in repairs.repairs(folder).items():
            console.result(f"{known}: {repairs.purpose(statement)}")
        return
    statement = repairs.repair_named(folder, name)
    console.result(statement)
    url = database_url(process_settings())
    if not yes and not typer.confirm(f"Apply this to {describe(url)}?", default=False):
        console.result("nothing was changed")
        return
    with connect(url, vectors=False) as connection:
        repairs.apply(connection, statement)
    console.result(f"{name} is applied; `matchme doctor` tries it")


@app.command()
def stop() -> None:
    """Stop the embedded server and the rehearsal's server."""
    from matchme_pipeline.llm.rehearsal import process

    if process.stop(process_settings().home):
        console.result("the rehearsal's server is stopped")
    stopped = embedded_server(process_settings().home).stop()
    console.result("stopped" if stopped else "the embedded server is not running")


def prepare_database(connection: Connection, with_app_tables: bool) -> list[migrations.Migration]:
    """Migrate; first create a substitute for the app's tables if wanted; raises ConfigurationError without them."""
    if not migrations.has_app_tables(connection):
        if not with_app_tables:
            raise ConfigurationError(
                "The database has no tables of the app (profiles, posts). Point MATCHME_DATABASE_URL at the app's "
                "database, or run `matchme db migrate --with-app-tables` for a substitute."
            )
        migrations.create_app_tables(connection, files.app_tables_dir())
    return migrations.migrate(connection, files.migrations_dir())
