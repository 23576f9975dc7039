"""Figures of members' habits: when, how often, how deeply and on what they post, and how they review insights."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from matchme_pipeline.dna.facts import MICROSECONDS_PER_DAY, MICROSECONDS_PER_WEEK, Facts
from matchme_pipeline.dna.fixed_point import Floats, Integers, distinct
from matchme_pipeline.dna.traits import Traits
from matchme_pipeline.dna.weights import POST_FIELD


@dataclass(frozen=True)
class Habits:
    """`figures`: one float64 row per member in the population's order, a column per habit, NaN if unknown.

    `days`: whole days since joining, -1 if unknown. `active`: has posted or reviewed. `moved`: posts dated before their
    author joined; they count as shared on joining.
    """

    figures: pd.DataFrame
    days: Integers
    active: np.ndarray
    moved: int


def habits(facts: Facts, traits: Traits) -> Habits:
    """Every member's habits as of the cutoff.

    `posting_span` days between the first and the last post; `posting_regularity` share of the weeks since the first
    post that have one (weeks counted back from the cutoff); `posting_frequency` posts a week since joining;
    `posting_depth` mean depth level (1-4); `posting_variety` different categories; `reviewing` insights reviewed a
    week since joining; `approving` share of the reviewed ones that were approved.

    Offered insights do not count, only reviews: a late week offers its insights late, and must not change the scores of
    later weeks.
    """
    size = len(facts.members)
    position = pd.Index(facts.members["user_id"], dtype=object)
    joined = pd.to_numeric(facts.members["joined"], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    known = ~np.isnan(joined)
    # Microseconds since 1970 are whole numbers below 2**53, so the float column holds them exactly.
    start = np.where(known, joined, 0).astype(np.int64)
    days = np.where(known, (facts.cutoff - start) // MICROSECONDS_PER_DAY, -1)

    author = position.get_indexer(pd.Index(facts.posts["user_id"], dtype=object)).astype(np.int64)
    theirs = author >= 0
    author, shared = author[theirs], facts.posts["shared"].to_numpy(dtype=np.int64)[theirs]
    early = known[author] & (shared < start[author])
    shared = np.where(early, start[author], shared)
    posts = np.bincount(author, minlength=size).astype(np.int64)
    first = np.full(size, np.iinfo(np.int64).max)
    last = np.zeros(size, dtype=np.int64)
    np.minimum.at(first, author, shared)
    np.maximum.at(last, author, shared)
    has_posts = posts > 0

    week = (facts.cutoff - 1 - shared) // MICROSECONDS_PER_WEEK
    posted_weeks = distinct(author * (week.max(initial=0) + 1) + week) // (week.max(initial=0) + 1)
    weeks = (facts.cutoff - 1 - np.where(has_posts, first, facts.cutoff - 1)) // MICROSECONDS_PER_WEEK + 1
    level = pd.to_numeric(facts.posts["depth_level"], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    level = level[theirs]
    answered = ~np.isnan(level)
    in_categories = traits.table["field"].to_numpy(dtype=object) == POST_FIELD.column
    of_posts = in_categories[traits.trait] if len(traits.trait) else np.empty(0, dtype=bool)
    reviewed, approved = _reviews(facts, position)
    since = np.maximum(facts.cutoff - start, 1)
    figures = pd.DataFrame(
        {
            "posting_span": np.where(has_posts, last - np.where(has_posts, first, last), 0) / MICROSECONDS_PER_DAY,
            "posting_regularity": _share(np.bincount(posted_weeks, minlength=size), np.where(has_posts, weeks, 0)),
            "posting_frequency": np.where(known, posts * MICROSECONDS_PER_WEEK / since, np.nan),
            "posting_depth": _share(
                np.bincount(author[answered], weights=level[answered], minlength=size),
                np.bincount(author[answered], minlength=size),
            ),
            "posting_variety": np.bincount(traits.member[of_posts], minlength=size).astype(np.float64),
            "reviewing": np.where(known, reviewed * MICROSECONDS_PER_WEEK / since, np.nan),
            "approving": _share(approved, reviewed),
        }
    )
    return Habits(figures, days.astype(np.int64), has_posts | (reviewed > 0), int(early.sum()))


def _reviews(facts: Facts, position: pd.Index) -> tuple[Integers, Integers]:
    member = position.get_indexer(pd.Index(facts.insights["user_id"], dtype=object))
    status = facts.insights["review_status"].to_numpy(dtype=object)
    counts = [
        np.bincount(member[(member >= 0) & chosen], minlength=len(position)).astype(np.int64)
        for chosen in (status != "pending", status == "approved")
    ]
    return counts[0], counts[1]


def _share(part: np.ndarray, whole: np.ndarray) -> Floats:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
