"""`matchme candidates`: one member's possible partners, now or as of a week."""

from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

from rich.text import Text

from matchme_pipeline.cli import console, show
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.embeddings import update
from matchme_pipeline.errors import PipelineError
from matchme_pipeline.llm.contracts import CallContext, Models
from matchme_pipeline.matching import member_queries, scale_queries
from matchme_pipeline.matching.engine.matches import Match
from matchme_pipeline.matching.rules.limits import process_limits
from matchme_pipeline.matching.rules.members import why_not_matchable
from matchme_pipeline.matching.search.member_search import Moment, find_matches
from matchme_pipeline.week import WEEK, Week


@dataclass(frozen=True)
class Found:
    """The result of a search, its moment, and its duration."""

    moment: Moment
    matches: list[Match]
    seconds: float


def find(connection: Connection, models: Models, user_id: str, week: Week | None) -> Found:
    """The member's candidates as of `week`'s cutoff, or now with the newest matched week.

    Raises PipelineError if the member cannot be matched, or the week has not been matched.
    """
    moment = _moment(connection, models.embedding_model, week)
    seeker = next(iter(member_queries.members_as_of(connection, moment.as_of, [user_id])), None)
    if seeker is None:
        raise PipelineError(f"No member has the id '{user_id}' at {moment.as_of:%Y-%m-%d %H:%M} UTC.")
    reason = why_not_matchable(seeker, moment.as_of, moment.limits)
    if reason is not None:
        raise PipelineError(f"{user_id} cannot be matched: {reason}. docs/matching.md explains each reason.")
    scale = scale_queries.scale_of(connection, moment.vectors_week, moment.model)
    if scale is None:
        raise PipelineError(
            f"Week {moment.vectors_week} was not matched under {moment.model}. Run it: "
            f"matchme run --week {moment.vectors_week}"
        )
    started = monotonic()
    _, stored = member_queries.member_vectors(connection, moment.vectors_week, moment.model, [user_id])
    vector = stored[0] if week is not None and len(stored) else None
    if week is None:
        # The cost is booked on the open week, whichever week was matched last.
        calls = CallContext("user_embeddings", moment.match_week - WEEK, None)
        vector = update.vector_as_of(connection, models, user_id, moment.as_of, calls)
    matches = find_matches(connection, seeker, vector, moment, scale)
    return Found(moment, matches, monotonic() - started)


def show_found(user_id: str, found: Found, most: int) -> None:
    """Print the best candidates with their reasons."""
    title = f"\nCandidates of {user_id} as of {found.moment.as_of:%Y-%m-%d %H:%M} UTC"
    console.out.print(Text(title, style="bold"))
    for place, match in enumerate(found.matches[:most], start=1):
        console.out.print(Text(f"\n  {place}. {match.b}   {match.score} of 100", style="bold"))
        for reason in show.reasons(match.factors):
            console.result(f"     + {reason}")
    if not found.matches:
        weeks = found.moment.limits.no_repeat_weeks
        console.result(
            f"\n  nobody is left: every member who suits was shown within {weeks} weeks, or a hard preference of one "
            "of the two excludes them"
        )
    console.result(f"\n  {len(found.matches):,} scored in {found.seconds:.2f} s")


def as_rows(user_id: str, found: Found, most: int) -> dict[str, object]:
    """The same for a script."""
    return {
        "user_id": user_id,
        "as_of": found.moment.as_of.isoformat(),
        "vectors_week": found.moment.vectors_week,
        "match_week": found.moment.match_week,
        "model": found.moment.model,
        "scored": len(found.matches),
        "seconds": found.seconds,
        "candidates": [
            {"user_id": match.b, "rank": place, "score": match.score, "compatibility_factors": match.factors}
            for place, match in enumerate(found.matches[:most], start=1)
        ],
    }


def _moment(connection: Connection, model: str, week: Week | None) -> Moment:
    if week is not None:
        return Moment(week.cutoff, week.sunday, week.match_week, model, process_limits())
    newest = scale_queries.newest_scale_week(connection, model)
    if newest is None:
        raise PipelineError(f"No week has been matched under {model} yet. Run one: matchme run --week YYYY-MM-DD")
    now = datetime.now(UTC)
    # A result of today would be shown from the next Sunday on, so exclude all members whom earlier weeks have shown.
    upcoming = Week(Week.last_closed(now).sunday + WEEK)
    return Moment(now, newest, upcoming.match_week, model, process_limits())
