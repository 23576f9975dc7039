"""`dna-*` of one member: the score, its breakdown, its weeks, and requests for a new one."""

from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import Request

from matchme_pipeline.api.callers import Member, Shared
from matchme_pipeline.api.dagster_runs import DagsterUnavailableError
from matchme_pipeline.api.functions.errors import FunctionError
from matchme_pipeline.api.functions.requests import whole_number
from matchme_pipeline.api.functions.router import function_router
from matchme_pipeline.api.functions.tiers import require_gold_plus, require_paid
from matchme_pipeline.api.queries import app_dna, app_members
from matchme_pipeline.api.queries.app_dna import ShownScore, StrandScores
from matchme_pipeline.api.service import Service
from matchme_pipeline.database.stored_values import json_array, json_object
from matchme_pipeline.dna.weights import APP_NAMES
from matchme_pipeline.week import READY_AFTER, WEEK, Week

router = function_router()

TOP_RARE_TRAITS = 3
BETWEEN_REQUESTS = timedelta(hours=24)
# A worker looks every minute, and scoring takes less than another minute.
REFRESHED_WITHIN = timedelta(minutes=2)
NO_SCORE = "Your MySoul DNA score has not been calculated yet."
# The least percentile of each label, the highest first.
ORIGINALITY_LABELS = (
    (90, "Ultra Original"),
    (70, "Highly Original"),
    (50, "Moderately Original"),
    (30, "Somewhat Common"),
    (0, "Very Common"),
)
# Shown until something has been compared.
NEUTRAL_ORIGINALITY = 50


def originality_label(score: float) -> str:
    """The label of an originality score of 0 to 100."""
    return next(label for least, label in ORIGINALITY_LABELS if score >= least)


@router.get("/dna-score")
def score(shared: Shared, member: Member) -> dict[str, Any]:
    """The score; zeros before the member's first week."""
    found = _find(shared, member.user_id)
    return _in_short(found) if found else _none_yet()


@router.get("/dna-breakdown")
def breakdown(shared: Shared, member: Member) -> dict[str, Any]:
    """The score with its full breakdown; not on the free tier."""
    with shared.connection() as connection:
        require_paid(connection, member.user_id, "see what makes up your score")
        found = app_dna.shown_score(connection, member.user_id)
    if found is None:
        raise FunctionError(404, NO_SCORE)
    return {
        **_in_short(found),
        "componentBreakdown": json_object(found.component_breakdown),
        "rareTraits": json_array(found.rare_traits),
        "uniqueBehaviors": json_array(found.unique_behaviors),
        "algorithmVersion": found.algorithm_version,
        "changeDelta": found.change_delta or 0,
        "lastSignificantChange": found.last_significant_change,
    }


@router.post("/dna-calculate", status_code=202)
def calculate(shared: Shared, member: Member) -> dict[str, Any]:
    """Request a new score, once in 24 hours; Gold Plus."""
    now = datetime.now(UTC)
    with shared.connection() as connection:
        require_gold_plus(connection, member.user_id, "ask for a fresh score between Sundays")
        asked = app_dna.last_asked(connection, member.user_id)
        if asked is not None:
            at = asked + BETWEEN_REQUESTS
            raise FunctionError(
                429,
                "Too many requests",
                {"Retry-After": str(max(1, int((at - now).total_seconds())))},
                message="A fresh score can be asked for once in 24 hours.",
                nextAvailableAt=at.isoformat(),
            )
        app_dna.ask_for_score(connection, member.user_id)
    at_once = _works_between_sundays(shared)
    ready = now + REFRESHED_WITHIN if at_once else Week.last_closed(now).cutoff + WEEK + READY_AFTER
    when = "within two minutes" if at_once else "with Sunday's run"
    return {
        "success": True,
        "message": f"Your MySoul DNA score will be calculated {when}.",
        "estimatedCompletionTime": ready.isoformat(),
    }


