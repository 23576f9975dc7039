"""The embeddings stages: vectors of content items, and of members."""

from time import monotonic

from dagster import AssetExecutionContext, MaterializeResult

from matchme_pipeline.code_versions import formula_version
from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.embeddings import item_jobs, queries, update
from matchme_pipeline.embeddings.nearest import refresh_index
from matchme_pipeline.jobs import queries as jobs
from matchme_pipeline.jobs.adoption import adopt
from matchme_pipeline.jobs.model import JobType
from matchme_pipeline.llm.contracts import CallContext
from matchme_pipeline.llm.resource import ModelsResource
from matchme_pipeline.reporting import StageReport, materialisation
from matchme_pipeline.weekly_assets import closed_week_asset, is_over, open_or_closed_week_of, week_of, weekly_asset


@weekly_asset(
    deps=["post_hashes"],
    group_name="embeddings",
    owners=["team:data"],
    kinds={"postgres", "openai"},
    code_version=formula_version("content.canonical"),
    metadata={"table": "content_embeddings"},
    description="A vector(1536) for every content item shared before the cutoff, stored with its model and published "
    "to `posts.embedding`. Equal texts are embedded once.",
    pool="model_calls",
)
def post_embeddings(
    context: AssetExecutionContext, database: DatabaseResource, models: ModelsResource
) -> MaterializeResult[None]:
    """Enqueue a job for each member with a text that has no vector of the current model, and work through them."""
    started = monotonic()
    week = open_or_closed_week_of(context)
    calls = CallContext("post_embeddings", week.sunday, context.run.run_id)
    with database.connect() as connection, models.session(database) as llm:
        model = llm.embedding_model
        items = queries.items_as_of(connection, week.cutoff, model)
        waiting = item_jobs.open_texts(connection, items, model)
        jobs.release_claims(connection, JobType.EMBEDDING_UPDATE, week.sunday, lambda run: is_over(context, run))
        adopted = adopt(connection, JobType.EMBEDDING_UPDATE, week.sunday, week.cutoff)
        requests = item_jobs.job_requests(waiting, jobs.member_priorities(connection, waiting.of_member))
        opened = jobs.enqueue(connection, JobType.EMBEDDING_UPDATE, week.sunday, requests)
        outcome = item_jobs.drain(
            connection,
            llm,
            week,
            waiting,
            calls,
            lambda so_far: context.log.info(f"{so_far.computed} of {len(waiting.texts)} texts"),
        )
        published = queries.publish_post_vectors(connection, week.cutoff, model)
        usage = llm.usage(calls)
    return materialisation(
        StageReport(len(items), outcome.computed, len(items) - len(waiting.texts), len(outcome.failures)),
        monotonic() - started,
        usage,
        jobs_opened=opened,
        jobs_of_the_app=vars(adopted),
        left_in_queue=outcome.left_in_queue,
        stopped_by=outcome.stopped_by,
        published_to_posts=published,
        model=model,
        failures=sorted(set(outcome.failures.values()))[:10],
    )


@closed_week_asset(
    deps=["post_embeddings", "content_insights", "profiles", "dna_answers"],
    group_name="embeddings",
    owners=["team:data"],
    kinds={"postgres", "openai"},
    code_version=formula_version("embeddings.member_vector", "embeddings.members"),
    metadata={"table": "user_embeddings"},
    description="Every member's vector as of the cutoff: the weighted mean of items, biography, answers and approved "
    "insights. Newer and deeper items have higher weights.",
    pool="model_calls",
)
def user_embeddings(
    context: AssetExecutionContext, database: DatabaseResource, models: ModelsResource
) -> MaterializeResult[None]:
    """Embed biographies, answers and insights, then write the vectors of members whose inputs have changed."""
    started = monotonic()
    week = week_of(context)
    calls = CallContext("user_embeddings", week.sunday, context.run.run_id)
    with database.connect() as connection, models.session(database) as llm:
        model = llm.embedding_model
        collected = update.member_parts(connection, week, model)
        parts, embedded = update.embed_parts(connection, llm, collected, calls)
        stored = queries.stored_input_hashes(connection, week.sunday, model)
        changed = update.changed_vectors(connection, parts, stored, model)
        written, removed = queries.replace_member_vectors(connection, week.sunday, model, changed, set(parts))
        index = refresh_index(connection, week.sunday, model)
        usage = llm.usage(calls)
    return materialisation(
        StageReport(len(parts), written, len(parts) - written, len(embedded.failures)),
        monotonic() - started,
        usage,
        rows=len(parts),
        removed=removed,
        index=index.state,
        index_seconds=index.seconds,
        texts_embedded=embedded.computed,
        stopped_by=embedded.stopped_by,
        model=model,
    )
