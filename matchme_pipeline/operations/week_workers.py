"""Worker runs: additional processes, on any machine, that ask the open model questions of a week's run.

A worker asks the questions that the run's stages still have open, in a different order, and books its calls on that
run. Claims on in-flight questions prevent two processes from asking the same one. The run finds the stored answers and
finishes its jobs with them, so a worker writes none of the week's results, and a killed worker leaves nothing behind.
All processes share the rate limits and the budget.
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
from matchme_pipeline.operations.liveness import PROCESS_TAG, is_process_alive
from matchme_pipeline.settings import Settings
from matchme_pipeline.week import Week

WORKER_JOB = "week_worker"
# Tags: the run that a worker belongs to, and the week that both work on.
MEMBER_OF_TAG = "matchme/worker_of"
WEEK_TAG = "matchme/worker_week"
POLL_SECONDS = 1.0


class OpenQuestions(Protocol):
    """The open questions of one stage."""

    def ask_some(self) -> int:
        """Ask a portion of the unanswered questions; returns the number of answers, 0 if none is open."""


def require_shared_questions(settings: Settings) -> None:
    """Raise ConfigurationError if a worker would have nothing to ask."""
    if settings.provider == "local":
        raise ConfigurationError(
            "MATCHME_LLM=local: the offline models compute in the run's own process, and a worker would compute the "
            "same again. Workers only help with models over the network."
        )
    if settings.llm_mode == "batch":
        raise ConfigurationError(
            "MATCHME_LLM_MODE=batch: a stage sends its questions in one batch, so a worker has nothing to ask. Set it "
            "to standard or flex for weeks with workers."
        )


def run_of_week(connection: Connection, instance: DagsterInstance, week: Week, wait_seconds: float) -> str:
    """The Dagster id of the run that is working on `week`, waiting up to `wait_seconds` for one to start.

    Raises PipelineError if there is none.
    """
    until = time.monotonic() + wait_seconds
    while True:
        for row in lost_runs.close_lost(connection, instance, datetime.now(UTC)):
            if row.week == week.sunday and row.dagster_run_id is not None:
                return row.dagster_run_id
        if time.monotonic() >= until:
            raise PipelineError(
                f"No run is working on week {week.key}. Start it (matchme run --week {week.key}, or materialise it in "
                "Dagster's UI), then its workers; --wait MINUTES waits for it."
            )
        time.sleep(POLL_SECONDS)


def join(
    connection: Connection,
    instance: DagsterInstance,
    member_of: str,
    stages: Mapping[str, Callable[[CallContext], OpenQuestions]],
    models: Models,
    week: Week,
    report: Callable[[str], None] = lambda _: None,
) -> dict[str, int]:
    """Ask the open questions of the run `member_of` until it ends; returns the number of answers by stage.

    A stage's questions are asked while its step is started, once the ledger shows that the run uses the same model: the
    run could not use the answers of another one. Stops cleanly at the budget limit.
    """
    answered = dict.fromkeys(stages, 0)
    questions: dict[str, OpenQuestions] = {}
    while run_queries.status_of(connection, member_of) == "running":
        done = 0
        for stage in _started_stages(instance, member_of, stages):
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
            time.sleep(POLL_SECONDS)
    return answered


def close_lost_workers(instance: DagsterInstance) -> None:
    """Report the end of worker runs to Dagster if their process is gone, or if the run ended a while ago elsewhere."""
    for record in instance.get_run_records(
        RunsFilter(job_name=WORKER_JOB, statuses=[DagsterRunStatus.STARTED, DagsterRunStatus.STARTING])
    ):
        worker = record.dagster_run
        lives = is_process_alive(worker.tags.get(PROCESS_TAG), record.create_timestamp)
        member_of = instance.get_run_record_by_id(worker.tags.get(MEMBER_OF_TAG, ""))
        is_over = member_of is None or (
            member_of.dagster_run.is_finished
            and (datetime.now(UTC) - member_of.update_timestamp.replace(tzinfo=UTC)).total_seconds() > 3600
        )
        if lives is False or (lives is None and is_over):
            instance.report_run_failed(worker, "Closed by the pipeline: the process of this worker is gone")


def _started_stages(instance: DagsterInstance, dagster_run_id: str, stages: Mapping[str, object]) -> list[str]:
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
