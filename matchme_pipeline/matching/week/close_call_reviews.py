"""Reviews of the week's close calls by a stronger model, before publication."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from psycopg.errors import DeadlockDetected

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import BrokenMatchesError, BudgetExceededError, ModelRequestError, TouchedMeanwhileError
from matchme_pipeline.jobs.week_jobs import TakenJobs
from matchme_pipeline.llm.contracts import CallContext, Models, PairToReview, Review, SharedInsight
from matchme_pipeline.matching import member_queries
from matchme_pipeline.matching.engine.match_engine import Engine
from matchme_pipeline.matching.engine.matches import Match
from matchme_pipeline.matching.rules.weights import REVIEW_WEIGHT
from matchme_pipeline.matching.week import weekly_matching
from matchme_pipeline.matching.week.close_calls import close_calls, reviewed
from matchme_pipeline.matching.week.weekly_matching import WeekAllocation
from matchme_pipeline.week import Week

# Insights that a review sees for each side; more would cost tokens and add little.
INSIGHTS_A_SIDE = 8
# Conflicts over rows with active members are rare, and have ended by the next try.
_TRIES = 5
# All members' data, and the members whose rows are broken, with the reason.
Loaded = tuple[Engine, Mapping[str, str]]


@dataclass
class ReviewOutcome:
    """Numbers of close calls by outcome; a match without a review is published unchanged."""

    close_calls: int = 0
    reviewed: int = 0
    reused: int = 0
    failed: int = 0
    left: int = 0
    stopped_by: str = ""


@dataclass(frozen=True)
class Published:
    """The result of a week's matching: rows written and removed, and the members left out, with the reason."""

    week: WeekAllocation
    reviews: ReviewOutcome
    broken: Mapping[str, str]
    written: int
    removed: int


def publish_reviewed(
    connection: Connection,
    week: Week,
    models: Models,
    calls: CallContext,
    taken: TakenJobs,
    loaded: Loaded,
    reload: Callable[[], Loaded],
) -> Published:
    """Allocate, review and publish the week.

    Members stay active meanwhile. A match that a member views stays, and new matches are arranged around it. A member
    who moves, changes a preference or leaves may break a rule; then members are read again. A deadlock with other
    writers is retried a few times. Raises BrokenMatchesError, with nothing written, if a rule is still broken.
    """
    engine, broken = loaded
    result, outcome = allocate_reviewed(connection, engine, week, models, calls)
    is_reloaded = False
    for tries_left in reversed(range(_TRIES)):
        try:
            week_written, written, removed = weekly_matching.publish(
                connection, week, models.embedding_model, engine, result, taken, broken
            )
        except (TouchedMeanwhileError, DeadlockDetected):
            if not tries_left:
                raise
        except BrokenMatchesError:
            if is_reloaded or not tries_left:
                raise
            is_reloaded = True
            engine, broken = reload()
            result, outcome = allocate_reviewed(connection, engine, week, models, calls)
        else:
            return Published(week_written, outcome, broken, written, removed)
    raise AssertionError("the last try returns or raises")


def allocate_reviewed(
    connection: Connection, engine: Engine, week: Week, models: Models, calls: CallContext
) -> tuple[WeekAllocation, ReviewOutcome]:
    """The week's allocation with reviewed close calls; without a review model, only the allocation."""
    result = weekly_matching.allocate_week(connection, engine, week)
    if models.review_model is None:
        return result, ReviewOutcome()
    approved = approved_by_matched(connection, week, result)
    wanted = pairs_to_review(result.allocation.matches, approved, engine.limits.least_score)
    matches, outcome = review_matches(models, result.allocation.matches, wanted, calls)
    return replace(result, allocation=replace(result.allocation, matches=matches)), outcome


def approved_by_matched(
    connection: Connection, week: Week, result: WeekAllocation
) -> Mapping[str, Sequence[SharedInsight]]:
    """Approved insights of the members in the week's new pairs."""
    members = {user_id for match in result.allocation.matches for user_id in (match.a, match.b)}
    return member_queries.approved_insights(connection, week.cutoff, members)


def pairs_to_review(
    matches: Sequence[Match], approved: Mapping[str, Sequence[SharedInsight]], least_score: float | None = None
) -> dict[str, tuple[Match, PairToReview]]:
    """The close calls as the model sees them, by pair id: only approved insights of both sides.

    A match that a review could move below `least_score` is not reviewed, because the allocation has already used its
    score.
    """
    if least_score is not None:
        least = Decimal(str(least_score)) + Decimal(REVIEW_WEIGHT)
        matches = [match for match in matches if match.score >= least]
    reviewable = {user_id for user_id, insights in approved.items() if insights}
    return {
        str(number): (match, PairToReview(str(number), _seen(approved[match.a]), _seen(approved[match.b])))
        for number, match in enumerate(close_calls(matches, reviewable))
    }


def review_matches(
    models: Models, matches: Sequence[Match], wanted: Mapping[str, tuple[Match, PairToReview]], calls: CallContext
) -> tuple[list[Match], ReviewOutcome]:
    """`matches` with reviews; a failed or prevented review changes nothing."""
    outcome = ReviewOutcome(close_calls=len(wanted))
    changed: dict[tuple[str, str], Match] = {}
    try:
        for answer in models.review([pair for _, pair in wanted.values()], calls):
            if not isinstance(answer, Review):
                outcome.failed += 1
                continue
            match = wanted[answer.pair_id][0]
            changed[match.a, match.b] = reviewed(match, answer.fit, answer.model)
            outcome.reviewed += 1
            outcome.reused += answer.reused
    except (BudgetExceededError, ModelRequestError) as error:
        outcome.stopped_by = str(error)
    outcome.left = outcome.close_calls - outcome.reviewed - outcome.failed
    return [changed.get((match.a, match.b), match) for match in matches], outcome


def _seen(insights: Sequence[SharedInsight]) -> tuple[SharedInsight, ...]:
    """Values and family first, because they matter most for a marriage; then by title."""
    first = ("values", "family", "personality", "lifestyle", "interests")
    rank = {category: place for place, category in enumerate(first)}
    by_title = {insight.title.casefold(): insight for insight in reversed(insights)}
    ordered = sorted(by_title.values(), key=lambda i: (rank.get(i.category, len(first)), i.title, i.insight_id))
    return tuple(ordered[:INSIGHTS_A_SIDE])
