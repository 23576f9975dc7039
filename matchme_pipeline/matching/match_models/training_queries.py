"""SQL of the training data: outcomes as of a week, as binary integers."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import read_integers
from matchme_pipeline.matching import member_queries
from matchme_pipeline.matching.learning.features import (
    PAIR_FEATURES,
    nearness_in_age,
    shared_by_category,
    themes_by_category,
)
from matchme_pipeline.matching.learning.profile_space import main_profiles, profile_similarity
from matchme_pipeline.matching.learning.shown_sides import ShownSides
from matchme_pipeline.matching.outcomes.funnel import OBSERVED_WEEKS
from matchme_pipeline.matching.rules.shared_insights import titles_of
from matchme_pipeline.matching.rules.weights import ALGORITHM_VERSION, WEIGHTS
from matchme_pipeline.week import WEEK, Week

# Half a year; older answers have almost no weight.
HISTORY_WEEKS = 26
_FLAGS = ("viewed", "engaged", "liked", "passed", "began", "reported")
# Outcomes store factors with four decimals, scores with two.
_FACTOR_UNITS, _SCORE_UNITS = 10_000, 100
# Both positions, the rank, the outcome, the score; the factors; years apart.
_COLUMNS = 5 + len(WEIGHTS) + 1
_FIRST_SUNDAY = date(1970, 1, 4)


@dataclass(frozen=True)
class Seen:
    """The outcomes as of a week, the members' ids by position, and their match weeks, the oldest first."""

    sides: ShownSides
    user_ids: list[str]
    match_weeks: list[date]


def week_number(match_week: date) -> int:
    """A match week as `ShownSides.week` counts it."""
    return (match_week - _FIRST_SUNDAY) // WEEK


def match_week_of(number: int) -> date:
    """The match week that `week_number` counts so."""
    return _FIRST_SUNDAY + number * timedelta(days=7)


def outcomes_as_of(connection: Connection, week: Week, model: str) -> Seen:
    """Members' outcomes of the last half year, as last observed by `week`'s cutoff.

    Only rows with the current factors; earlier versions have other columns. Common approved insights and vectors, those
    of `model`, are those of the cutoff.
    """
    observed = _observations(connection, week)
    ids = [row[0] for row in connection.execute(_MEMBERS, [[w for w, _ in observed], [m for _, m in observed]])]
    blocks = [_block(connection, seen_in, match_week, ids) for seen_in, match_week in observed]
    sizes = [len(block) for block in blocks]
    numbers = np.repeat(np.array([week_number(match_week) for _, match_week in observed], dtype=np.int32), sizes)
    rows = np.concatenate([np.zeros((0, _COLUMNS), np.int32), *blocks])
    # A pair that was shown twice counts by its newest week.
    keys = rows[:, 0].astype(np.int64) * max(len(ids), 1) + rows[:, 1]
    kept = np.sort(len(keys) - 1 - np.unique(keys[::-1], return_index=True)[1])
    rows, numbers = rows[kept], numbers[kept]
    approved = member_queries.approved_insights(connection, week.cutoff, set(ids))
    shared = shared_by_category(themes_by_category(titles_of(ids, approved)), rows[:, 0], rows[:, 1])
    close = profile_similarity(_profiles(connection, week, model, ids), rows[:, 0], rows[:, 1])
    flags = {name: (rows[:, 3] >> bit & 1).astype(bool) for bit, name in enumerate(_FLAGS)}
    sides = ShownSides(
        members=len(ids),
        week=numbers,
        liker=rows[:, 0],
        shown=rows[:, 1],
        rank=rows[:, 2].astype(np.int8),
        **flags,
        score=(rows[:, 4] / _SCORE_UNITS).astype(np.float32),
        features=_features(rows[:, 5:-1], rows[:, -1], np.column_stack([shared, close])),
    )
    return Seen(sides, ids, sorted({match_week for _, match_week in observed}))


