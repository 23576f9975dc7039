"""The pipeline's definitions with steps forked from one loaded process: the same executor in a fraction of its time."""

from dagster import Definitions, multiprocess_executor

from matchme_pipeline.definitions import defs as pipeline

defs = Definitions(
    assets=pipeline.assets,
    asset_checks=pipeline.asset_checks,
    jobs=pipeline.jobs,
    resources=pipeline.resources,
    loggers=pipeline.loggers,
    executor=multiprocess_executor.configured(
        {"max_concurrent": 2, "start_method": {"forkserver": {"preload_modules": ["matchme_pipeline.definitions"]}}}
    ),
)
