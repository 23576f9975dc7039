"""The code location as the UI loads it, with steps in one process, so that a test need not start one for each."""

from dagster import Definitions, in_process_executor

from matchme_pipeline import definitions

defs = Definitions(
    assets=definitions.defs.assets,
    asset_checks=definitions.defs.asset_checks,
    jobs=definitions.defs.jobs,
    schedules=definitions.defs.schedules,
    sensors=definitions.defs.sensors,
    resources=definitions.defs.resources,
    loggers=definitions.defs.loggers,
    executor=in_process_executor,
)