def _features(
    factors: NDArray[np.int32], years_apart: NDArray[np.int32], others: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The features of pairs in the order of PAIR_FEATURES."""
    features = np.empty((len(factors), len(PAIR_FEATURES)), dtype=np.float32)
    own = len(WEIGHTS)
    features[:, :own] = factors
    features[:, :own] /= _FACTOR_UNITS
    features[:, own] = nearness_in_age(years_apart.astype(np.int64))
    features[:, own + 1 :] = others
    return features


def _profiles(connection: Connection, week: Week, model: str, ids: list[str]) -> NDArray[np.float32]:
    """The main profiles of the members `ids`, in this order."""
    # numba takes a third of a second to load; only a process that learns needs it.
    from matchme_pipeline.matching.rules.quantised_vectors import VectorRows, centre_of, centred

    known, vectors = member_queries.member_vectors(connection, week.sunday, model, ids)
    place = {user_id: number for number, user_id in enumerate(ids)}
    row_of = np.full(len(ids), -1, dtype=np.intp)
    row_of[[place[user_id] for user_id in known]] = np.arange(len(known))
    rows = VectorRows(vectors, row_of)
    return main_profiles(centred(rows, centre_of(rows)).quantised)


def _observations(connection: Connection, week: Week) -> list[tuple[date, date]]:
    """By match week, the oldest first: the newest week that has observed it, not after `week`."""
    return [
        (seen_in, match_week)
        for back in range(HISTORY_WEEKS, 0, -1)
        for match_week in [week.match_week - back * WEEK]
        for seen_in in [_newest_observation(connection, week.sunday, match_week)]
        if seen_in is not None
    ]


def _newest_observation(connection: Connection, week: date, match_week: date) -> date | None:
    newest = min(week, match_week + (OBSERVED_WEEKS - 1) * WEEK)
    weeks = [newest - back * WEEK for back in range(OBSERVED_WEEKS) if newest - back * WEEK >= match_week]
    row = connection.execute(
        """
        select max(w) from unnest(%s::date[]) as w
        where exists (select from match_outcomes o where o.week = w and o.match_week = %s)
        """,
        [weeks, match_week],
    ).fetchone()
    return row[0] if row else None


def _block(connection: Connection, week: date, match_week: date, ids: list[str]) -> NDArray[np.int32]:
    return read_integers(
        connection,
        """
        with members as materialized (
            select u.id, (u.place - 1)::integer as place,
                extract(year from age(%(match_week)s::date, p.birthdate))::integer as years
            from unnest(%(ids)s::text[]) with ordinality as u (id, place)
            left join profiles p on p.clerk_user_id = u.id
        )
        select a.place, b.place, o.rank,
            o.viewed::integer + (o.engaged::integer << 1) + (o.liked::integer << 2) + (o.passed::integer << 3)
                + (o.began::integer << 4) + (o.reported::integer << 5),
            (o.score * 100)::integer,
            round(o.factors[1] * 10000)::integer, round(o.factors[2] * 10000)::integer,
            round(o.factors[3] * 10000)::integer, round(o.factors[4] * 10000)::integer,
            round(o.factors[5] * 10000)::integer, round(o.factors[6] * 10000)::integer,
            round(o.factors[7] * 10000)::integer, round(o.factors[8] * 10000)::integer,
            round(o.factors[9] * 10000)::integer, coalesce(abs(a.years - b.years), -1)
        from match_outcomes o
        join members a on a.id = o.user_id
        join members b on b.id = o.match_user_id
        where o.week = %(week)s and o.match_week = %(match_week)s and o.factors_version = %(version)s
            and cardinality(o.factors) = 9
        order by 1, 2
        """,
        {"ids": ids, "week": week, "match_week": match_week, "version": ALGORITHM_VERSION},
        columns=_COLUMNS,
    )


# By the bytes of the ids, so that every database sorts them equally.
_MEMBERS = """
    select id from (
        select distinct o.user_id collate "C" as id
        from unnest(%s::date[], %s::date[]) as seen (week, match_week)
        join match_outcomes o on (o.week, o.match_week) = (seen.week, seen.match_week)
    ) members
    order by id
"""
