"""The code location: assembles the packages' assets, checks, jobs, schedules and sensors; computes nothing."""

import warnings

from dagster import (
    BetaWarning,
    Definitions,
    load_asset_checks_from_modules,
    load_assets_from_modules,
)

from matchme_pipeline.content import assets as content_assets
from matchme_pipeline.content import checks as content_checks
from matchme_pipeline.dna import assets as dna_assets
from matchme_pipeline.dna import checks as dna_checks
from matchme_pipeline.embeddings import assets as embeddings_assets
from matchme_pipeline.embeddings import checks as embeddings_checks
from matchme_pipeline.llm.resource import ModelsResource
from matchme_pipeline.matching import assets as matching_assets
from matchme_pipeline.matching import checks as matching_checks
from matchme_pipeline.matching.match_models import assets as match_models_assets
from matchme_pipeline.matching.match_models import checks as match_models_checks
from matchme_pipeline.matching.match_quality import assets as match_quality_assets
from matchme_pipeline.matching.match_quality import checks as match_quality_checks
from matchme_pipeline.matching.outcomes import assets as outcomes_assets
from matchme_pipeline.matching.outcomes import checks as outcomes_checks
from matchme_pipeline.operations import assets as operations_assets
from matchme_pipeline.operations import automation, executors, jobs, sensors, watch
from matchme_pipeline.operations import checks as operations_checks
from matchme_pipeline.operations.app_tables import app_table_assets
from matchme_pipeline.operations.progress import progress_logger
from matchme_pipeline.operations.recorded_database import RecordedDatabaseResource
from matchme_pipeline.settings import process_settings
from matchme_pipeline.weekly_checks import one_step_an_asset

# Dagster logs this warning for every copy of a sensor that it creates, in each process of a run.
warnings.filterwarnings("ignore", message="Parameter `owners`", category=BetaWarning)

_ASSET_MODULES = [
    content_assets,
    embeddings_assets,
    dna_assets,
    outcomes_assets,
    match_quality_assets,
    match_models_assets,
    matching_assets,
    operations_assets,
]
_CHECK_MODULES = [
    content_checks,
    embeddings_checks,
    dna_checks,
    outcomes_checks,
    match_quality_checks,
    match_models_checks,
    matching_checks,
    operations_checks,
]

defs = Definitions(
    assets=[*app_table_assets(), *load_assets_from_modules(_ASSET_MODULES)],
    asset_checks=one_step_an_asset(load_asset_checks_from_modules(_CHECK_MODULES)),
    jobs=[jobs.weekly_batch, jobs.daily_incremental, jobs.dna_refresh_job, jobs.week_worker_job, jobs.retention_job],
    schedules=[automation.weekly_schedule, automation.daily_schedule, automation.retention_schedule],
    sensors=[
        automation.close_completed_runs,
        automation.close_failed_runs,
        automation.close_cancelled_runs,
        watch.watch_weeks,
        watch.tell_alerts,
        sensors.close_lost_runs,
        sensors.retry_due_jobs,
        sensors.backfill_missing_weeks,
        sensors.refresh_dna_after_reviews,
        sensors.read_finished_batches,
    ],
    resources={"database": RecordedDatabaseResource(), "models": ModelsResource()},
    loggers={"progress": progress_logger},
    executor=executors.executor_of(process_settings()),
)
