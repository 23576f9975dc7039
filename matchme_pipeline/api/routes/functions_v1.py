"""The five batch endpoints under the names that the app calls now, so that it switches by changing a base URL."""

from typing import Annotated

from fastapi import APIRouter, Query

from matchme_pipeline.api.identity.callers import ADMINISTRATORS, Member, Shared
from matchme_pipeline.api.models import JobAnswer, JobPage, JobState, RetryRequest, RunPage, Status, TriggerAnswer
from matchme_pipeline.api.parameters import USER_ID, Cursor, PageSize
from matchme_pipeline.api.responses import problems
from matchme_pipeline.api.routes import batch

router = APIRouter(prefix="/functions/v1", tags=["names of today's app"])

_TRIGGER = problems(401, 403, 422) | {200: {"model": TriggerAnswer, "description": "Nothing new started."}}
router.add_api_route("/batch-trigger", batch.trigger, methods=["POST"], status_code=202, responses=_TRIGGER)
router.add_api_route("/batch-status", batch.status, methods=["GET"], response_model=Status, responses=problems(401))
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


@router.get("/batch-queue", responses=problems(401, 403, 422))
def own_queue(
    shared: Shared,
    member: Member,
    user_id: Annotated[str | None, Query(alias="userId", pattern=USER_ID, description="One's own if left out.")] = None,
    limit: PageSize = 20,
    cursor: Cursor = None,
    status: JobState | None = None,
) -> JobPage:
    """A member's jobs, named in the query."""
    return batch.queue(shared, member, user_id or member.user_id, limit, cursor, status)


@router.post("/batch-retry", dependencies=ADMINISTRATORS, responses=problems(401, 403, 404, 409, 422))
def retry_named_in_body(shared: Shared, wanted: RetryRequest) -> JobAnswer:
    """Open a failed job again, named in the body."""
    return batch.retry(shared, wanted.job_id)
