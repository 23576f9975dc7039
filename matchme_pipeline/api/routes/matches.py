"""A member's weekly matches, and their actions on them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from matchme_pipeline.api.callers import Member, Shared
from matchme_pipeline.api.member_models import Match, MatchWeek, Starters
from matchme_pipeline.api.parameters import Day
from matchme_pipeline.api.problems import ProblemError
from matchme_pipeline.api.queries import members
from matchme_pipeline.api.queries.match_screens import Action, act
from matchme_pipeline.api.queries.members import MatchRow
from matchme_pipeline.api.responses import problems
from matchme_pipeline.api.service import Service
from matchme_pipeline.database.stored_values import json_object, json_texts
from matchme_pipeline.operations.match_queries import newest_match_week

router = APIRouter(prefix="/api/matches", tags=["matches"])

MatchId = Annotated[UUID, Path(description="The id of a match, as in the list.")]


@router.get("", responses=problems(401, 422))
def matches(
    shared: Shared,
    member: Member,
    week: Annotated[Day | None, Query(description="A match week (`week_start_date`); the newest if left out.")] = None,
) -> MatchWeek:
    """The member's matches of a week, with every factor of their score and the starters."""
    with shared.connection() as connection:
        wanted = week or newest_match_week(connection, member.user_id)
        rows = members.matches(connection, member.user_id, wanted) if wanted else []
    return MatchWeek(week_start_date=wanted, matches=[_view(row) for row in rows])


@router.post("/{match_id}/viewed", responses=problems(401, 404, 422))
def viewed(shared: Shared, member: Member, match_id: MatchId) -> Match:
    """Record that the member has viewed the match; from then on it stays unchanged. Repeating this changes nothing."""
    return _mark(shared, member.user_id, match_id, "viewed")


@router.post("/{match_id}/actioned", responses=problems(401, 404, 422))
def actioned(shared: Shared, member: Member, match_id: MatchId) -> Match:
    """Record that the member has acted on the match. Repeating this changes nothing."""
    return _mark(shared, member.user_id, match_id, "actioned")


def _mark(shared: Service, user_id: str, match_id: UUID, action: Action) -> Match:
    with shared.connection() as connection:
        week = act(connection, user_id, match_id, action)
        rows = members.matches(connection, user_id, week) if week else []
    row = next((one for one in rows if one.id == match_id), None)
    if row is None:
        raise ProblemError(404, "no-such-match", f"you have no match {match_id}")
    return _view(row)


def _view(row: MatchRow) -> Match:
    preview = json_object(row.chaichat_preview)
    levels = {level: json_texts(preview.get(level)) for level in ("level_1", "level_2")}
    shown = {
        "chaichat_preview": Starters(**levels) if preview else None,
        "compatibility_factors": json_object(row.compatibility_factors),
    }
    return Match.model_validate(vars(row) | shown)
