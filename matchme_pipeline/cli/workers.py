"""`matchme worker`: one more process that asks a week's open questions, on this machine or another one."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from matchme_pipeline.cli import console
from matchme_pipeline.errors import PipelineError

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from matchme_pipeline.week import Week


def worker(
    week: Annotated[str, typer.Option(help="The week, by its Sunday: YYYY-MM-DD.")],
    wait: Annotated[int, typer.Option(min=0, max=10_080, help="Minutes to wait for a run of the week to begin.")] = 0,
) -> None:
    """Help the run that is working on a week: ask its open model questions until it is over.

    Start as many as the model server and its rate limits allow, on any machine with the same database and models.
    """
    from matchme_pipeline.cli import environment

    environment.store_first_week()
    from dagster import DagsterInstance

    from matchme_pipeline.cli.weeks import missing_weeks
    from matchme_pipeline.database.connection import connect
    from matchme_pipeline.errors import WeekError
    from matchme_pipeline.operations import lost_runs, week_workers
    from matchme_pipeline.settings import process_settings
    from matchme_pipeline.week import Week

    wanted = Week.parse(week)
    if datetime.now(UTC) < wanted.start:
        raise WeekError(f"week {week} is in the future: its window opens at {wanted.start:%Y-%m-%d %H:%M} UTC")
    week_workers.require_shared_questions(process_settings())
    url = environment.prepare_dagster()
    environment.require_migrated(url)
    with DagsterInstance.get() as instance:
        week_workers.close_lost_workers(instance)
        with connect(url, vectors=False) as connection:
            working_on = {row.week for row in lost_runs.close_lost(connection, instance, datetime.now(UTC))}
            if wanted.sunday not in working_on and not missing_weeks([wanted]):
                raise PipelineError(f"week {week} is finished: no run is working on it, and nothing is left to ask.")
            member_of = week_workers.run_of_week(connection, instance, wanted, 60 * wait)
        console.say(f"helping run {member_of} of week {week}")
        answers = _help(instance, member_of, wanted)
    console.result(f"run {member_of} is over; answers by this worker: {', '.join(answers)}")


def _help(instance: "DagsterInstance", member_of: str, week: "Week") -> list[str]:
    """Execute a worker's run for the run `member_of`; returns its numbers of answers by stage, as text.

    Raises KeyboardInterrupt if it was cancelled, and PipelineError if it failed.
    """
    from dagster import DagsterRunStatus

    from matchme_pipeline.definitions import defs
    from matchme_pipeline.operations import execution, week_workers
    from matchme_pipeline.operations.liveness import PROCESS_TAG, this_worker

    tags = {
        PROCESS_TAG: this_worker(),
        week_workers.MEMBER_OF_TAG: member_of,
        week_workers.WEEK_TAG: week.key,
        "dagster/max_retries": "0",
    }
    result = execution.execute_here(defs.resolve_job_def(week_workers.WORKER_JOB), instance, None, tags)
    run = instance.get_run_by_id(result.run_id)
    if run is not None and run.status == DagsterRunStatus.CANCELED:
        raise KeyboardInterrupt
    if not result.success:
        failures = [event.event_specific_data for event in result.all_events if event.is_step_failure]
        causes = [getattr(failure, "error_display_string", "") for failure in failures]
        raise PipelineError(f"the worker failed: {(causes or ['see its run in the UI'])[0].splitlines()[0]}")
    return [
        f"{name}: {entry.value}"
        for event in result.all_events
        if event.is_successful_output
        for name, entry in event.step_output_data.metadata.items()
        if name != "worker_of"
    ]
