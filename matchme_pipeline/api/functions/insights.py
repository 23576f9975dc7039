"""`insights-*`: pending and approved insights, and their reviews."""

from typing import Any

from fastapi import Request

from matchme_pipeline.api.callers import Member, Shared
from matchme_pipeline.api.functions.errors import FunctionError
from matchme_pipeline.api.functions.requests import Body, named_id, whole_number
from matchme_pipeline.api.functions.router import function_router
from matchme_pipeline.api.queries import app_members, members
from matchme_pipeline.api.service import Service

router = function_router()


@router.get("/insights-pending")
def pending(shared: Shared, member: Member) -> dict[str, Any]:
    """Pending insights that have not expired, oldest first."""
    with shared.connection() as connection:
        return {"insights": app_members.pending_insights(connection, member.user_id)}


@router.get("/insights-approved")
def approved(request: Request, shared: Shared, member: Member) -> dict[str, Any]:
    """Approved insights, newest review first."""
    limit, offset = whole_number(request, "limit", 50), whole_number(request, "offset", 0, 0, 1_000_000)
    with shared.connection() as connection:
        rows, total = app_members.approved_insights(connection, member.user_id, limit, offset)
    return {"insights": rows, "total": total}


@router.post("/insights-approve")
def approve(shared: Shared, member: Member, sent: Body) -> dict[str, Any]:
    """Approve the insight; it counts from now on."""
    return _review(shared, member.user_id, sent, "approved")


@router.post("/insights-reject")
def reject(shared: Shared, member: Member, sent: Body) -> dict[str, Any]:
    """Reject an insight; it is not shown again."""
    return _review(shared, member.user_id, sent, "rejected")


def _review(shared: Service, user_id: str, sent: dict[str, Any], decision: str) -> dict[str, Any]:
    insight_id = named_id(sent, "insightId", "id", what="The insight's id")
    if insight_id is None:
        raise FunctionError(404, "You have no such insight.")
    with shared.connection() as connection:
        taken = members.review(connection, user_id, insight_id, decision)
        row = app_members.insight(connection, user_id, insight_id)
        # After the app's trigger, which awards the points in the same statement.
        progress = app_members.progress(connection, user_id)
    if row is None:
        raise FunctionError(404, "You have no such insight.")
    if not taken and row["status"] != "pending":
        raise FunctionError(400, f"You have {row['status']} this insight already.", current_status=row["status"])
    if not taken:
        raise FunctionError(400, "This insight has expired.", current_status="expired")
    return {"insight": row, "progress": progress}
