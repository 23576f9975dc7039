"""The shapes of the API's bodies about members: insights, matches, scores."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

Category = Literal["values", "personality", "lifestyle", "interests", "family"]


class Insight(BaseModel):
    """One claim about the member, in their own words' evidence."""

    id: UUID
    category: Category
    title: str = Field(examples=["Keeps Friday for the family"])
    description: str
    source_quote: str | None
    confidence: int = Field(ge=0, le=100)
    status: Literal["pending", "approved", "rejected"]
    created_at: datetime
    expires_at: datetime
    reviewed_at: datetime | None


class InsightPage(BaseModel):
    """A page of insights, the newest first."""

    insights: list[Insight]
    next_cursor: str | None


class ReviewAnswer(BaseModel):
    """A recorded review, and the member's points after it."""

    insight: Insight
    total_points: int | None = Field(description="The member's points now.", examples=[135])


class Starters(BaseModel):
    """ChaiChat starters of a pair: light ones, and ones about values."""

    level_1: list[str]
    level_2: list[str]


class Match(BaseModel):
    """One of the member's matches of a week."""

    id: UUID
    match_user_id: str
    rank: int = Field(ge=1, le=5)
    score: float = Field(ge=0, le=100, examples=[81.4])
    compatibility_factors: dict[str, Any]
    chaichat_preview: Starters | None
    viewed_at: datetime | None
    actioned_at: datetime | None


class MatchWeek(BaseModel):
    """The member's matches of one match week, best first."""

    week_start_date: date | None = Field(description="Null: there are no matches yet.")
    matches: list[Match]


class Score(BaseModel):
    """A member's MySoul DNA score of one week."""

    week: date
    score: int = Field(ge=0, le=100)
    tier: Literal["Common", "Uncommon", "Rare", "Epic", "Legendary"]
    percentile_rank: float | None
    change: int | None
    previous_tier: str | None
    strands: dict[str, float] = Field(description="Each strand, 0-100.")
    component_breakdown: dict[str, Any]
    rare_traits: list[Any]
    unique_behaviours: list[Any]
    algorithm_version: str


class ScoreAnswer(BaseModel):
    """The newest score; null before the member's first week."""

    user_id: str
    score: Score | None


class ScorePoint(BaseModel):
    """One week of the score's history."""

    week: date
    score: int
    tier: str
    change: int | None


class ScoreHistory(BaseModel):
    """The score over the weeks, the newest first."""

    user_id: str
    history: list[ScorePoint]
