"""Compares the member search with an exact scan for a sample of members within a time limit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.matching import member_queries, pair_history_queries
from matchme_pipeline.matching.engine.match_engine import Engine
from matchme_pipeline.matching.rules.explanation import contributions
from matchme_pipeline.matching.scale_queries import Scale
from matchme_pipeline.matching.search.member_search import Moment, find_matches

if TYPE_CHECKING:
    from matchme_pipeline.matching.rules.compatibility import Calibration

# Twice the length of a list.
BEST = 10


@dataclass
class Recall:
    """The search found `found` of `expected` best partners (at most BEST a member); `seconds` of each search."""

    members: int = 0
    expected: int = 0
    found: int = 0
    seconds: list[float] = field(default_factory=list)

    @property
    def share(self) -> float:
        """The recall, 0 to 1."""
        return self.found / self.expected if self.expected else 1.0

    @property
    def median_seconds(self) -> float:
        """The median duration of a search, in seconds."""
        return median(self.seconds) if self.seconds else 0.0


def measure(
    connection: Connection,
    engine: Engine,
    moment: Moment,
    scale: Scale,
    sample: Sequence[str],
    clock: Callable[[], float],
    most_seconds: float,
) -> Recall:
    """Search for the members of `sample` until `most_seconds` have passed, and compare with `exact_best`.

    `engine` holds all members as of the moment. A partner counts as found if the exact scan gives the same score.
    """
    everybody, window = engine.profiles.members.user_ids, moment.limits.no_repeat_weeks
    talking = pair_history_queries.pairs_in_conversation(connection, moment.as_of, everybody, sample)
    shown = pair_history_queries.shown_pairs(connection, moment.match_week, window, everybody, of=sample)
    excluded = np.concatenate([talking, shown.pairs])
    rows = {row.user_id: row for row in member_queries.members_as_of(connection, moment.as_of, sample)}
    ids, vectors = member_queries.member_vectors(connection, moment.vectors_week, moment.model, sample)
    vector_of = dict(zip(ids, vectors, strict=True))
    result, started = Recall(), clock()
    for user_id in sample:
        if clock() - started >= most_seconds:
            break
        expected = exact_best(engine, user_id, excluded, scale.calibration)
        started = clock()
        matches = find_matches(connection, rows[user_id], vector_of.get(user_id), moment, scale)
        result.seconds.append(clock() - started)
        found = {(match.b, int(match.score * 100)) for match in matches}
        result.members += 1
        result.expected += len(expected)
        result.found += len(found.intersection(expected))
    return result


def exact_best(
    engine: Engine, user_id: str, excluded: NDArray[np.intp], calibration: "Calibration", most: int = BEST
) -> list[tuple[str, int]]:
    """The best partners of one member among all members, with scores in hundredths, by score and id; exact.

    `excluded` holds pairs of positions, in either order.
    """
    # numba takes a third of a second to load; only a process that matches needs it.
    from matchme_pipeline.matching.rules.compatibility import factors
    from matchme_pipeline.matching.rules.eligibility import eligible_block

    own = engine.position[user_id]
    members = engine.profiles.members
    may = eligible_block(members.rows(np.array([own])), members)[0][0]
    may[own] = False
    may[excluded[(excluded == own).any(axis=1)].ravel()] = False
    partners = np.flatnonzero(may)
    values = factors(engine.profiles, np.full(len(partners), own), partners, calibration)
    scores = contributions(values).sum(axis=1)
    order = np.lexsort((partners, -scores))[:most]
    return [(members.user_ids[partners[place]], int(scores[place])) for place in order]


def evenly(user_ids: Sequence[str], most: int) -> list[str]:
    """At most `most` of `user_ids`, evenly spaced; ids do not correlate with attributes."""
    places = np.unique(np.linspace(0, max(len(user_ids) - 1, 0), min(len(user_ids), most)).round().astype(int))
    return [user_ids[place] for place in places.tolist()]
