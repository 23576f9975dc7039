"""The operator's commands: how things stand, ending a run, forgetting a member."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from matchme_pipeline.cli import console
from matchme_pipeline.errors import UsageError

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def status(json: AsJson = False) -> None:
    """The newest runs, what they are at, the queue, and what somebody should know of."""
    from matchme_pipeline.cli import environment

    environment.settle_first_week()
    from matchme_pipeline.cli import show
    from matchme_pipeline.cli.status import look
    from matchme_pipeline.database.resource import database_url
    from matchme_pipeline.settings import process_settings

    url = database_url(process_settings())
    environment.require_migrated(url)
    found = look(url, datetime.now(UTC))
    if json:
        console.as_json(found.as_json())
        return
    show.runs_table(found.runs)
    show.missing_weeks(found.missing, found.automation)
    show.queue_table(found.queue)
    show.alerts_table(found.alerts)


def cancel(run_id: Annotated[str, typer.Argument(help="The run's Dagster id, as `matchme status` shows it.")]) -> None:
    """End a run that is queued or at work; what it has finished is kept."""
    from matchme_pipeline.cli import environment
    from matchme_pipeline.cli.weeks import cancel_run

    environment.prepare_dagster()
    cancel_run(run_id)
    console.result(f"run {run_id} is asked to end; `matchme status` shows when it has")


def forget(
    user_id: Annotated[str | None, typer.Argument(help="The member's Clerk id.")] = None,
    deleted: Annotated[bool, typer.Option(help="All members and posts that are deleted in the app.")] = False,
    json: AsJson = False,
) -> None:
    """Remove a member from every table of the pipeline, at once: insights, vectors, scores, matches on both sides.

    With --deleted: every member and every post that the app has marked as deleted or hidden.
    """
    if (user_id is None) != deleted:
        raise UsageError("Name either a member, or --deleted for all that is deleted in the app.")
    from matchme_pipeline.cli import environment
    from matchme_pipeline.content import deletion
    from matchme_pipeline.database.connection import connect
    from matchme_pipeline.database.resource import database_url
    from matchme_pipeline.settings import process_settings

    url = database_url(process_settings())
    environment.require_migrated(url)
    with connect(url) as connection:
        removed = deletion.sweep(connection) if user_id is None else deletion.forget(connection, [user_id])
    if json:
        console.as_json(removed)
        return
    console.result(", ".join(f"{table}: {count}" for table, count in removed.items() if count) or "nothing was kept")
