"""Steps on Celery workers with supervision: a step whose worker is gone is submitted again.

Celery reports no killed worker. Therefore the run's row decides: every active step writes a heartbeat into it every few
seconds, and a run without heartbeats has lost its steps. This module needs the extra `celery`.
"""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Any

from celery import Celery
from celery.exceptions import CeleryError
from celery.result import AsyncResult
from dagster import DagsterEvent, DagsterEventType, DagsterInstance, Executor, InitExecutorContext, executor
from dagster import multiple_process_executor_requirements as several_processes
from dagster._core.events import STEP_EVENTS
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._serdes import serialize_value
from dagster_celery.core_execution_loop import DELEGATE_MARKER, core_celery_execution_loop
from dagster_celery.executor import CELERY_CONFIG, CeleryExecutor, _submit_task
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from matchme_pipeline.database.addresses import database_url
from matchme_pipeline.database.connection import connect
from matchme_pipeline.operations import run_queries
from matchme_pipeline.operations.heartbeat import log_database_errors
from matchme_pipeline.operations.liveness import HEARTBEAT_SECONDS
from matchme_pipeline.settings import process_settings

# Several heartbeats must be missing, and a worker takes a while to start a step.
LOST_AFTER = timedelta(seconds=6 * HEARTBEAT_SECONDS)
MAX_TRIES = 4
_POLL_INTERVAL = timedelta(seconds=5)
_RESULT_TIMEOUT = timedelta(seconds=10)
_BROKER_TIMEOUT = timedelta(minutes=5)
_ENDS = {DagsterEventType.STEP_SUCCESS, DagsterEventType.STEP_FAILURE, DagsterEventType.STEP_UP_FOR_RETRY}
_UNREACHABLE = (RedisError, KombuError, CeleryError, OSError)
_log = logging.getLogger(__name__)


@executor(name="celery", config_schema=CELERY_CONFIG, requirements=several_processes())
def watched_celery_executor(context: InitExecutorContext) -> Executor:
    """dagster-celery's executor; it also submits the step of a killed worker again."""
    config: dict[str, Any] = dict(context.executor_config)
    return _WatchedExecutor(
        broker=config.get("broker"),
        backend=config.get("backend"),
        config_source=config.get("config_source"),
        include=config.get("include"),
        retries=RetryMode.from_config(config["retries"]),
    )


