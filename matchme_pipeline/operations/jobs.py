"""The jobs that schedules and sensors launch."""

from datetime import UTC, datetime

from dagster import AssetSelection, OpExecutionContext, define_asset_job, job, op

from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.operations import dna_refresh, runs

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
