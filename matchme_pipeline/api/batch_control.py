"""Administrators' actions on runs and jobs: start once, cancel, retry once, discard."""

from datetime import date, datetime
from uuid import UUID

from matchme_pipeline.api.dagster_runs import DagsterRuns
from matchme_pipeline.api.models import RunType, TriggerAnswer, TriggeredRun, TriggerRequest
from matchme_pipeline.api.overview import daemon_notes
from matchme_pipeline.api.problems import ProblemError
from matchme_pipeline.api.queries import triggers
from matchme_pipeline.api.queries.triggers import Trigger
from matchme_pipeline.api.service import Service
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import WeekError
from matchme_pipeline.jobs import dead_letters
from matchme_pipeline.operations.run_ids import history_id
from matchme_pipeline.week import WEEK, Week

# Half a year; larger requests are probably mistakes.
MAX_WEEKS = 26


def trigger_runs(shared: Service, requested_by: str, wanted: TriggerRequest, now: datetime) -> TriggerAnswer:
    """Start a run for each of the weeks, oldest first, unless one is queued or active: for all weeks or for none.

    Raises ProblemError 422 for weeks that cannot be materialised, DagsterUnavailableError.
    """
    weeks = weeks_of(wanted, shared.settings.first_week, now)
    notes = daemon_notes(shared.dagster)
    with shared.connection() as connection:
        runs = [_claimed(connection, shared.dagster, wanted.run_type, week, requested_by) for week in weeks]
    shared.launches.wake()
    return TriggerAnswer(runs=runs, notes=notes)


def weeks_of(wanted: TriggerRequest, first_week: date, now: datetime) -> list[Week]:
    """The weeks that a request names. Raises ProblemError 422 for an invalid, too early or unfinished week."""
    newest = Week.last_closed(now)
    is_daily = wanted.run_type == "daily_incremental"
    open_week = newest.sunday + WEEK
    first = wanted.from_week or wanted.week or (open_week if is_daily else newest.sunday)
    last = wanted.to_week or first
    if last < first:
        raise ProblemError(422, "wrong-weeks", f"body.to_week: {last} is before from_week {first}; swap them")
    if last - first >= MAX_WEEKS * WEEK:
        raise ProblemError(422, "wrong-weeks", f"body.to_week: a request takes {MAX_WEEKS} weeks at most")
    if last > open_week:
        raise ProblemError(422, "wrong-weeks", f"week {last} has not started; the newest closed week is {newest.key}")
    weeks = []
    try:
        for number in range((last - first) // WEEK + 1):
            week = Week.parse((first + number * WEEK).isoformat(), first_week)
            if not is_daily:
                week.require_closed(now)
            weeks.append(week)
        Week(last)
    except WeekError as error:
        raise ProblemError(422, "wrong-weeks", str(error)) from None
    return weeks


def cancel_run(shared: Service, dagster_run_id: str) -> None:
    """Cancel a run. Raises ProblemError 404 for an unknown run, 409 for one that cannot be ended from here."""
    with shared.connection() as connection:
        asked = triggers.outcome(connection, dagster_run_id)
        if asked is not None and asked.state == "launching" and triggers.withdraw(connection, dagster_run_id):
            return
    known = shared.dagster.state(dagster_run_id)
    if known.status in (None, "not_started") and asked is not None and asked.state == "launching":
        raise ProblemError(
            409, "launching", f"run {dagster_run_id} is on its way to Dagster; cancel it in a few seconds"
        )
    if known.status is None:
        raise ProblemError(404, "no-such-run", f"there is no run {dagster_run_id} in Dagster")
    if not known.is_unfinished:
        raise ProblemError(409, "run-is-over", f"run {dagster_run_id} has already ended ({known.status})")
    if not shared.dagster.cancel(dagster_run_id):
        raise ProblemError(
            409,
            "out-of-reach",
            f"run {dagster_run_id} cannot be ended from here: its process is gone or on another machine",
        )


def retry_job(shared: Service, job_id: UUID) -> None:
    """Open a failed job again. Raises ProblemError 404, or 409 for a job that has not failed."""
    with shared.connection() as connection:
        if not dead_letters.retry(connection, [job_id]):
            raise _not_failed(dead_letters.state(connection, job_id), job_id, "retried")


def discard_job(shared: Service, job_id: UUID, by: str) -> None:
    """Discard a failed job. Raises ProblemError 404, or 409 for a job that has not failed."""
    with shared.connection() as connection:
        if not dead_letters.discard(connection, [job_id], by):
            raise _not_failed(dead_letters.state(connection, job_id), job_id, "discarded")


def _not_failed(state: str | None, job_id: UUID, verb: str) -> ProblemError:
    if state is None:
        return ProblemError(404, "no-such-job", f"there is no job {job_id}")
    return ProblemError(409, "not-failed", f"job {job_id} is {state}; only failed jobs can be {verb}")


def _claimed(connection: Connection, dagster: DagsterRuns, run_type: RunType, week: Week, by: str) -> TriggeredRun:
    """The existing run of this type and week, or a new one to launch."""
    triggers.lock(connection, run_type, week.sunday)
    unfinished = triggers.launching(connection, run_type, week.sunday) or dagster.unfinished(run_type, week.sunday)
    run_id = unfinished or dagster.new_run_id()
    if unfinished is None:
        triggers.save(connection, Trigger(run_id, run_type, week.sunday, by))
    return TriggeredRun(
        week=week.sunday,
        run_type=run_type,
        dagster_run_id=run_id,
        history_id=history_id(run_id),
        started=unfinished is None,
    )
