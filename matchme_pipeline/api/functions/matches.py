"""`weekly-matches` and `match-action`: all data of the match screens in one call, and members' actions."""

from datetime import UTC, date, datetime
from typing import Any

from fastapi import Request

from matchme_pipeline.api.callers import Member, Shared
from matchme_pipeline.api.functions import match_display as display
from matchme_pipeline.api.functions.errors import FunctionError
from matchme_pipeline.api.functions.requests import Body, named_id
from matchme_pipeline.api.functions.router import function_router
from matchme_pipeline.api.place import Place
from matchme_pipeline.api.queries import match_screens
from matchme_pipeline.api.queries.match_screens import ShownMatch
from matchme_pipeline.api.queries.places import place_of
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.operations.match_queries import newest_match_week

router = function_router()

_ACTIONS: tuple[match_screens.Action, ...] = ("viewed", "liked", "passed")


@router.get("/weekly-matches")
def weekly_matches(request: Request, shared: Shared, member: Member) -> dict[str, Any]:
    """The member's matches of a week in rank order; by default the newest week."""
    asked = _day(request.query_params.get("week", "").strip())
    with shared.connection() as connection:
        week = asked or newest_match_week(connection, member.user_id)
        matches = _matches(connection, member.user_id, week) if week else []
    return {"week": week.isoformat() if week else None, "matches": matches}


@router.post("/match-action")
def match_action(shared: Shared, member: Member, sent: Body) -> dict[str, Any]:
    """Note that the member has viewed, liked or passed a match."""
    match_id = named_id(sent, "matchId", "match_id", "id", what="The match's id")
    action = next((one for one in _ACTIONS if one == sent.get("action")), None)
    if action is None:
        raise FunctionError(400, f"action must be one of: {', '.join(_ACTIONS)}.")
    with shared.connection() as connection:
        week = match_screens.act(connection, member.user_id, match_id, action) if match_id else None
        matches = _matches(connection, member.user_id, week) if week else []
    match = next((one for one in matches if one["id"] == str(match_id)), None)
    if match is None:
        raise FunctionError(404, "You have no such match.")
    return {"success": True, "match": match}


def _matches(connection: Connection, user_id: str, week: date) -> list[dict[str, Any]]:
    own, today = place_of(connection, user_id), datetime.now(UTC).date()
    return [_view(row, own, today) for row in match_screens.shown_matches(connection, user_id, week)]


def _view(row: ShownMatch, own: Place, today: date) -> dict[str, Any]:
    def shown(what: str) -> bool:
        return display.may_see(what, row.profile_visibility, row.settings_privacy)

    levels = display.starters(row.chaichat_preview)
    score = float(row.score)
    reasons = display.reasons(row.compatibility_factors)
    theirs = Place(row.city_key, row.lat, row.lng)
    return {
        "id": str(row.id),
        "userId": row.match_user_id,
        "rank": row.rank,
        "name": row.first_name or "",
        "age": display.age_on(row.birthdate, today) if shown("age") else None,
        "location": row.city_name if shown("city") else None,
        "distance": display.distance_in_words(own, theirs) if shown("distance") else None,
        "photoUrl": display.photo(row.photo_url) if shown("photo") else None,
        "compatibility": score,
        "strength": display.strength(score),
        "why": reasons[0] if reasons else "",
        "reasons": reasons,
        "chaiChat": {"topics": sum(len(level) for level in levels.values()), **levels},
        "viewed": row.viewed_at is not None,
        "viewedAt": row.viewed_at.isoformat() if row.viewed_at else None,
        "action": row.action,
        "actionedAt": row.actioned_at.isoformat() if row.actioned_at else None,
    }


def _day(given: str) -> date | None:
    if not given:
        return None
    try:
        return datetime.strptime(given, "%Y-%m-%d").date()
    except ValueError:
        raise FunctionError(400, "week must be a day written as YYYY-MM-DD.") from None
