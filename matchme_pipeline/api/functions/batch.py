"""`batch-*`: administrators start and read runs; members read the state and their own jobs."""

from datetime import UTC, datetime
from typing import Any

from fastapi import Request

from matchme_pipeline.api.batch_control import trigger_runs
from matchme_pipeline.api.callers import ADMINISTRATORS, Admin, Member, Shared, name_subject, record_reading
from matchme_pipeline.api.functions.errors import FunctionError
from matchme_pipeline.api.functions.requests import Body, named_id, whole_number
from matchme_pipeline.api.functions.router import function_router
from matchme_pipeline.api.models import RunType, TriggerRequest
from matchme_pipeline.api.overview import current_run
from matchme_pipeline.api.queries import app_batch, batch
from matchme_pipeline.jobs import dead_letters

router = function_router()

# The app's `manual` is a whole week requested by a person.
_RUN_TYPES: dict[str, RunType] = {
    "manual": "weekly_full",
    "weekly_full": "weekly_full",
    "daily_incremental": "daily_incremental",
}
_HIDDEN_ERROR = "it did not work; we are looking into it"
# Cost, errors and machine of a run are only for administrators.
_FOR_MEMBERS: dict[str, Any] = {
    "tokens_used": 0,
    "api_cost_cents": 0,
    "cost_usd": 0,
    "input_tokens": 0,
    "cached_input_tokens": 0,
    "output_tokens": 0,
    "error_log": [],
    "metadata": {},
    "worker": None,
}


@router.post("/batch-trigger")
def trigger(request: Request, shared: Shared, admin: Admin, sent: Body) -> dict[str, Any]:
    """Start the newest closed week, or the open week's content. Answers at once; `stats` holds the figures known so
    far.
    """
    asked = sent.get("run_type") or "manual"
    run_type = _RUN_TYPES.get(asked) if isinstance(asked, str) else None
    if run_type is None:
        raise FunctionError(400, f"run_type must be one of: {', '.join(_RUN_TYPES)}.")
    name_subject(request, f"run_type={asked}")
    answer = trigger_runs(shared, admin.user_id, TriggerRequest(run_type=run_type), datetime.now(UTC))
    run = answer.runs[0]
    with shared.connection() as connection:
        row = app_batch.run(connection, run.history_id) or {}
        matches, previews = app_batch.published_by(connection, run.history_id, run.week)
    message = f"Week {run.week}: {'the run is queued' if run.started else 'such a run is already queued or active'}."
    return {
        "success": True,
        "message": " ".join([message, *answer.notes]),
        "runId": str(run.history_id),
        "duration": row.get("duration_seconds") or 0,
        "stats": {
            "total_jobs": row.get("total_jobs") or 0,
            "completed": row.get("completed_jobs") or 0,
            "failed": row.get("failed_jobs") or 0,
            "tokens_used": row.get("tokens_used") or 0,
            "api_cost_cents": row.get("api_cost_cents") or 0,
            "matches_generated": matches,
            "previews_generated": previews,
        },
    }


@router.get("/batch-status")
def status(shared: Shared, member: Member) -> dict[str, Any]:
    """The active run, the last successful one, and the number of waiting jobs."""
    with shared.connection() as connection:
        running, last = batch.running(connection), batch.last_completed(connection)
    # Without holding a connection: counting needs one, and concurrent requests would otherwise wait for each other.
    counted = shared.overview.get()
    current = current_run(running, counted.value)
    with shared.connection() as connection:
        rows = {
            name: app_batch.run(connection, found.id) if found else None
            for name, found in (("current_run", current), ("last_completed_run", last))
        }
    if not member.is_admin:
        rows = {
            name: row and row | {key: _FOR_MEMBERS[key] for key in _FOR_MEMBERS.keys() & row}
            for name, row in rows.items()
        }
    queue = counted.value.queue
    return {
        **rows,
        "queue_summary": {"pending": queue.pending, "processing": queue.processing, "retry": queue.retry},
        "timestamp": counted.at.isoformat(),
    }


@router.get("/batch-history", dependencies=ADMINISTRATORS)
def history(request: Request, shared: Shared) -> dict[str, Any]:
    """Runs, the newest first."""
    limit, offset = whole_number(request, "limit", 20), whole_number(request, "offset", 0, 0, 1_000_000)
    with shared.connection() as connection:
        rows, total = app_batch.runs(connection, limit, offset)
    return {"history": rows, "total": total, "limit": limit, "offset": offset}


@router.get("/batch-queue")
def queue(request: Request, shared: Shared, member: Member) -> dict[str, Any]:
    """A member's open and failed jobs; administrators may read any member's."""
    user_id = request.query_params.get("userId", "").strip() or member.user_id
    if user_id != member.user_id:
        if not member.is_admin:
            raise FunctionError(403, "You may see your own jobs only.")
        name_subject(request, f"user_id={user_id}")
        record_reading(request, shared, member)
    with shared.connection() as connection:
        rows = app_batch.open_jobs(connection, user_id.replace("\x00", ""))
    if not member.is_admin:
        rows = [row | {"last_error": row.get("last_error") and _HIDDEN_ERROR, "payload": {}} for row in rows]
    return {"queue": rows, "userId": user_id}


@router.post("/batch-retry", dependencies=ADMINISTRATORS)
def retry(request: Request, shared: Shared, sent: Body) -> dict[str, Any]:
    """Reopen a failed job; concurrent requests reopen it once."""
    job_id = named_id(sent, "jobId", "job_id", what="The job's id")
    name_subject(request, f"job_id={job_id}")
    with shared.connection() as connection:
        opened = job_id is not None and dead_letters.retry(connection, [job_id])
        row = app_batch.job(connection, job_id) if job_id else None
    if row is None:
        raise FunctionError(404, "There is no such job.")
    if not opened:
        raise FunctionError(400, "Only failed jobs can be retried.", current_status=row["status"])
    return {"success": True, "message": "The job is open again; the next run takes it up.", "job": row}
