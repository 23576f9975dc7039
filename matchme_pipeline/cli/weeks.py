"""Materialising weeks through Dagster, in order, one run a week, in this process."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from dagster import AssetKey, DagsterInstance, DagsterRun, DagsterRunStatus, JobDefinition
from rich.progress import Progress, TaskID

from matchme_pipeline.cli import console
from matchme_pipeline.database.connection import connect
from matchme_pipeline.errors import PipelineError, UsageError
from matchme_pipeline.operations import cancellation, execution, pools, progress, run_locks, runs
from matchme_pipeline.operations.cancellation import Cancellation
from matchme_pipeline.operations.liveness import PROCESS_TAG, End, this_worker
from matchme_pipeline.operations.run_errors import end_of_failure
from matchme_pipeline.week import WEEK, Week

# The last asset of a week: a week that has it is complete.
LAST_ASSET = AssetKey("run_summary")


@dataclass(frozen=True)
class WeekRun:
    """How the run of one week ended."""

    week: Week
    dagster_run_id: str
    succeeded: bool
    seconds: float
    error: str | None = None


def weeks_between(first: str, last: str) -> list[Week]:
    """The weeks from `first` to `last`, inclusive; raises WeekError for a week that is not over."""
    week, end = Week.parse(first), Week.parse(last)
    if end < week:
        raise UsageError(f"--from {first} is after --to {last}; swap them.")
    weeks = []
    while week.sunday <= end.sunday:
        week.require_closed(datetime.now(UTC))
        weeks.append(week)
        week = Week.parse((week.sunday + WEEK).isoformat())
    return weeks


def missing_weeks(weeks: Sequence[Week]) -> list[Week]:
    """Those of `weeks` whose last asset has not been materialised."""
    with DagsterInstance.get() as instance:
        done = instance.get_materialized_partitions(LAST_ASSET)
    return [week for week in weeks if week.key not in done]


def run_weeks(weeks: Sequence[Week], url: str, before_each: Callable[[Week], None] = lambda _: None) -> list[WeekRun]:
    """Materialise `weeks` one after another; stops at the first failure. Prints progress on standard error."""
    from matchme_pipeline.definitions import defs

    job = defs.resolve_job_def(runs.WEEKLY_JOB)
    finished = []
    with console.progress_bars() as bars, DagsterInstance.get() as instance:
        pools.set_limits(instance)
        for week in weeks:
            before_each(week)
            bar = bars.add_task(f"week {week.key}", total=len(list(job.nodes)), step="")
            stop = progress.listen(_Bar(bars, bar).show)
            try:
                finished.append(_run_week(job, instance, week, url))
            finally:
                stop()
            bars.update(bar, step="done" if finished[-1].succeeded else "failed")
            if not finished[-1].succeeded:
                break
    return finished


def set_pool_limits() -> None:
    """Limit the pools of Dagster's instance to the machine's capacity."""
    with DagsterInstance.get() as instance:
        pools.set_limits(instance)


def cancel_run(dagster_run_id: str) -> None:
    """Cancel a run. Raises PipelineError if it is unknown, over, or unreachable."""
    with DagsterInstance.get() as instance:
        outcome = cancellation.cancel(instance, dagster_run_id)
    if outcome is Cancellation.UNKNOWN:
        raise PipelineError(f"Dagster knows no run '{dagster_run_id}'. `matchme status` shows the runs' ids.")
    if outcome is Cancellation.OVER:
        raise PipelineError(f"run {dagster_run_id} has already ended.")
    if outcome is Cancellation.UNREACHABLE:
        raise PipelineError(
            f"run {dagster_run_id} cannot be ended from here: its process is gone or on another machine. End it where "
            "it runs; a run without a heartbeat is closed after 15 minutes."
        )


def default_weeks(weeks: int) -> tuple[date, date]:
    """The Sundays of the first and the last of the `weeks` newest closed weeks."""
    last = Week.last_closed(datetime.now(UTC)).sunday
    return last - timedelta(weeks=weeks - 1), last


def _run_week(job: JobDefinition, instance: DagsterInstance, week: Week, url: str) -> WeekRun:
    started = datetime.now(UTC)
    with connect(url, vectors=False) as connection:
        run_locks.require_free_week(connection, instance, week.sunday, started)
    result = execution.execute_here(
        job,
        instance,
        week.key,
        # Dagster's run monitoring did not launch this run and cannot resume it.
        tags={PROCESS_TAG: this_worker(), "dagster/max_retries": "0"},
    )
    run = instance.get_run_by_id(result.run_id)
    end = _end(instance, run)
    if run is not None:
        with connect(url, vectors=False) as connection:
            declined = {"declined": True} if end.declined else {}
            runs.close_run(connection, run, end.status, end.error, **declined)
        pools.free_pools(instance, run.run_id)
    if end.status == "cancelled" and not end.declined:
        console.say("matchme: interrupted; run the same command again to continue")
        raise KeyboardInterrupt
    return WeekRun(week, result.run_id, result.success, (datetime.now(UTC) - started).total_seconds(), end.error)


def _end(instance: DagsterInstance, run: DagsterRun | None) -> End:
    if run is None:
        return End("failed", "Dagster has lost the run")
    if run.status == DagsterRunStatus.SUCCESS:
        return End("completed")
    if run.status == DagsterRunStatus.CANCELED:
        return End("cancelled", "interrupted by a person")
    end = end_of_failure(instance, run)
    return replace(end, error=end.error or "the run ended without success")


class _Bar:
    def __init__(self, bars: Progress, bar: TaskID) -> None:
        self._bars, self._bar = bars, bar

    def show(self, progress: progress.StepProgress) -> None:
        if progress.kind == "STEP_START":
            self._bars.update(self._bar, step=progress.step)
        elif progress.kind in ("STEP_SUCCESS", "STEP_FAILURE", "STEP_SKIPPED"):
            self._bars.advance(self._bar)
        elif progress.kind == "MESSAGE" and progress.message:
            self._bars.update(self._bar, step=f"{progress.step}: {progress.message[:60]}")
