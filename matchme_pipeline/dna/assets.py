"""The DNA assets: the frequency of traits, the originality of content, and all scores."""

from time import monotonic
from typing import Any

from dagster import AssetExecutionContext, MaterializeResult, MetadataValue

from matchme_pipeline.code_versions import code_version, formula_version
from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.dna import queries, summary, weekly
from matchme_pipeline.dna.weights import ALGORITHM_VERSION
from matchme_pipeline.jobs import queries as jobs
from matchme_pipeline.jobs.adoption import adopt
from matchme_pipeline.jobs.model import JobType
from matchme_pipeline.jobs.week_jobs import finish_members, members_taken
from matchme_pipeline.llm.resource import ModelsResource
from matchme_pipeline.reporting import StageReport, materialisation
from matchme_pipeline.weekly_assets import closed_week_asset, is_over, week_of


@closed_week_asset(
    deps=["profiles", "islamic_preferences", "posts", "dna_answers", "insight_reviews"],
    group_name="dna",
    owners=["team:data"],
    kinds={"postgres"},
    code_version=formula_version("dna.traits", "dna.rarity", "dna.text"),
    metadata={"table": "trait_distribution"},
    description="The number n of members with each trait among all N members as of the cutoff; idf = ln(N / n).",
)
def trait_distribution(context: AssetExecutionContext, database: DatabaseResource) -> MaterializeResult[None]:
    """Count every trait over the whole population."""
    started = monotonic()
    week = week_of(context)
    with database.connect() as connection:
        traits, table, broken = weekly.trait_distribution(connection, week)
        changed = queries.replace_distribution(connection, week.sunday, table)
    return materialisation(
        StageReport(items=len(table), processed=changed, reused=max(0, len(table) - changed), failed=len(broken)),
        monotonic() - started,
        rows=len(table),
        members=traits.members,
        traits=len(table),
        data_found=dict(traits.found),
        distribution=MetadataValue.md(summary.trait_plots(table)),
    )


@closed_week_asset(
    deps=["post_embeddings"],
    group_name="dna",
    owners=["team:data"],
    kinds={"postgres", "numpy"},
    code_version=formula_version("dna.originality"),
    metadata={"table": "content_originality"},
    description="How much each member's items differ from all other members' items as of the cutoff; exact, not "
    "sampled.",
)
def content_originality(
    context: AssetExecutionContext, database: DatabaseResource, models: ModelsResource
) -> MaterializeResult[None]:
    """Compare every member's items with all other members' items."""
    started = monotonic()
    week = week_of(context)
    with models.session(database) as session:
        model = session.embedding_model
    with database.connect() as connection:
        table, left_out = weekly.content_originality(connection, week, model)
        changed = queries.replace_originality(connection, week.sunday, table, model)
    return materialisation(
        StageReport(items=len(table), processed=changed, reused=max(0, len(table) - changed)),
        monotonic() - started,
        rows=len(table),
        model=model,
        measured_members=int(table["measured"].sum()),
        data_found=left_out,
        distribution=MetadataValue.md(summary.originality_plot(table)),
    )


@closed_week_asset(
    deps=["trait_distribution", "content_originality"],
    group_name="dna",
    owners=["team:data"],
    kinds={"postgres", "pandas"},
    code_version=code_version(ALGORITHM_VERSION, formula_version("dna")),
    metadata={"table": "dna_score_history", "published_to": "mysoul_dna_scores"},
    description="Every member's MySoul DNA score with five strands, tier, percentile and explanation. The app shows "
    "the newest week.",
)
def dna_scores(context: AssetExecutionContext, database: DatabaseResource) -> MaterializeResult[None]:
    """Score all members, store the week, and publish the newest week to the app's tables."""
    started = monotonic()
    week = week_of(context)
    with database.connect() as connection:
        adopted = adopt(connection, JobType.DNA_RECALCULATION, week.sunday, week.cutoff)
        jobs.release_claims(connection, JobType.DNA_RECALCULATION, week.sunday, lambda run: is_over(context, run))
        members = queries.members_as_of(connection, week.cutoff)
        with members_taken(
            connection, JobType.DNA_RECALCULATION, week.sunday, context.run.run_id, members, ALGORITHM_VERSION
        ) as taken:
            table, found, broken = weekly.dna_scores(connection, week)
            with connection.transaction():
                written = queries.replace_scores(connection, week.sunday, table)
                finish_members(connection, taken, broken)
        weeks, tiers = queries.tier_counts(connection, week.sunday)
    figures: dict[str, Any] = dict(summary.score_figures(table))
    return materialisation(
        StageReport(
            items=len(table),
            processed=written.changed,
            reused=max(0, len(table) - written.changed),
            failed=len(broken),
        ),
        monotonic() - started,
        rows=len(table),
        jobs_taken=taken.jobs,
        jobs_of_the_app=vars(adopted),
        overwritten_scores_restored=written.restored,
        new_achievements=written.achievements,
        algorithm_version=ALGORITHM_VERSION,
        data_found=dict(found),
        scores=MetadataValue.md(summary.score_plots(table)),
        week_over_week=MetadataValue.md(summary.tier_plot(weeks, tiers)),
        **figures,
    )
