"""A week's matching over the tables: load, allocate under the no-repeat rule, publish, preview."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import BrokenMatchesError, BudgetExceededError
from matchme_pipeline.jobs import week_jobs
from matchme_pipeline.jobs.week_jobs import TakenJobs
from matchme_pipeline.llm.contracts import CallContext, Models, PairToPreview, Preview
from matchme_pipeline.matching import member_queries, model_queries, pair_history_queries, scale_queries
from matchme_pipeline.matching.engine.allocation_problem import RandomPlaces
from matchme_pipeline.matching.engine.match_engine import Allocation, Engine, Knowledge
from matchme_pipeline.matching.engine.matches import as_matches
from matchme_pipeline.matching.member_queries import PairRow
from matchme_pipeline.matching.pair_history_queries import ShownPairs
from matchme_pipeline.matching.rules.limits import USUAL, Limits
from matchme_pipeline.matching.rules.members import Members
from matchme_pipeline.matching.rules.week_findings import week_findings
from matchme_pipeline.matching.scale_queries import Scale
from matchme_pipeline.matching.week import (
    check_queries,
    preview_queries,
    publication_queries,
    random_place_queries,
    ranking,
    report_queries,
)
from matchme_pipeline.matching.week.pair_verification import broken_filters
from matchme_pipeline.matching.week.previews import as_json
from matchme_pipeline.matching.week.publication_queries import PublishedRow
from matchme_pipeline.week import Week

PAIRS_SAVED_AT_ONCE = 500


@dataclass(frozen=True)
class WeekAllocation:
    """The week's allocation, the rows of touched pairs before it, and those pairs.

    `version`: the learned version that scored it, by its training week; None for the untrained score.
    """

    allocation: Allocation
    published: Sequence[PublishedRow]
    touched: set[tuple[str, str]]
    version: date | None = None


@dataclass
class PreviewOutcome:
    """Numbers of pairs whose preview was written, unchanged, failed or left open."""

    written: int = 0
    reused: int = 0
    failed: int = 0
    left: int = 0
    stopped_by: str = ""


def load_engine(connection: Connection, week: Week, model: str, limits: Limits = USUAL) -> Engine:
    """The engine of `load_engine_and_broken_rows` alone."""
    return load_engine_and_broken_rows(connection, week, model, limits)[0]


def load_engine_and_broken_rows(
    connection: Connection, week: Week, model: str, limits: Limits = USUAL
) -> tuple[Engine, dict[str, str]]:
    """All members' data as of the week's cutoff, and the members whose rows are broken, with the reason."""
    engine = Engine(_knowledge(connection, week, model, limits), week.cutoff, limits)
    return engine, dict(engine.broken)


def _knowledge(connection: Connection, week: Week, model: str, limits: Limits) -> Knowledge:
    ids, vectors = member_queries.member_vectors(connection, week.sunday, model)
    return Knowledge(
        rows=member_queries.matchable_members(connection, week.cutoff, limits),
        vector_ids=ids,
        vectors=vectors,
        dna=member_queries.dna_scores(connection, week.sunday),
        approved=member_queries.approved_titles(connection, week.cutoff),
    )


def allocate_week(connection: Connection, engine: Engine, week: Week) -> WeekAllocation:
    """Allocate the week so that no pair is shown twice within the window.

    A first run excludes the pairs of all weeks published before it. A re-run excludes the same pairs, so that it
    repeats the result. It excludes pairs shown since then only if the result would repeat one.
    """
    window = engine.limits.no_repeat_weeks
    published = publication_queries.touched_rows(connection, week.match_week)
    touched = ranking.touched_pairs(published)
    before = publication_queries.first_published(connection, week.match_week)
    user_ids = engine.profiles.members.user_ids
    talking = pair_history_queries.pairs_in_conversation(connection, week.cutoff, user_ids)
    shown = pair_history_queries.shown_pairs(connection, week.match_week, window, user_ids, before)
    excluded = np.concatenate([talking, shown.pairs[shown.is_known]])
    learned = model_queries.learned_of_week(connection, week.sunday)
    at_random = RandomPlaces(week.match_week, engine.limits.random_share)
    allocation = engine.match(excluded, touched, learned, at_random)
    while len(repeated := _shown_elsewhere(engine, allocation, shown)):
        excluded = np.concatenate([excluded, repeated])
        allocation = engine.match(excluded, touched, learned, at_random)
    return WeekAllocation(allocation, published, touched, learned.week if learned else None)


def _shown_elsewhere(engine: Engine, allocation: Allocation, shown: ShownPairs) -> NDArray[np.intp]:
    """The positions of the allocation's pairs that another week shows."""
    matches = as_matches(allocation.matches)
    pairs = np.stack([matches.a, matches.b], axis=1)
    keys, others = (both.min(axis=1) * len(engine.position) + both.max(axis=1) for both in (pairs, shown.pairs))
    return pairs[np.isin(keys, others)]


