"""The asset of learned versions: one is trained every week, and used only after its promotion."""

from time import monotonic
from typing import Any

from dagster import AssetExecutionContext, MaterializeResult

from matchme_pipeline.code_versions import formula_version
from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.llm.resource import ModelsResource
from matchme_pipeline.matching.engine.learned_values import Learned
from matchme_pipeline.matching.learning.promotion import Exposure
from matchme_pipeline.matching.match_models import exposure_trial, weekly_learning
from matchme_pipeline.matching.match_models.weekly_learning import LearnedWeek
from matchme_pipeline.matching.rules.limits import process_limits
from matchme_pipeline.reporting import StageReport, materialisation
from matchme_pipeline.settings import process_settings
from matchme_pipeline.weekly_assets import closed_week_asset, week_of


@closed_week_asset(
    deps=["match_outcomes", "user_embeddings", "dna_scores", "match_preferences", "islamic_preferences"],
    group_name="matches",
    owners=["team:data"],
    kinds={"postgres", "scikitlearn"},
    code_version=formula_version("matching.learning", "matching.match_models.weekly_learning"),
    metadata={"table": "match_models"},
    description="Learned versions of the score: one a week, trained on members' answers without affecting matches. A "
    "version is promoted only if it beats the version in use on later weeks and lowers neither coverage nor the "
    "evenness of exposure. A version that falls below the untrained score is rolled back.",
    pool="matching",
)
def match_models(
    context: AssetExecutionContext, database: DatabaseResource, models: ModelsResource
) -> MaterializeResult[None]:
    """Train the week's version, judge an earlier one, and decide which version scores the week."""
    started = monotonic()
    week = week_of(context)
    settings = process_settings()
    if not settings.learning:
        return materialisation(StageReport(items=0, processed=0), monotonic() - started, rows=0, learning="off")
    with models.session(database) as llm, database.connect() as connection:
        model = llm.embedding_model

        def exposures(now: Learned | None, then: Learned) -> tuple[Exposure, Exposure]:
            return exposure_trial.exposures(connection, week, model, process_limits(), now, then)

        learned = weekly_learning.learn_week(connection, week, model, settings.learn_least_pairs, exposures)
    return materialisation(
        StageReport(len(learned.seen.sides.liker), int(learned.is_new), int(not learned.is_new)),
        monotonic() - started,
        rows=int(learned.trained is not None),
        learning="on",
        **_figures(learned),
    )


def _figures(learned: LearnedWeek) -> dict[str, Any]:
    """The results of learning and the decision, for Dagster's page."""
    decided, found = learned.decided, learned.trained
    figures: dict[str, Any] = {
        "scored_by": str(decided.version or "untrained score"),
        "decision": decided.decision,
        "reasons": list(decided.reasons),
        "judged": str(learned.judged or ""),
    }
    if found is not None:
        figures |= {
            "shown_pairs": found.shown_pairs,
            "answers": found.answers,
            "mutual_pairs": found.mutual_pairs,
            "log_odds_by_feature": dict(found.version.coefficients),
            "likes_variance": found.version.likes_variance,
            "liked_variance": found.version.liked_variance,
        }
    if learned.comparison is not None:
        figures |= {
            "judged_pairs": learned.comparison.pairs,
            "log_loss": learned.comparison.challenger_loss,
            "log_loss_in_use": learned.comparison.champion_loss,
            "auc": learned.comparison.challenger_auc.value,
            "auc_in_use": learned.comparison.champion_auc.value,
            "verdict": learned.comparison.as_json(),
        }
    return figures