class _WatchedExecutor(CeleryExecutor):  # type: ignore[misc]
    def execute(self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        """Submit steps as they become ready and watch them."""
        events: Iterator[DagsterEvent] = core_celery_execution_loop(
            plan_context, execution_plan, step_execution_fn=_submit_watched
        )
        return events


def _submit_watched(
    app: Celery, context: PlanOrchestrationContext, step: Any, queue: str, priority: int, known_state: Any
) -> "WatchedStep":
    return WatchedStep(
        context.instance,
        context.run_id,
        step.key,
        lambda: _submit_task(app, context, step, queue, priority, known_state),
        lambda: _is_empty(app, queue),
    )


class WatchedStep:
    """The result of a step on a worker, as Celery's `AsyncResult` has it, that survives the worker and the broker.

    A step has ended when Dagster's log says so, whether or not the broker has kept the result.
    """

    def __init__(
        self, instance: DagsterInstance, dagster_run_id: str, step_key: str, submit: Any, queue_is_empty: Any
    ) -> None:
        self._instance, self._run_id, self._step_key = instance, dagster_run_id, step_key
        self._submit, self._queue_is_empty = submit, queue_is_empty
        self._tries = 0
        self._ended_at: datetime | None = None
        self._submitted_at = self._next_poll = datetime.now(UTC)
        self._result: AsyncResult = self._submitted()

    def ready(self) -> bool:
        """Whether the step has ended; submits it again if its worker is gone."""
        try:
            if self._result.ready():
                return True
        except _UNREACHABLE as error:
            _log.warning("the broker does not answer: %s", type(error).__name__)
        now = datetime.now(UTC)
        if now < self._next_poll:
            return False
        self._next_poll = now + _POLL_INTERVAL
        if self._events(_ENDS):
            # The worker may be about to report the result.
            self._ended_at = self._ended_at or now
            return now - self._ended_at > _RESULT_TIMEOUT
        if self._is_lost(now):
            self._submit_again()
        return False

    def get(self) -> list[str]:
        """The step's events, serialised; raises what its task raised."""
        try:
            if self._result.ready():
                events: list[str] = self._result.get()
                return events
        except _UNREACHABLE as error:
            _log.warning("the broker has lost a result: %s", type(error).__name__)
            if not self._events(_ENDS):
                raise
        started = [at for event, at in self._recorded(STEP_EVENTS) if event.event_type == DagsterEventType.STEP_START]
        return [serialize_value(event) for event in self._events(STEP_EVENTS, max(started, default=0.0))]

    def revoke(self) -> None:
        """Revoke the step if no worker has started it."""
        self._result.revoke()

    def _submitted(self) -> AsyncResult:
        self._tries += 1
        now = datetime.now(UTC)
        self._submitted_at, self._next_poll = now, now + _POLL_INTERVAL
        while True:
            try:
                return self._submit()
            except _UNREACHABLE as error:
                if datetime.now(UTC) - now > _BROKER_TIMEOUT:
                    raise
                _log.warning("step %s waits: the broker does not answer (%s)", self._step_key, type(error).__name__)
                sleep(_POLL_INTERVAL.total_seconds())

    def _submit_again(self) -> None:
        if self._tries >= MAX_TRIES:
            raise RuntimeError(f"{self._tries} workers have been lost at step {self._step_key}; the run ends here")
        _log.warning("the worker of step %s is gone; it is submitted again", self._step_key)
        run = self._instance.get_run_by_id(self._run_id)
        if run is not None:
            self._instance.report_engine_event(
                f"The worker of this step sends no heartbeat; the step is submitted again, try {self._tries + 1}.",
                run,
                step_key=self._step_key,
            )
        self._result = self._submitted()

    def _is_lost(self, now: datetime) -> bool:
        """No step of the run is active, and this one has started, or is in no queue from which it could start."""
        if now - self._submitted_at < LOST_AFTER:
            return False
        if not self._has_started() and not self._is_in_no_queue():
            # No step is active, so this process writes the run's heartbeat.
            log_database_errors(self._record_progress)
            return False
        with connect(database_url(process_settings()), vectors=False) as connection:
            return run_queries.has_no_heartbeat_since(connection, self._run_id, now - LOST_AFTER)

    def _has_started(self) -> bool:
        since = self._submitted_at.timestamp()
        return any(
            event.engine_event_data.marker_end == DELEGATE_MARKER
            for event in self._events({DagsterEventType.ENGINE_EVENT}, since)
        )

    def _is_in_no_queue(self) -> bool:
        try:
            return bool(self._queue_is_empty())
        except _UNREACHABLE:
            return False

    def _record_progress(self) -> None:
        with connect(database_url(process_settings()), vectors=False) as connection:
            run_queries.record_progress(connection, self._run_id)

    def _events(self, kinds: set[DagsterEventType], since: float = 0.0) -> list[DagsterEvent]:
        return [event for event, at in self._recorded(kinds) if at >= since]

    def _recorded(self, kinds: set[DagsterEventType]) -> list[tuple[DagsterEvent, float]]:
        """The step's events of these kinds in Dagster's log with their times, the oldest first."""
        records = self._instance.all_logs(self._run_id, of_type=kinds)
        return [
            (record.dagster_event, record.timestamp)
            for record in records
            if record.step_key == self._step_key and record.dagster_event is not None
        ]


def _is_empty(app: Celery, queue: str) -> bool:
    with app.connection_for_read() as connection:
        try:
            waiting = connection.default_channel.queue_declare(queue=queue, passive=True).message_count
        except connection.channel_errors:
            # Redis has no key for a queue without messages.
            return True
    return bool(waiting == 0)
