"""A member's MySoul DNA score: the newest with its breakdown, and its history."""

from typing import Annotated

from fastapi import APIRouter, Query

from matchme_pipeline.api.callers import Member, Shared
from matchme_pipeline.api.member_models import Score, ScoreAnswer, ScoreHistory, ScorePoint
from matchme_pipeline.api.queries import members
from matchme_pipeline.api.queries.members import ScoreRow
from matchme_pipeline.api.responses import problems
from matchme_pipeline.dna.weights import WEIGHTS

router = APIRouter(prefix="/api/dna", tags=["dna"])


@router.get("", responses=problems(401))
def score(shared: Shared, member: Member) -> ScoreAnswer:
    """The newest score with all its strands and its breakdown."""
    with shared.connection() as connection:
        rows = members.scores(connection, member.user_id, 1)
    return ScoreAnswer(user_id=member.user_id, score=_view(rows[0]) if rows else None)


@router.get("/history", responses=problems(401, 422))
def history(
    shared: Shared, member: Member, weeks: Annotated[int, Query(ge=1, le=104, description="How many weeks.")] = 26
) -> ScoreHistory:
    """The score over the weeks, the newest first."""
    with shared.connection() as connection:
        rows = members.scores(connection, member.user_id, weeks)
    return ScoreHistory(
        user_id=member.user_id,
        history=[ScorePoint(week=row.week, score=row.score, tier=row.tier, change=row.change) for row in rows],
    )


def _view(row: ScoreRow) -> Score:
    return Score.model_validate(vars(row) | {"strands": {name: getattr(row, name) for name in WEIGHTS}})
