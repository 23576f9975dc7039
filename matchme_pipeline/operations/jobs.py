"""The jobs that schedules and sensors launch."""

from datetime import UTC, datetime
from typing import Any

from dagster import AssetSelection, OpExecutionContext, define_asset_job, job, op

from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.llm.resource import ModelsResource
from matchme_pipeline.operations import dna_refresh, retention, retention_queries, runs, week_workers, worker_queries
from matchme_pipeline.settings import process_settings
from matchme_pipeline.week import Week

_GROUPS = ("content", "embeddings", "dna", "matches", "operations")

weekly_batch = define_asset_job(
    runs.WEEKLY_JOB,
    selection=AssetSelection.groups(*_GROUPS),
    description="Materialises a whole week: insights, vectors, DNA scores, matches, previews and the run summary.",
)

daily_incremental = define_asset_job(
    runs.DAILY_JOB,
    selection=AssetSelection.assets("post_hashes", "content_insights", "post_embeddings"),
    description="Runs the content stages of the open week, so that less work remains for Sunday.",
)


@op(
    description="Recalculates the scores of members with an open DNA job and shows them until the next week is "
    "published."
)
def refresh_dna_scores(context: OpExecutionContext, database: DatabaseResource) -> None:
    """Work through the open DNA jobs of the newest week."""
    with database.connect() as connection:
        done = dna_refresh.refresh_members(connection, context.run_id, datetime.now(UTC))
    if done is None:
        context.log.info("no week has scores yet; the jobs wait for the first weekly run")
    else:
        context.log.info(f"{done.shown} of {done.members} members shown a fresh score, week {done.week}")


@job(name="dna_refresh", description="Fresh DNA scores between Sundays, for members who reviewed insights or ask.")
def dna_refresh_job() -> None:
    """Refresh the scores of waiting members."""
    refresh_dna_scores()


@op(description="Asks the open model questions of the run that it helps, until that run ends.")
def answer_open_questions(context: OpExecutionContext, database: DatabaseResource, models: ModelsResource) -> None:
    """Help the run named in this run's tags; the calls are booked on that run."""
    from matchme_pipeline.operations.worker_stages import stages_of

    week = Week.parse(context.run.tags[week_workers.WEEK_TAG])
    member_of = context.run.tags[week_workers.MEMBER_OF_TAG]
    with database.connect() as connection:
        worker_queries.declare_worker(connection, member_of, context.run_id)
        try:
            with models.session(database) as llm:
                stages = stages_of(connection, llm, week, context.run_id)
                answered = week_workers.join(
                    connection, context.instance, member_of, stages, llm, week, context.log.info
                )
        finally:
            worker_queries.add_late_figures(connection, member_of)
    context.add_output_metadata({**answered, "worker_of": member_of})


# A worker has no row and waits for no lock, because it is part of the run that it helps.
@job(
    name=week_workers.WORKER_JOB,
    resource_defs={"database": DatabaseResource(), "models": ModelsResource()},
    description="A worker of a week's run (matchme worker --week): asks the model questions that are still open, so "
    "that the run ends sooner. Its calls are booked on that run.",
)
def week_worker_job() -> None:
    """Help the run of a week."""
    answer_open_questions()


@op(description="Removes data that has exceeded its retention period.")
def apply_retention(context: OpExecutionContext, database: DatabaseResource) -> None:
    """Apply the rules; the metadata shows what each removed and the size of every table."""
    with database.connect() as connection:
        removed = retention.apply_rules(connection, process_settings(), datetime.now(UTC))
        sizes = retention_queries.bytes_by_table(connection)
    shown: dict[str, Any] = {f"removed_{name}": count for name, count in removed.items()}
    context.add_output_metadata({**shown, "bytes": sum(sizes.values()), "bytes_by_table": sizes})


@job(
    name=retention.RETENTION_JOB,
    resource_defs={"database": DatabaseResource()},
    description="Removes old vectors, completed jobs, audit rows, events and logs by the rules of retention. What "
    "a late week needs, the ledger and shown matches stay.",
)
def retention_job() -> None:
    """Apply the rules of retention."""
    apply_retention()
