"""One week's DNA from the database: reads the inputs and applies the rules."""

from collections import Counter
from collections.abc import Callable, Collection
from datetime import datetime
from typing import TypeVar

import pandas as pd

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.dna import queries
from matchme_pipeline.dna.breakdown import explained
from matchme_pipeline.dna.facts import Facts, of_members, resolve_religion
from matchme_pipeline.dna.originality import originality
from matchme_pipeline.dna.score import scores, strands
from matchme_pipeline.dna.traits import Traits, distribution, member_traits
from matchme_pipeline.errors import WeekError
from matchme_pipeline.jobs.isolation import broken_members
from matchme_pipeline.week import Week

T = TypeVar("T")


def trait_distribution(connection: Connection, week: Week) -> tuple[Traits, pd.DataFrame, dict[str, str]]:
    """All traits as of the cutoff with their frequencies, and members left out for broken rows; writes nothing."""
    facts = queries.facts_as_of(connection, week.cutoff)
    traits, broken = _without_broken_members(facts, lambda part: member_traits(resolve_religion(part)))
    return traits, distribution(traits), broken


def content_originality(connection: Connection, week: Week, model: str) -> tuple[pd.DataFrame, dict[str, int]]:
    """The originality of all members by the vectors of `model`, and items that could not count; writes nothing."""
    user_ids = queries.members_as_of(connection, week.cutoff)
    sums, without_vector = queries.item_sums_as_of(connection, user_ids, week.cutoff, model)
    left_out = {"items_without_vector": without_vector, "unusable_vectors": sums.unusable}
    return originality(pd.Series(user_ids, dtype=object), sums), left_out


def dna_scores(connection: Connection, week: Week) -> tuple[pd.DataFrame, Counter[str], dict[str, str]]:
    """All scores as of the cutoff with explanations, irregularities of the data, and members with broken rows; writes
    nothing.

    A week without members has no scores, and a week without stated attributes has no traits: neither is an error.
    Raises WeekError if members have traits and the week has no trait distribution or originality yet.
    """
    facts = queries.facts_as_of(connection, week.cutoff)
    shares = queries.trait_distribution(connection, week.sunday)
    if not len(shares):
        traits, _ = _without_broken_members(facts, lambda part: member_traits(resolve_religion(part)))
        _require(not len(traits.table), week, "trait_distribution")
    own = queries.content_originality(connection, week.sunday)
    _require(len(own) or not len(facts.members), week, "content_originality")
    (table, found), broken = _without_broken_members(facts, lambda part: _scored(part, shares, own))
    return table, found, broken


def recalculate(connection: Connection, week: Week, user_ids: Collection[str]) -> int:
    """Recalculate the scores of a few members after a review or an edited profile, as a full pass would; returns the
    number of changed rows.

    Counts the whole population, because a member's review also changes the frequency of traits, but writes only the
    rows of `user_ids`: history and, for the newest week, the app's table. A review does not change vectors, so the
    week's originality is used. Raises WeekError for a week without scores.
    """
    _require(queries.scored_members(connection, week.sunday), week, "dna_scores")
    facts = queries.facts_as_of(connection, week.cutoff)
    shares = distribution(member_traits(resolve_religion(facts)))
    table, _ = _scored(facts, shares, _originality(connection, week))
    return queries.update_scores(connection, week.sunday, table[table["user_id"].isin(list(user_ids))])


def refresh(connection: Connection, week: Week, user_ids: Collection[str], now: datetime) -> int:
    """Show a few members their score as of `now` until the next week is published; returns the number of members.

    For example after a review on a Tuesday. `week` is the newest week with scores; its history stays as of its cutoff.
    A member who has joined since that cutoff has no score yet and gets none. Raises WeekError for a week without
    scores.
    """
    _require(queries.scored_members(connection, week.sunday), week, "dna_scores")
    facts = of_members(queries.facts_as_of(connection, now), queries.members_as_of(connection, week.cutoff))
    traits, _ = _without_broken_members(facts, lambda part: member_traits(resolve_religion(part)))
    shares, own = distribution(traits), _originality(connection, week)
    (table, _found), _ = _without_broken_members(facts, lambda part: _scored(part, shares, own))
    return queries.show_between_weeks(connection, week.sunday, table, user_ids, now)


def _scored(facts: Facts, shares: pd.DataFrame, own: pd.DataFrame) -> tuple[pd.DataFrame, Counter[str]]:
    found = strands(facts, shares, own)
    return explained(scores(found), found), found.found


def _originality(connection: Connection, week: Week) -> pd.DataFrame:
    own = queries.content_originality(connection, week.sunday)
    _require(len(own), week, "content_originality")
    return own


def _without_broken_members(facts: Facts, compute: Callable[[Facts], T]) -> tuple[T, dict[str, str]]:
    """The result of `compute` without the members whose rows alone make it raise, and those members."""
    try:
        return compute(facts), {}
    except Exception:
        user_ids = facts.members["user_id"].tolist()
        broken = broken_members(user_ids, lambda part: compute(of_members(facts, part)))
        return compute(of_members(facts, [user_id for user_id in user_ids if user_id not in broken])), broken


def _require(rows: bool | int, week: Week, asset: str) -> None:
    if not rows:
        raise WeekError(f"Week {week.key} has no {asset} yet. Materialise {asset} for this week first.")
