"""The operator's commands: status, cancel a run, forget a member."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from matchme_pipeline.cli import console
from matchme_pipeline.errors import UsageError

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def status(json: AsJson = False) -> None:
    """Can I go back to bed? The first line and the exit status answer: 0 for yes, 1 for no.

    The newest runs, missing weeks, the queue and alerts follow. With --json, `verdict` holds the answer and the exit
    status is 0.
    """
    from matchme_pipeline.cli import environment

    environment.store_first_week()
    from matchme_pipeline.cli import show
    from matchme_pipeline.cli.status import read_status
    from matchme_pipeline.database.addresses import database_url
    from matchme_pipeline.settings import process_settings

    url = database_url(process_settings())
    environment.require_migrated(url)
    found = read_status(url, datetime.now(UTC))
    if json:
        console.as_json(found.as_json())
        return
    show.assessment(found.assessment)
    show.runs_table(found.runs)
    show.missing_weeks(found.missing, found.automation)
    show.queue_table(found.queue)
    show.alerts_table(found.alerts)
    if not found.assessment.can_sleep:
        raise typer.Exit(1)


def cancel(run_id: Annotated[str, typer.Argument(help="The run's Dagster id, as `matchme status` shows it.")]) -> None:
    """Cancel a queued or running run; finished work stays."""
    from matchme_pipeline.cli import environment
    from matchme_pipeline.cli.weeks import cancel_run

    environment.prepare_dagster()
    cancel_run(run_id)
    console.result(f"run {run_id} is asked to end; `matchme status` shows when it has ended")


def forget(
    user_id: Annotated[str | None, typer.Argument(help="The member's Clerk id.")] = None,
    deleted: Annotated[bool, typer.Option(help="All members and posts that are deleted in the app.")] = False,
    json: AsJson = False,
) -> None:
    """Remove a member from every table of the pipeline at once: insights, vectors, scores, matches in both lists.

    With --deleted: every member and every post that the app has marked as deleted or hidden.
    """
    if (user_id is None) != deleted:
        raise UsageError("Name either a member, or --deleted for all that is deleted in the app.")
    from matchme_pipeline.cli import environment
    from matchme_pipeline.content import deletion
    from matchme_pipeline.database.addresses import database_url
    from matchme_pipeline.database.connection import connect
    from matchme_pipeline.settings import process_settings

    url = database_url(process_settings())
    environment.require_migrated(url)
    with connect(url) as connection:
        removed = deletion.sweep(connection) if user_id is None else deletion.forget(connection, [user_id])
    if json:
        console.as_json(removed)
        return
    console.result(", ".join(f"{table}: {count}" for table, count in removed.items() if count) or "no rows existed")


def report(
    week: Annotated[
        str | None, typer.Option(help="The week, by its Sunday: YYYY-MM-DD; by default the newest closed week.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; by default report-WEEK.html in this folder.")
    ] = None,
    json: AsJson = False,
    message: Annotated[bool, typer.Option(help="Print the text of the message instead.")] = False,
) -> None:
    """Write a week's report as one self-contained HTML file: results, cost, failures, actions, charts."""
    from matchme_pipeline.cli import environment

    environment.store_first_week()
    from matchme_pipeline.cli.report import week_report
    from matchme_pipeline.operations.links import links
    from matchme_pipeline.operations.report import content, render
    from matchme_pipeline.settings import process_settings
    from matchme_pipeline.week import Week

    wanted = Week.parse(week) if week else Week.last_closed(datetime.now(UTC))
    url = environment.prepare_dagster()
    environment.require_migrated(url)
    found = week_report(url, wanted)
    if json:
        console.as_json(found.as_json() | {"to_do": content.to_do(found)})
        return
    addresses = links(process_settings(), wanted.key, found.run_id)
    if message:
        console.result(content.message(found, addresses))
        return
    target = output or Path(f"report-{wanted.key}.html")
    target.write_text(render.html(found, addresses), encoding="utf-8")
    console.result(content.headline(found))
    console.result(f"the report is in {target}")
