"""Administrators' batch endpoints: trigger, status, history, a member's queue, retry, discard, cancel."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from matchme_pipeline.api import cursors
from matchme_pipeline.api.batch_control import cancel_run, discard_job, retry_job, trigger_runs
from matchme_pipeline.api.batch_views import run_view, trigger_state
from matchme_pipeline.api.callers import (
    ADMINISTRATORS,
    Admin,
    Member,
    Shared,
    name_subject,
    record_reading,
)
from matchme_pipeline.api.models import (
    CancelAnswer,
    Job,
    JobAnswer,
    JobPage,
    RecordedRunType,
    RunPage,
    RunState,
    Status,
    TriggerAnswer,
    TriggerRequest,
    TriggerState,
)
from matchme_pipeline.api.overview import current_run
from matchme_pipeline.api.parameters import Cursor, Day, JobFilter, JobId, PageSize, RunId, UserId
from matchme_pipeline.api.problems import ProblemError
from matchme_pipeline.api.queries import batch
from matchme_pipeline.api.responses import problems

router = APIRouter(prefix="/api/batch", tags=["batch"])

TRIGGER_ANSWERS = problems(401, 403, 422) | {
    200: {"model": TriggerAnswer, "description": "Nothing new started: such runs are already queued or active."}
}


@router.post("/trigger", status_code=202, responses=TRIGGER_ANSWERS)
def trigger(
    request: Request, shared: Shared, admin: Admin, response: Response, wanted: TriggerRequest
) -> TriggerAnswer:
    """Materialise weeks. For a week with a queued or active run of the same type, the answer is that run."""
    name_subject(request, wanted.model_dump_json(exclude_none=True))
    answer = trigger_runs(shared, admin.user_id, wanted, datetime.now(UTC))
    if not any(run.started for run in answer.runs):
        response.status_code = 200
    return answer


@router.get("/status", responses=problems(401))
def status(shared: Shared, member: Member) -> Status:
    """The current run with live counts, the last completed one, and the queue."""
    with shared.connection() as connection:
        running, last = batch.running(connection), batch.last_completed(connection)
    counted = shared.overview.get()
    current = current_run(running, counted.value)
    return Status(
        as_of=counted.at,
        current_run=run_view(current, member.is_admin) if current else None,
        last_completed=run_view(last, member.is_admin) if last else None,
        queued_runs=counted.value.queued_runs,
        queue=counted.value.queue,
        notes=counted.value.notes if member.is_admin else [],
    )


@router.get("/history", responses=problems(401, 403, 422))
def history(
    shared: Shared,
    admin: Admin,
    limit: PageSize = 20,
    cursor: Cursor = None,
    status: Annotated[RunState | None, Query(description="How the runs ended, or `running`.")] = None,
    run_type: Annotated[
        RecordedRunType | None, Query(description="The type of the runs; `manual`: selected assets.")
    ] = None,
    week: Annotated[Day | None, Query(description="One week, by its Sunday.")] = None,
) -> RunPage:
    """Runs, newest first."""
    after = cursors.decode(cursor)
    with shared.connection() as connection:
        rows = batch.runs_page(connection, limit + 1, after, status, run_type, week)
    more = cursors.encode((rows[limit - 1].started_at, rows[limit - 1].id)) if len(rows) > limit else None
    return RunPage(runs=[run_view(row, admin.is_admin) for row in rows[:limit]], next_cursor=more)


@router.get("/runs/{run_id}", dependencies=ADMINISTRATORS, responses=problems(401, 403, 404, 422))
def run_state(shared: Shared, run_id: RunId) -> TriggerState:
    """The state of a requested run: launching, queued, active, ended."""
    return trigger_state(shared, str(run_id))


@router.post(
    "/runs/{run_id}/cancel",
    status_code=202,
    dependencies=ADMINISTRATORS,
    responses=problems(401, 403, 404, 409, 422),
)
def cancel(shared: Shared, run_id: RunId) -> CancelAnswer:
    """Cancel a queued or active run; finished work stays."""
    cancel_run(shared, str(run_id))
    return CancelAnswer(dagster_run_id=str(run_id), status="cancelling")


@router.get("/queue/{user_id}", responses=problems(401, 403, 422))
def queue(
    request: Request,
    shared: Shared,
    member: Member,
    user_id: UserId,
    limit: PageSize = 20,
    cursor: Cursor = None,
    status: JobFilter = None,
) -> JobPage:
    """A member's jobs, newest first; administrators may read any member's."""
    if user_id != member.user_id and not member.is_admin:
        raise ProblemError(403, "not-yours", "you may see your own jobs")
    if user_id != member.user_id:
        record_reading(request, shared, member)
    after = cursors.decode(cursor)
    with shared.connection() as connection:
        rows = batch.jobs_page(connection, user_id, limit + 1, after, status)
    more = cursors.encode((rows[limit - 1].created_at, rows[limit - 1].id)) if len(rows) > limit else None
    jobs = [Job.model_validate(vars(row)) for row in rows[:limit]]
    if not member.is_admin:
        hidden = "it did not work; we are looking into it"
        jobs = [job.model_copy(update={"last_error": hidden if job.last_error else None}) for job in jobs]
    return JobPage(user_id=user_id, jobs=jobs, next_cursor=more)


@router.post("/retry/{job_id}", dependencies=ADMINISTRATORS, responses=problems(401, 403, 404, 409, 422))
def retry(shared: Shared, job_id: JobId) -> JobAnswer:
    """Reopen a failed job; concurrent requests reopen it once."""
    retry_job(shared, job_id)
    return JobAnswer(job_id=job_id, status="retry")


@router.post("/discard/{job_id}", responses=problems(401, 403, 404, 409, 422))
def discard(shared: Shared, admin: Admin, job_id: JobId) -> JobAnswer:
    """Discard a failed job."""
    discard_job(shared, job_id, admin.user_id)
    return JobAnswer(job_id=job_id, status="discarded")
