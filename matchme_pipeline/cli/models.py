"""`matchme models`: lists the learned versions, shows one, and lets an operator select the one that scores matches."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from getpass import getuser
from typing import TYPE_CHECKING, Annotated

import typer

from matchme_pipeline.cli import console
from matchme_pipeline.errors import PipelineError, UsageError

if TYPE_CHECKING:
    from matchme_pipeline.database.connection import Connection
    from matchme_pipeline.matching.model_queries import StoredVersion

app = typer.Typer(
    name="models", help="Learned versions of the score: list, show, activate, roll back, pin.", no_args_is_help=True
)

Version = Annotated[str, typer.Argument(help="The version: the Sunday of its training's week, YYYY-MM-DD.")]
By = Annotated[str | None, typer.Option(help="Who decides; by default the name of this account.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command(name="list")
def list_versions(json: AsJson = False) -> None:
    """Every version with its state and how it did, the newest first."""
    from matchme_pipeline.cli import model_tables
    from matchme_pipeline.matching import model_queries

    with _database() as connection:
        found = model_queries.versions(connection)
    if json:
        console.as_json([vars(stored) for stored in found])
    else:
        model_tables.versions(found)


@app.command()
def show(version: Version, json: AsJson = False) -> None:
    """Show one version: what it learned, how it performed on later weeks, and which weeks it scored."""
    from matchme_pipeline.cli import model_tables
    from matchme_pipeline.matching.match_models import decision_queries

    with _database() as connection:
        stored = _version(connection, version)
        weeks = decision_queries.week_models(connection, stored.week)
    if json:
        console.as_json({**vars(stored), "weeks": [vars(week) for week in weeks]})
    else:
        model_tables.version(stored, weeks)


@app.command()
def activate(version: Version, by: By = None) -> None:
    """Let a version score the coming weeks, until another version beats it or it is rolled back."""
    _set(version, by, "active", "scores the coming weeks")


@app.command()
def pin(version: Version, by: By = None) -> None:
    """Let a version score the coming weeks, whatever the figures say."""
    _set(version, by, "pinned", "scores the coming weeks until it is unpinned")


@app.command()
def unpin(by: By = None) -> None:
    """Let the figures decide again: the pinned version stays active until another beats it or it is rolled back."""
    from matchme_pipeline.matching import model_queries
    from matchme_pipeline.matching.match_models import decision_queries

    with _database() as connection:
        pinned = next((one for one in model_queries.versions(connection) if one.state == "pinned"), None)
        if pinned is None:
            raise PipelineError("no version is pinned; see `matchme models list`.")
        decision_queries.set_active(connection, pinned.week, by or getuser())
    console.result(f"version {pinned.week} is active and no longer pinned")


@app.command()
def rollback(by: By = None) -> None:
    """Return to what scored before the version in use: an earlier version, or the untrained score."""
    from matchme_pipeline.matching import model_queries
    from matchme_pipeline.matching.match_models import decision_queries

    with _database() as connection:
        used = next((one for one in model_queries.versions(connection) if one.is_in_use), None)
        if used is None:
            raise PipelineError("no version is in use, only the untrained score. See `matchme models list`.")
        before = decision_queries.used_before(connection, used.week)
        decision_queries.set_active(connection, before, by or getuser())
    console.result(f"version {used.week} is retired; {_name(before)} scores the coming weeks")


def _set(version: str, by: str | None, state: str, meaning: str) -> None:
    from matchme_pipeline.matching.match_models import decision_queries
    from matchme_pipeline.matching.rules.weights import ALGORITHM_VERSION

    with _database() as connection:
        stored = _version(connection, version)
        if stored.factors_version != ALGORITHM_VERSION:
            raise PipelineError(
                f"version {stored.week} was trained on factors {stored.factors_version}; they are {ALGORITHM_VERSION} "
                "now. Choose a version of these: `matchme models list`."
            )
        decision_queries.set_active(connection, stored.week, by or getuser(), state)
    console.result(f"version {stored.week} {meaning}")


def _name(version: date | None) -> str:
    return f"version {version}" if version else "the untrained score"


def _version(connection: "Connection", version: str) -> "StoredVersion":
    from matchme_pipeline.matching import model_queries

    try:
        week = date.fromisoformat(version)
    except ValueError:
        raise UsageError(
            f"'{version}' is not a version; a version is named by a Sunday, YYYY-MM-DD. See `matchme models list`."
        ) from None
    stored = model_queries.version_of(connection, week)
    if stored is None:
        raise PipelineError(f"there is no version {version}; see `matchme models list`.")
    return stored


@contextmanager
def _database() -> "Iterator[Connection]":
    from matchme_pipeline.cli import environment
    from matchme_pipeline.database.addresses import database_url
    from matchme_pipeline.database.connection import connect
    from matchme_pipeline.settings import process_settings

    url = database_url(process_settings())
    environment.require_migrated(url)
    with connect(url, vectors=False) as connection:
        yield connection
