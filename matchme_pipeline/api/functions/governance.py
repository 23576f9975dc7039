"""`admin-governance-*`: the cost of models in pence, the app's cost alerts, and its rules."""

from datetime import UTC, datetime
from typing import Any

from fastapi import Request
from psycopg import DataError

from matchme_pipeline.api.callers import ADMINISTRATORS, Shared, name_subject
from matchme_pipeline.api.functions.errors import FunctionError
from matchme_pipeline.api.functions.requests import Body, named_id, one_of
from matchme_pipeline.api.functions.router import function_router
from matchme_pipeline.api.queries import app_governance

router = function_router(dependencies=ADMINISTRATORS)

# The length of each period in days.
PERIODS = {"daily": 1, "weekly": 7, "monthly": 30}
TOP_USERS = 10
PENCE = 100
_CHANGEABLE = ("is_active", "conditions", "action", "priority")
_ACTIONS = ("warn", "throttle", "block", "route_cheap", "summarize", "truncate")
_MAX_PRIORITY = 1_000_000


@router.get("/admin-governance-cost")
def cost(request: Request, shared: Shared) -> dict[str, Any]:
    """The cost of the app's assistant and of the pipeline: by model, by member, by day."""
    period = one_of(request, "period", tuple(PERIODS), "daily")
    pence_per_usd = float(shared.settings.pence_per_usd)
    with shared.connection() as connection:
        found = app_governance.model_cost(connection, datetime.now(UTC).date(), PERIODS[period], pence_per_usd)
    total = sum(row.cost_pence for row in found)
    models: dict[str, dict[str, float]] = {}
    members: dict[str, float] = {}
    days: dict[str, dict[str, Any]] = {}
    for row in found:
        model = models.setdefault(row.model, {"tokens": 0, "cost_pence": 0})
        model["tokens"] += row.tokens
        model["cost_pence"] = round(model["cost_pence"] + row.cost_pence, 4)
        if row.user_id is not None:
            members[row.user_id] = members.get(row.user_id, 0) + row.cost_pence
        day = days.setdefault(row.day.isoformat(), {"date": row.day.isoformat(), "cost": 0, "tokens": 0})
        day["cost"] = round(day["cost"] + row.cost_pence, 4)
        day["tokens"] += row.tokens
    most_expensive = sorted(members.items(), key=lambda one: (-one[1], one[0]))[:TOP_USERS]
    return {
        "period": period,
        "total_cost_pence": round(total, 4),
        "total_cost_gbp": round(total / PENCE, 4),
        "per_model": models,
        "top_users": [{"clerk_user_id": user, "total_cost_pence": round(pence, 4)} for user, pence in most_expensive],
        "daily_trends": [days[day] for day in sorted(days)],
    }


@router.get("/admin-governance-alerts")
def alerts(shared: Shared) -> dict[str, Any]:
    """The app's cost alerts."""
    with shared.connection() as connection:
        return {"alerts": app_governance.alerts(connection)}


@router.get("/admin-governance-rules")
def rules(shared: Shared) -> dict[str, Any]:
    """The app's rules, by priority."""
    with shared.connection() as connection:
        return {"rules": app_governance.rules(connection)}


@router.put("/admin-governance-rules")
def change_rule(request: Request, shared: Shared, sent: Body) -> dict[str, Any]:
    """Change one rule's state, conditions, action or priority."""
    rule_id = named_id(sent, "id", what="The rule's id")
    changes = {name: sent[name] for name in _CHANGEABLE if name in sent}
    name_subject(request, f"rule={rule_id} {', '.join(changes)}")
    _check(changes)
    try:
        with shared.connection() as connection:
            row = app_governance.change_rule(connection, rule_id, changes) if rule_id else None
    except DataError:
        # JSON may hold values that PostgreSQL rejects: the character NUL, or invalid numbers.
        raise FunctionError(400, "conditions hold a value that cannot be stored.") from None
    if row is None:
        raise FunctionError(404, "There is no such rule.")
    return {"rule": row}


def _check(changes: dict[str, Any]) -> None:
    if "is_active" in changes and not isinstance(changes["is_active"], bool):
        raise FunctionError(400, "is_active must be true or false.")
    if "conditions" in changes and not isinstance(changes["conditions"], dict):
        raise FunctionError(400, "conditions must be a JSON object.")
    if "action" in changes and changes["action"] not in _ACTIONS:
        raise FunctionError(400, f"action must be one of: {', '.join(_ACTIONS)}.")
    priority = changes.get("priority", 0)
    if not isinstance(priority, int) or isinstance(priority, bool) or abs(priority) > _MAX_PRIORITY:
        raise FunctionError(400, "priority must be a whole number.")
