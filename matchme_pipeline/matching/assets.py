"""The matching stages: the week's matches, and their previews."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from dagster import AssetExecutionContext, MaterializeResult

from matchme_pipeline.code_versions import code_version, formula_version
from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.jobs import queries as jobs
from matchme_pipeline.jobs.adoption import adopt
from matchme_pipeline.jobs.model import JobType
from matchme_pipeline.jobs.week_jobs import members_taken
from matchme_pipeline.llm.contracts import CallContext
from matchme_pipeline.llm.resource import ModelsResource
from matchme_pipeline.llm.tasks.prompt_files import load_prompt
from matchme_pipeline.matching import member_queries
from matchme_pipeline.matching.rules.limits import process_limits
from matchme_pipeline.matching.rules.week_findings import coverage, week_findings
from matchme_pipeline.matching.rules.weights import ALGORITHM_VERSION
from matchme_pipeline.matching.week import close_call_reviews, preview_queries, weekly_matching
from matchme_pipeline.matching.week.fan_outs import fan_out_of
from matchme_pipeline.matching.week.previews import pairs_to_preview
from matchme_pipeline.reporting import StageReport, materialisation
from matchme_pipeline.settings import process_settings
from matchme_pipeline.weekly_assets import closed_week_asset, is_over, week_of

_MATCHING = code_version(
    ALGORITHM_VERSION, formula_version("matching.rules", "matching.engine"), load_prompt("review").version
)


@contextmanager
def _collector_paused(unless: object) -> Iterator[None]:
    """Pause the cyclic garbage collector while a week is computed: it would examine millions of objects without a
    cycle.

    For 6,000 members, loading and allocating take 1.0 s of CPU time with it paused and 1.7 s without. `unless`: the
    computation waits for a model for up to a day, and model calls leave cycles.
    """
    if unless or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@closed_week_asset(
    deps=[
        "user_embeddings",
        "dna_scores",
        "match_outcomes",
        "match_models",
        "match_preferences",
        "islamic_preferences",
        "conversations",
    ],
    group_name="matches",
    owners=["team:data"],
    kinds={"postgres", "numpy"},
    code_version=_MATCHING,
    metadata={"table": "weekly_matches"},
    description="At most five mutual matches for each member. Every match meets both members' hard preferences and "
    "has a score of 0 to 100 with all its factors. No pair repeats within the window; viewed matches stay.",
    pool="matching",
)
def weekly_matches(
    context: AssetExecutionContext, database: DatabaseResource, models: ModelsResource
) -> MaterializeResult[None]:
    """Match all matchable members and publish the week in one transaction."""
    started = monotonic()
    week = week_of(context)
    calls = CallContext("weekly_matches", week.sunday, context.run.run_id)
    with models.session(database) as llm, database.connect() as connection, _collector_paused(unless=llm.review_model):
        model = llm.embedding_model
        lease_seconds = jobs.DAY_LONG_LEASE_SECONDS if llm.review_model and llm.answers_by_batch else jobs.LEASE_SECONDS

        def load() -> close_call_reviews.Loaded:
            engine, broken = weekly_matching.load_engine_and_broken_rows(connection, week, model, process_limits())
            engine.fan_out = fan_out_of(process_settings())
            return engine, broken

        engine, broken = load()
        adopted = adopt(connection, JobType.MATCH_GENERATION, week.sunday, week.cutoff)
        jobs.release_claims(connection, JobType.MATCH_GENERATION, week.sunday, lambda run: is_over(context, run))
        members = [*engine.position, *broken]
        with members_taken(
            connection, JobType.MATCH_GENERATION, week.sunday, context.run.run_id, members, model, lease_seconds
        ) as taken:
            published = close_call_reviews.publish_reviewed(connection, week, llm, calls, taken, (engine, broken), load)
        tiers = jobs.unknown_tiers(connection)
        usage = llm.usage(calls)
    done, written = published.week.allocation, published.written
    rows = 2 * len(done.matches)
    reviews: dict[str, Any] = {"reviews": vars(published.reviews)} if llm.review_model else {}
    return materialisation(
        StageReport(
            items=done.matchable, processed=written, reused=max(0, rows - written), failed=len(published.broken)
        ),
        monotonic() - started,
        usage,
        rows=rows,
        jobs_taken=taken.jobs,
        jobs_of_the_app=vars(adopted),
        matches=rows,
        removed=published.removed,
        kept_viewed=len(published.week.touched),
        eligible_pairs=done.eligible_pairs,
        members_with_possibilities=done.with_possibilities,
        members_covered=done.covered,
        coverage=coverage(done.covered, done.with_possibilities, done.matchable),
        exposure_gini=done.gini,
        largest_list=done.largest_list,
        lists_by_size=dict(done.lists_by_size),
        mean_score=done.mean_score,
        share_of_optimum=done.share_of_optimum,
        share_of_upper_bound=done.share_of_upper_bound,
        places_left_empty=done.places_left_empty,
        random_places=2 * len(done.random_places),
        not_matchable=dict(done.not_matchable),
        pairs_removed_by_filter=dict(done.removed),
        unknown_values=dict(done.unknown_values) | tiers,
        unknown_shares=done.unknown_shares,
        findings=[finding.sentence for finding in week_findings(done.figures)],
        model=model,
        scored_by=str(published.week.version or "untrained score"),
        **reviews,
    )


@closed_week_asset(
    deps=["weekly_matches"],
    group_name="matches",
    owners=["team:data"],
    kinds={"postgres", "openai"},
    code_version=load_prompt("previews").version,
    metadata={"table": "weekly_matches"},
    description="ChaiChat starters for each pair, on level 1 (light) and level 2 (values), based on insights that both "
    "members have approved. Both members see the same preview.",
    pool="model_calls",
)
def chaichat_previews(
    context: AssetExecutionContext, database: DatabaseResource, models: ModelsResource
) -> MaterializeResult[None]:
    """Write starters for every pair of the week."""
    started = monotonic()
    week = week_of(context)
    calls = CallContext("chaichat_previews", week.sunday, context.run.run_id)
    with database.connect() as connection, models.session(database) as llm:
        pairs = member_queries.pairs_of_week(connection, week.match_week)
        members = {user_id for pair in pairs for user_id in (pair.a, pair.b)}
        approved = member_queries.approved_insights(connection, week.cutoff, members)
        wanted = pairs_to_preview(pairs, approved, preview_queries.common_attributes(connection, members))
        outcome = weekly_matching.preview_pairs(connection, llm, week, pairs, wanted, calls)
        usage = llm.usage(calls)
    return materialisation(
        StageReport(len(pairs), outcome.written, outcome.reused, outcome.failed),
        monotonic() - started,
        usage,
        rows=2 * len(pairs),
        left=outcome.left,
        stopped_by=outcome.stopped_by,
    )