@router.get("/dna-history")
def history(request: Request, shared: Shared, member: Member) -> dict[str, Any]:
    """The score of each week, newest first; Gold Plus."""
    limit, months = whole_number(request, "limit", 30), whole_number(request, "months", 12, 1, 120)
    with shared.connection() as connection:
        require_gold_plus(connection, member.user_id, "see the history of your score")
        weeks = app_dna.week_scores(connection, member.user_id, months, limit)
    return {
        "history": [
            {
                "score": week.score,
                "rarityTier": week.tier,
                "percentileRank": week.percentile_rank or 0,
                "calculatedAt": week.calculated_at,
                "componentScores": _component_scores(week),
            }
            for week in weeks
        ],
        "totalRecords": weeks[0].weeks if weeks else 0,
        "periodMonths": months,
    }


@router.get("/dna-originality")
def originality(shared: Shared, member: Member) -> dict[str, Any]:
    """How much the member's posts differ from all other posts."""
    found = _find(shared, member.user_id)
    measured = found is not None and found.originality_percentile is not None
    value = NEUTRAL_ORIGINALITY if found is None or found.originality_score is None else found.originality_score
    return {
        "score": value,
        "percentile": found.originality_percentile if found and measured else value,
        "label": originality_label(value),
        "last_calculated_at": found.originality_at if found else None,
        "tooltip": (
            "How much what you share differs from what other members share; 100 is nothing like anybody else's."
            if measured
            else "There is too little to compare yet: share three posts or more."
        ),
    }


@router.get("/dna-rare-traits")
def rare_traits(shared: Shared, member: Member) -> dict[str, Any]:
    """Traits and habits that few others share."""
    found = _find(shared, member.user_id)
    traits = json_array(found.rare_traits) if found else []
    behaviours = json_array(found.unique_behaviors) if found else []
    return {
        "rareTraits": traits,
        "uniqueBehaviors": behaviours,
        "totalRareTraits": len(traits),
        "totalUniqueBehaviors": len(behaviours),
        **({} if found else {"message": NO_SCORE}),
    }


@router.get("/dna-achievements")
def achievements(shared: Shared, member: Member) -> dict[str, Any]:
    """The member's achievements, newest first; not on the free tier."""
    with shared.connection() as connection:
        require_paid(connection, member.user_id, "see your achievements")
        rows = app_members.achievements(connection, member.user_id)
    listed = [
        {
            "id": row["id"],
            "type": row["achievement_type"],
            "data": json_object(row["achievement_data"]),
            "earnedAt": row["earned_at"],
            "viewed": bool(row["viewed"]),
        }
        for row in rows
    ]
    unviewed = sum(not one["viewed"] for one in listed)
    return {"achievements": listed, "totalAchievements": len(listed), "unviewedCount": unviewed}


def _find(shared: Service, user_id: str) -> ShownScore | None:
    with shared.connection() as connection:
        return app_dna.shown_score(connection, user_id)


def _in_short(found: ShownScore) -> dict[str, Any]:
    return {
        "score": found.score,
        "rarityTier": found.tier,
        # Members without data have no rank, so nobody is below them.
        "percentileRank": found.percentile_rank or 0,
        "componentScores": _component_scores(found),
        "topRareTraits": json_array(found.rare_traits)[:TOP_RARE_TRAITS],
        "calculatedAt": found.calculated_at,
        "approvedInsightsCount": found.approved_insights,
        "daysActive": found.days_active,
    }


def _none_yet() -> dict[str, Any]:
    return {
        "score": 0,
        "rarityTier": "COMMON",
        "percentileRank": 0,
        "componentScores": dict.fromkeys(APP_NAMES.values(), 0),
        "topRareTraits": [],
        "calculatedAt": None,
        "approvedInsightsCount": 0,
        "daysActive": 0,
        "message": NO_SCORE,
    }


def _component_scores(found: StrandScores) -> dict[str, float]:
    return {name: getattr(found, strand) for strand, name in APP_NAMES.items()}


def _works_between_sundays(shared: Service) -> bool:
    """Is automation on, and is there work for it?"""
    try:
        return shared.settings.automation and shared.dagster.daemon_is_alive()
    except DagsterUnavailableError:
        return False