def publish(
    connection: Connection,
    week: Week,
    model: str,
    engine: Engine,
    result: WeekAllocation,
    taken: TakenJobs,
    broken: Mapping[str, str],
) -> tuple[WeekAllocation, int, int]:
    """Write the week, check it again, and finish its jobs in one transaction.

    Returns the week as written, and the numbers of rows written and removed. A match that a member has touched since
    the allocation stays; new matches are arranged around it, so active members do not block the week. Raises
    BrokenMatchesError, with nothing written, if a match breaks a rule or a hard preference.
    """
    with connection.transaction():
        result = _around_touched_rows(connection, week, result)
        rows = ranking.ranked_rows(result.allocation.matches, result.published, result.touched)
        written, removed = publication_queries.replace_matches(
            connection, week.match_week, model, taken.dagster_run_id, rows, result.touched
        )
        random_place_queries.replace_random_places(
            connection, week.match_week, result.allocation.random_places, result.touched
        )
        # If all touched rows were viewed before, they keep the scale that scored them.
        if rows or scale_queries.scale_of(connection, week.sunday, model) is None:
            scale = Scale(engine.centre, *result.allocation.calibration)
            scale_queries.save_scale(connection, week.sunday, model, scale)
        model_queries.record_default(connection, week.sunday)
        _require_unbroken_rules(connection, week, engine)
        done = result.allocation
        report_queries.save_report(connection, week.sunday, done.figures, done.covered, week_findings(done.figures))
        week_jobs.finish_members(connection, taken, broken)
    return result, written, removed


def _around_touched_rows(connection: Connection, week: Week, result: WeekAllocation) -> WeekAllocation:
    """The allocation around the current rows; members who touch them wait until the week is written."""
    published = publication_queries.touched_rows(connection, week.match_week, lock=True)
    touched = ranking.touched_pairs(published)
    if touched == result.touched:
        return replace(result, published=published)
    matches = ranking.matches_around(result.allocation.matches, touched)
    drawn = result.allocation.random_places
    random_places = {pair: drawn[pair] for pair in matches.pairs() if pair in drawn}
    allocation = replace(result.allocation, matches=matches, random_places=random_places)
    return replace(result, allocation=allocation, published=published, touched=touched)


def broken_matches(connection: Connection, week: Week, members: Members, limits: Limits) -> dict[str, int]:
    """How many matches of the week, as the tables have them now, break each rule and each hard preference."""
    return {
        **check_queries.broken_rules(connection, week.match_week, limits.no_repeat_weeks),
        **check_queries.broken_preferences(connection, week.cutoff, week.match_week, limits),
        **broken_filters(members, check_queries.untouched_pairs(connection, week.match_week, members.user_ids)),
    }


def _require_unbroken_rules(connection: Connection, week: Week, engine: Engine) -> None:
    broken = broken_matches(connection, week, engine.profiles.members, engine.limits)
    found = ", ".join(f"{name}: {count}" for name, count in broken.items() if count)
    if found:
        raise BrokenMatchesError(
            f"The matches of week {week.key} break rules ({found}); nothing was published. "
            "Correct the cause and materialise weekly_matches again."
        )


def preview_pairs(
    connection: Connection,
    models: Models,
    week: Week,
    pairs: Sequence[PairRow],
    wanted: Sequence[PairToPreview],
    calls: CallContext,
) -> PreviewOutcome:
    """Request previews and write them as they arrive; written previews stay if the budget ends."""
    pair_of = {preview.pair_id: pairs[place] for place, preview in enumerate(wanted)}
    outcome = PreviewOutcome()
    batch: dict[tuple[str, str], dict[str, object]] = {}
    try:
        for answer in models.preview(wanted, calls):
            pair = pair_of[answer.pair_id]
            if not isinstance(answer, Preview):
                outcome.failed += 1
            elif pair.preview == as_json(answer, week.match_week):
                outcome.reused += 1
            else:
                batch[pair.a, pair.b] = as_json(answer, week.match_week)
            if len(batch) >= PAIRS_SAVED_AT_ONCE:
                outcome.written += preview_queries.save_previews(connection, week.match_week, batch) // 2
                batch = {}
    except BudgetExceededError as error:
        outcome.stopped_by = str(error)
    outcome.written += preview_queries.save_previews(connection, week.match_week, batch) // 2
    outcome.left = len(pairs) - outcome.written - outcome.reused - outcome.failed
    return outcome
