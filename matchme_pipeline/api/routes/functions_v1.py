"""The five batch endpoints under the names that the app calls now, so that it switches by changing a base URL.

Supabase's client posts where no method is named, with parameters in the body: what can be read is read either way.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from matchme_pipeline.api.identity.callers import ADMINISTRATORS, Admin, Member, Shared, name_subject
from matchme_pipeline.api.models import (
    HistoryRequest,
    JobAnswer,
    JobPage,
    QueueRequest,
    RetryRequest,
    RunPage,
    Status,
    TriggerAnswer,
)
from matchme_pipeline.api.parameters import USER_ID, Cursor, JobFilter, PageSize
from matchme_pipeline.api.responses import problems
from matchme_pipeline.api.routes import batch

router = APIRouter(prefix="/functions/v1", tags=["names of today's app"])

router.add_api_route(
    "/batch-trigger",
    batch.trigger,
    methods=["POST"],
    status_code=202,
    response_model=TriggerAnswer,
    responses=batch.TRIGGER_ANSWERS,
)
for _method in ("GET", "POST"):
    router.add_api_route(
        "/batch-status", batch.status, methods=[_method], response_model=Status, responses=problems(401)
    )
router.add_api_route(
    "/batch-history", batch.history, methods=["GET"], response_model=RunPage, responses=problems(401, 403, 422)
)
router.add_api_route(
    "/batch-queue/{user_id}", batch.queue, methods=["GET"], response_model=JobPage, responses=problems(401, 403, 422)
)
router.add_api_route(
    "/batch-retry/{job_id}",
    batch.retry,
    methods=["POST"],
    dependencies=ADMINISTRATORS,
    response_model=JobAnswer,
    responses=problems(401, 403, 404, 409, 422),
)


@router.post("/batch-history", responses=problems(401, 403, 422))
def posted_history(shared: Shared, admin: Admin, wanted: HistoryRequest | None = None) -> RunPage:
    """Runs, the newest first, asked for in the body."""
    asked = wanted or HistoryRequest()
    return batch.history(shared, admin, asked.limit, asked.cursor, asked.status, asked.run_type, asked.week)


@router.get("/batch-queue", responses=problems(401, 403, 422))
def own_queue(
    request: Request,
    shared: Shared,
    member: Member,
    user_id: Annotated[str | None, Query(alias="userId", pattern=USER_ID, description="One's own if left out.")] = None,
    limit: PageSize = 20,
    cursor: Cursor = None,
    status: JobFilter = None,
) -> JobPage:
    """A member's jobs, named in the query."""
    name_subject(request, f"user_id={user_id or member.user_id}")
    return batch.queue(request, shared, member, user_id or member.user_id, limit, cursor, status)


@router.post("/batch-queue", responses=problems(401, 403, 422))
def posted_queue(request: Request, shared: Shared, member: Member, wanted: QueueRequest | None = None) -> JobPage:
    """A member's jobs, named in the body."""
    asked = wanted or QueueRequest()
    return own_queue(request, shared, member, asked.user_id, asked.limit, asked.cursor, asked.status)


@router.post("/batch-retry", dependencies=ADMINISTRATORS, responses=problems(401, 403, 404, 409, 422))
def retry_named_in_body(request: Request, shared: Shared, wanted: RetryRequest) -> JobAnswer:
    """Open a failed job again, named in the body."""
    name_subject(request, f"job_id={wanted.job_id}")
    return batch.retry(shared, wanted.job_id)
