"""Executing a job in this process, as a run that Dagster's UI shows like any other."""

from collections.abc import Mapping

from dagster import DagsterInstance, JobDefinition, JobExecutionResult
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import create_execution_plan, execute_run

from matchme_pipeline.operations.code_origin import job_origin
from matchme_pipeline.operations.runs import PARTITION_TAG

# The listeners of `progress` receive its steps.
RUN_CONFIG: dict[str, dict[str, dict[str, object]]] = {"loggers": {"progress": {}}}


def execute_here(
    job: JobDefinition, instance: DagsterInstance, partition: str | None, tags: Mapping[str, str]
) -> JobExecutionResult:
    """Execute `job`, for one partition where it has any, step by step in this process.

    A failure is in the result and is not raised.

    `JobDefinition.execute_in_process` does the same but stores the run without the code location's origin. Such a run
    is missing from the timeline and from the pages of the job and its partitions, and cannot be re-executed in the UI.
    """
    here = job.as_ephemeral_job(resource_defs={}, input_values={})
    all_tags = {**here.run_tags, **tags, **({PARTITION_TAG: partition} if partition else {})}
    plan = create_execution_plan(
        InMemoryJob(here), run_config=RUN_CONFIG, instance_ref=instance.get_ref(), tags=all_tags
    )
    run = instance.create_run_for_job(
        here, execution_plan=plan, run_config=RUN_CONFIG, tags=all_tags, remote_job_origin=job_origin(job.name)
    )
    return execute_run(InMemoryJob(here), run, instance)
