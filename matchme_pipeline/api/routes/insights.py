"""A member's insights: pending ones, approved ones, and reviews."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path

from matchme_pipeline.api import cursors
from matchme_pipeline.api.callers import Member, Shared
from matchme_pipeline.api.member_models import Insight, InsightPage, ReviewAnswer
from matchme_pipeline.api.parameters import Cursor, PageSize
from matchme_pipeline.api.problems import ProblemError
from matchme_pipeline.api.queries import members
from matchme_pipeline.api.responses import problems
from matchme_pipeline.api.service import Service

router = APIRouter(prefix="/api/insights", tags=["insights"])

InsightId = Annotated[UUID, Path(description="An insight's id.")]


@router.get("/pending", responses=problems(401, 422))
def pending(shared: Shared, member: Member, limit: PageSize = 20, cursor: Cursor = None) -> InsightPage:
    """Pending insights that have not expired."""
    return _page(shared, member.user_id, "pending", limit, cursor)


@router.get("/approved", responses=problems(401, 422))
def approved(shared: Shared, member: Member, limit: PageSize = 20, cursor: Cursor = None) -> InsightPage:
    """Approved insights."""
    return _page(shared, member.user_id, "approved", limit, cursor)


@router.post("/{insight_id}/approve", responses=problems(401, 404, 409, 410, 422))
def approve(shared: Shared, member: Member, insight_id: InsightId) -> ReviewAnswer:
    """Approve the insight; it counts from now on."""
    return _review(shared, member.user_id, insight_id, "approved")


@router.post("/{insight_id}/reject", responses=problems(401, 404, 409, 410, 422))
def reject(shared: Shared, member: Member, insight_id: InsightId) -> ReviewAnswer:
    """Reject the insight; it is not shown again."""
    return _review(shared, member.user_id, insight_id, "rejected")


def _page(shared: Service, user_id: str, status: str, limit: int, cursor: str | None) -> InsightPage:
    after = cursors.decode(cursor)
    with shared.connection() as connection:
        rows = members.insights_page(connection, user_id, status, limit + 1, after)
    more = cursors.encode((rows[limit - 1].created_at, rows[limit - 1].id)) if len(rows) > limit else None
    return InsightPage(insights=[Insight.model_validate(vars(row)) for row in rows[:limit]], next_cursor=more)


def _review(shared: Service, user_id: str, insight_id: UUID, decision: Literal["approved", "rejected"]) -> ReviewAnswer:
    with shared.connection() as connection:
        taken = members.review(connection, user_id, insight_id, decision)
        row = members.insight(connection, user_id, insight_id)
        points = members.total_points(connection, user_id)
    if row is None:
        raise ProblemError(404, "no-such-insight", f"you have no insight {insight_id}")
    if not taken and row.status != "pending":
        raise ProblemError(409, "reviewed-already", f"you have {row.status} this insight already")
    if not taken:
        raise ProblemError(410, "insight-expired", f"this insight expired on {row.expires_at:%Y-%m-%d}")
    return ReviewAnswer(insight=Insight.model_validate(vars(row)), total_points=points)
