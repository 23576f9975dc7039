"""Worker runs: further processes, on any machine, that ask a week's open questions beside the run of the week.

A worker asks what the run's stages have still to ask, in an order of its own, and books its calls on that run. Claims
on questions in flight keep two processes from asking the same; the run finds the stored answers and finishes its jobs
with them. So a worker writes nothing of a week's results, and one that is killed leaves nothing behind. Rate limits and
the budget are shared by all processes.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._core.execution.stats import StepEventStatus

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import BudgetExceededError, ConfigurationError, PipelineError
from matchme_pipeline.llm.contracts import CallContext, Models
from matchme_pipeline.operations import lost_runs, run_queries, worker_queries
from matchme_pipeline.operations.liveness import PROCESS_TAG, process_lives
from matchme_pipeline.settings import Settings
from matchme_pipeline.week import Week

WORKER_JOB = "week_worker"
# The run that a worker belongs to, and the week that both are at work on.
MEMBER_OF_TAG = "matchme/worker_of"
WEEK_TAG = "matchme/worker_week"
LOOK_SECONDS = 1.0


class OpenQuestions(Protocol):
    """What one stage has still to ask."""

    def ask_some(self) -> int:
        """Ask a portion of what nobody has answered; how many answers there are now, 0 where nothing is open."""


def require_shared_questions(settings: Settings) -> None:
    """Raise ConfigurationError where a worker would have nothing to ask."""
    if settings.provider == "local":
        raise ConfigurationError(
            "MATCHME_LLM=local: the offline models compute in the run's own process, and a worker would compute the "
            "same a second time. Workers help where answers come over the network."
        )
    if settings.llm_mode == "batch":
        raise ConfigurationError(
            "MATCHME_LLM_MODE=batch: a stage's questions leave in one batch, so that a worker has nothing to ask. Set "
            "it to standard or flex for weeks that workers drain together."
        )


def run_of_week(connection: Connection, instance: DagsterInstance, week: Week, wait_seconds: float) -> str:
    """The Dagster id of the run that is at work on `week`, waiting `wait_seconds` for one to begin.

    Raises PipelineError where there is none.
    """
    until = time.monotonic() + wait_seconds
    while True:
        for row in lost_runs.close_lost(connection, instance, datetime.now(UTC)):
            if row.week == week.sunday and row.dagster_run_id is not None:
                return row.dagster_run_id
        if time.monotonic() >= until:
            raise PipelineError(
                f"No run is at work on week {week.key}. Start it (matchme run --week {week.key}, or materialise it in "
                "Dagster's UI), then its workers; --wait MINUTES waits for it."
            )
        time.sleep(LOOK_SECONDS)


def join(
    connection: Connection,
    instance: DagsterInstance,
    member_of: str,
    stages: Mapping[str, Callable[[CallContext], OpenQuestions]],
    models: Models,
    week: Week,
    report: Callable[[str], None] = lambda _: None,
) -> dict[str, int]:
    """Ask the open questions of the run `member_of` until it is over; how many answers came back, by stage.

    A stage's questions are asked while Dagster calls its step started, and once the run's own calls have shown that it
    asks the same model: an answer of another one would be paid in vain. Ends cleanly at the budget's end.
    """
    answered = dict.fromkeys(stages, 0)
    questions: dict[str, OpenQuestions] = {}
    while run_queries.status_of(connection, member_of) == "running":
        done = 0
        for stage in _at_work(instance, member_of, stages):
            if stage not in questions:
                if not _asks_the_same_model(connection, member_of, stage, models):
                    continue
                questions[stage] = stages[stage](CallContext(stage, week.sunday, member_of))
            try:
                found = questions[stage].ask_some()
            except BudgetExceededError as error:
                report(str(error))
                return answered
            answered[stage] += found
            done += found
            if found:
                report(f"{stage}: {answered[stage]} answers")
        if not done:
            time.sleep(LOOK_SECONDS)
    return answered


def close_lost_workers(instance: DagsterInstance) -> None:
    """Tell Dagster of worker runs whose process is gone, or whose run has ended a while ago on another machine."""
    for record in instance.get_run_records(
        RunsFilter(job_name=WORKER_JOB, statuses=[DagsterRunStatus.STARTED, DagsterRunStatus.STARTING])
    ):
        worker = record.dagster_run
        lives = process_lives(worker.tags.get(PROCESS_TAG), record.create_timestamp)
        member_of = instance.get_run_record_by_id(worker.tags.get(MEMBER_OF_TAG, ""))
        is_over = member_of is None or (
            member_of.dagster_run.is_finished
            and (datetime.now(UTC) - member_of.update_timestamp.replace(tzinfo=UTC)).total_seconds() > 3600
        )
        if lives is False or (lives is None and is_over):
            instance.report_run_failed(worker, "Closed by the pipeline: the process of this worker is gone")


def _at_work(instance: DagsterInstance, dagster_run_id: str, stages: Mapping[str, object]) -> list[str]:
    steps = instance.get_run_step_stats(dagster_run_id, list(stages))
    return [step.step_key for step in steps if step.status == StepEventStatus.IN_PROGRESS]


def _asks_the_same_model(connection: Connection, dagster_run_id: str, stage: str, models: Models) -> bool:
    own = models.embedding_model if stage == "post_embeddings" else models.insight_model
    asked = worker_queries.models_asked(connection, dagster_run_id, stage)
    if asked and own not in asked:
        raise ConfigurationError(
            f"Run {dagster_run_id} asks the model '{', '.join(sorted(asked))}' in {stage} and this worker is set to "
            f"'{own}'. Give both the same MATCHME_INSIGHT_MODEL and MATCHME_EMBEDDING_MODEL."
        )
    return bool(asked)
