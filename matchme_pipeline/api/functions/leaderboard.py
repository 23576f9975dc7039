"""`dna-leaderboard`: the ranking, with names only of members who agreed to be seen."""

from typing import Any

from fastapi import Request

from matchme_pipeline.api.callers import Member, Shared
from matchme_pipeline.api.functions.requests import one_of, whole_number
from matchme_pipeline.api.functions.router import function_router
from matchme_pipeline.api.functions.tiers import GOLD_PLUS, tier_of
from matchme_pipeline.api.queries import app_dna
from matchme_pipeline.api.queries.app_dna import LeaderboardRow
from matchme_pipeline.api.queries.places import place_of

router = function_router()

UNNAMED = "A member"


@router.get("/dna-leaderboard")
def leaderboard(request: Request, shared: Shared, member: Member) -> dict[str, Any]:
    """The best of the member's city, or of all; entries for Gold Plus, the own rank for everybody."""
    scope = one_of(request, "scope", ("city", "global"), "city")
    limit = whole_number(request, "limit", 100)
    with shared.connection() as connection:
        city = place_of(connection, member.user_id).city_key if scope == "city" else None
        if scope == "city" and city is None:
            return _answer([], None, 0, scope, None, message="Choose your city to see its leaderboard.")
        own_score = app_dna.ranked_score(connection, member.user_id, city)
        is_open = tier_of(connection, member.user_id) == GOLD_PLUS
    ranking = shared.leaderboards.get(city)
    own_rank = None if own_score is None else ranking.rank(own_score)
    rows, total = ranking.leaders[:limit], ranking.total
    if not is_open:
        return _answer([], own_rank, total, scope, city, message="Upgrade to Gold Plus to see the leaderboard.")
    return _answer([_entry(row, member.user_id) for row in rows], own_rank, total, scope, city)


def _entry(row: LeaderboardRow, reader: str) -> dict[str, Any]:
    is_own = row.user_id == reader
    is_named = is_own or row.may_be_named
    return {
        # A member who has not agreed to be seen appears as a rank without any identifying field.
        "userId": row.user_id if is_named else f"member-{row.place}",
        "firstName": (row.first_name or "") if is_named else UNNAMED,
        "lastName": (row.last_name or "") if is_named else "",
        "score": row.score,
        "rarityTier": row.tier,
        "percentileRank": row.percentile_rank or 0,
        "rank": row.rank,
        "isCurrentUser": is_own,
    }


def _answer(
    entries: list[dict[str, Any]], own_rank: int | None, total: int, scope: str, city: str | None, **more: str
) -> dict[str, Any]:
    return {
        "entries": entries,
        "currentUserRank": own_rank,
        "totalUsers": total,
        "scope": scope,
        "city": city,
        **more,
    }
