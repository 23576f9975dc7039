"""`matchme jobs`: lists the queue's jobs; retries and discards failed ones."""

import getpass
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Annotated
from uuid import UUID

import typer

from matchme_pipeline.cli import console
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.errors import PipelineError, UsageError
from matchme_pipeline.jobs import dead_letters, listing
from matchme_pipeline.jobs.listing import JobFilter
from matchme_pipeline.jobs.model import JobStatus, JobType

app = typer.Typer(help="Jobs: list them; retry or discard failed ones.", no_args_is_help=True)


Ids = Annotated[list[UUID] | None, typer.Argument(help="Ids of failed jobs, as `matchme jobs list` shows them.")]
OfType = Annotated[JobType | None, typer.Option("--type", help="Only jobs of this type.")]
OfWeek = Annotated[str | None, typer.Option("--week", help="Only jobs of this week, by its Sunday.")]
OfUser = Annotated[str | None, typer.Option("--user", help="Only this member's jobs.")]
All = Annotated[bool, typer.Option("--all", help="Every failed job.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def show(
    status: Annotated[JobStatus, typer.Option(help="In which state.")] = JobStatus.FAILED,
    job_type: OfType = None,
    week: OfWeek = None,
    user: OfUser = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest first.")] = 50,
    json: AsJson = False,
) -> None:
    """Failed jobs, or jobs in another state, with attempts and last error."""
    from matchme_pipeline.cli import show as tables

    with _database() as connection:
        jobs = listing.listed(connection, JobFilter(status, job_type, _sunday(week), user), limit)
    if json:
        console.as_json([vars(job) for job in jobs])
    elif jobs:
        tables.jobs_table(jobs, f"Jobs: {status}")
    else:
        console.result(f"no {status} jobs")


@app.command()
def retry(
    job_ids: Ids = None,
    job_type: OfType = None,
    week: OfWeek = None,
    user: OfUser = None,
    every: All = False,
    json: AsJson = False,
) -> None:
    """Reopen failed jobs with all their attempts; the next run of their week works on them."""
    _act_on_failed_jobs(dead_letters.retry, "retried", job_ids, job_type, _sunday(week), user, every, json)


@app.command()
def discard(
    job_ids: Ids = None,
    job_type: OfType = None,
    week: OfWeek = None,
    user: OfUser = None,
    every: All = False,
    json: AsJson = False,
) -> None:
    """Discard failed jobs; later changes of the member reopen them."""

    def by_this_user(connection: Connection, ids: Collection[UUID]) -> set[UUID]:
        return dead_letters.discard(connection, ids, by=getpass.getuser())

    _act_on_failed_jobs(by_this_user, "discarded", job_ids, job_type, _sunday(week), user, every, json)


def _act_on_failed_jobs(
    act: Callable[[Connection, Collection[UUID]], set[UUID]],
    verb: str,
    job_ids: Sequence[UUID] | None,
    job_type: JobType | None,
    week: date | None,
    user: str | None,
    every: bool,
    json: bool,
) -> None:
    filtered = any((job_type, week, user))
    if sum((bool(job_ids), filtered, every)) != 1:
        raise UsageError("Name jobs by their ids, or by --type, --week and --user, or all that failed by --all.")
    with _database() as connection:
        wanted = job_ids or listing.ids_of(connection, JobFilter(JobStatus.FAILED, job_type, week, user))
        done = act(connection, wanted)
        missed = {job_id: dead_letters.state(connection, job_id) for job_id in job_ids or () if job_id not in done}
    if json:
        console.as_json({verb: sorted(done), "not_failed": missed and {str(k): v for k, v in missed.items()}})
    else:
        console.result(f"{len(done):,} jobs {verb}")
    if missed:
        named = ", ".join(f"{job_id} ({state or 'no such job'})" for job_id, state in missed.items())
        raise PipelineError(f"only failed jobs can be {verb}; left alone: {named}")


@contextmanager
def _database() -> Iterator[Connection]:
    from matchme_pipeline.cli import environment
    from matchme_pipeline.database.addresses import database_url
    from matchme_pipeline.settings import process_settings

    url = database_url(process_settings())
    environment.require_migrated(url)
    with connect(url, vectors=False) as connection:
        yield connection


def _sunday(week: str | None) -> date | None:
    from matchme_pipeline.week import Week

    return Week.parse(week).sunday if week else None
