"""The content stages: hashes of what was shared, and insights found in it."""

from datetime import UTC, datetime
from time import monotonic

from dagster import AssetExecutionContext, MaterializeResult

from matchme_pipeline.code_versions import formula_version
from matchme_pipeline.content import analysis, deletion, queries
from matchme_pipeline.content.hashing import hashed_items
from matchme_pipeline.content.items import hash_items
from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.jobs import queries as jobs
from matchme_pipeline.jobs.adoption import adopt
from matchme_pipeline.jobs.model import JobType
from matchme_pipeline.llm.contracts import CallContext
from matchme_pipeline.llm.resource import ModelsResource
from matchme_pipeline.llm.tasks.prompt_files import load_prompt
from matchme_pipeline.reporting import StageReport, materialisation
from matchme_pipeline.weekly_assets import is_over, open_or_closed_week_of, weekly_asset


@weekly_asset(
    deps=["posts", "voice_introductions"],
    group_name="content",
    owners=["team:data"],
    kinds={"postgres"},
    code_version=formula_version("content.canonical", "content.hashing"),
    metadata={"table": "content_items"},
    description="Canonical text and SHA-256 of every content item of the week. Marks duplicates and skips empty items.",
)
def post_hashes(context: AssetExecutionContext, database: DatabaseResource) -> MaterializeResult[None]:
    """Hash the week's content, after removing what members have deleted."""
    started = monotonic()
    week = open_or_closed_week_of(context)
    with database.connect() as connection:
        swept = deletion.sweep(connection)
        items = hashed_items(connection, week)
        changed = queries.replace_items(connection, week.sunday, items)
        edited_away = deletion.forget_edited(connection, week.sunday)
    empty = sum(item.content_hash is None for item in items)
    return materialisation(
        StageReport(items=len(items), processed=changed, reused=len(items) - min(changed, len(items))),
        monotonic() - started,
        rows=len(items),
        duplicates=sum(item.duplicate_of is not None for item in items),
        skipped_empty=empty,
        members=len({item.raw.user_id for item in items}),
        swept=swept,
        insights_edited_away=edited_away,
    )


@weekly_asset(
    deps=["post_hashes", "insight_reviews"],
    group_name="content",
    owners=["team:data"],
    kinds={"postgres", "openai"},
    code_version=load_prompt("insights").version,
    metadata={"table": "user_insights"},
    description="Pending insights from the week's content items, each with a quote in the member's own words. A "
    "request holds one member's items. Equal texts are analysed and paid for once.",
    pool="model_calls",
)
def content_insights(
    context: AssetExecutionContext, database: DatabaseResource, models: ModelsResource
) -> MaterializeResult[None]:
    """Enqueue one job per member with content, and work through the open jobs."""
    started = monotonic()
    week = open_or_closed_week_of(context)
    calls = CallContext("content_insights", week.sunday, context.run.run_id)
    with database.connect() as connection, models.session(database) as llm:
        items = analysis.by_member(hash_items(queries.live_items(connection, week.items_from, week.cutoff), {}))
        jobs.release_claims(connection, JobType.CONTENT_ANALYSIS, week.sunday, lambda run: is_over(context, run))
        adopted = adopt(connection, JobType.CONTENT_ANALYSIS, week.sunday, week.cutoff)
        requests = analysis.job_requests(items, jobs.member_priorities(connection, items))
        opened = jobs.enqueue(connection, JobType.CONTENT_ANALYSIS, week.sunday, requests)
        outcome = analysis.drain(
            connection,
            llm,
            week,
            items,
            calls,
            datetime.now(UTC),
            lambda so_far: context.log.info(f"{so_far.analysed + so_far.reused} of {so_far.items} items"),
        )
        usage = llm.usage(calls)
    return materialisation(
        StageReport(outcome.items, outcome.analysed, outcome.reused + outcome.done_before, outcome.failed),
        monotonic() - started,
        usage,
        jobs_opened=opened,
        jobs_of_the_app=vars(adopted),
        new_insights=outcome.new_insights,
        left_in_queue=outcome.left_in_queue,
        stopped_by=outcome.stopped_by or "",
        dropped=dict(outcome.dropped),
    )
