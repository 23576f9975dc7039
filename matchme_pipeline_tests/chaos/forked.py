"""The pipeline's definitions with steps forked from one loaded process: the same executor in a fraction of its time."""

from dagster import Definitions, multiprocess_executor

from matchme_pipeline import definitions

defs = Definitions(
    assets=definitions.defs.assets,
    asset_checks=definitions.defs.asset_checks,
    jobs=definitions.defs.jobs,
    resources=definitions.defs.resources,
    loggers=definitions.defs.loggers,
    executor=multiprocess_executor.configured(
        {"max_concurrent": 2, "start_method": {"forkserver": {"preload_modules": ["matchme_pipeline.definitions"]}}}
    ),
)
