"""One member's candidates between Sundays: found by vector and hard filters in SQL, scored by the week's formula."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.embeddings import nearest_queries
from matchme_pipeline.embeddings.nearest import index_name
from matchme_pipeline.matching import member_queries
from matchme_pipeline.matching.engine.match_engine import Engine, Knowledge
from matchme_pipeline.matching.engine.matches import Match
from matchme_pipeline.matching.rules.limits import Limits
from matchme_pipeline.matching.rules.members import ADULT_AGE, MemberRow
from matchme_pipeline.matching.scale_queries import Scale
from matchme_pipeline.matching.search import hard_preferences, partner_query

# How many of the nearest eligible partners are scored. Similarity has only 20 of 100 points, so the best partners may
# be far down the order by vector.
MAX_SCORED = 5_000


@dataclass(frozen=True)
class Moment:
    """The moment of a search, and the week of its vectors, scores and shown pairs."""

    as_of: datetime
    vectors_week: date
    match_week: date
    model: str
    limits: Limits


def find_matches(
    connection: Connection,
    seeker: MemberRow,
    vector: NDArray[np.float32] | None,
    moment: Moment,
    scale: Scale,
    most: int = MAX_SCORED,
    *,
    through_index: bool = True,
) -> list[Match]:
    """The seeker's partners with scores and factors, best first; equal scores by id.

    `seeker` is a matchable member as of the moment. Their `vector` is of the moment's model; None if they have none:
    then all eligible partners are scored. `scale` is the week's. Without an index for the week, or without
    `through_index`, the scan is exact.
    """
    direction = np.zeros_like(scale.centre) if vector is None else vector - scale.centre
    asked = parameters(seeker.user_id, direction, moment, None if vector is None else most)
    indexed = through_index and vector is not None and _has_index(connection, moment)
    found = partner_query.eligible_partners(connection, asked, indexed)
    return _scored(connection, seeker, vector, found, moment, scale)


def parameters(user_id: str, direction: NDArray[np.float64], moment: Moment, most: int | None) -> dict[str, Any]:
    """The parameters of the SQL: the seeker's id, the rules' vocabularies and limits, the moment.

    `direction` is the seeker's vector minus the centre. Its inner product with a partner's vector differs from that of
    both centred vectors by the same constant for all partners.
    """
    limits = moment.limits
    return {
        **hard_preferences.parameters(limits, moment.as_of.date()),
        "seeker": user_id,
        "vector": json.dumps([round(value, 6) for value in direction.tolist()]),
        "as_of": moment.as_of,
        "active_since": moment.as_of - timedelta(days=limits.active_within_days),
        "report_threshold": limits.report_threshold,
        "no_repeat_weeks": limits.no_repeat_weeks,
        "adult_age": ADULT_AGE,
        "week": moment.vectors_week,
        "match_week": moment.match_week,
        "model": moment.model,
        "most": most,
    }


def _has_index(connection: Connection, moment: Moment) -> bool:
    return index_name(moment.vectors_week, moment.model) in nearest_queries.indexes(connection)


def _scored(
    connection: Connection,
    seeker: MemberRow,
    vector: NDArray[np.float32] | None,
    found: Collection[str],
    moment: Moment,
    scale: Scale,
) -> list[Match]:
    """The seeker and all found partners, scored with the week's rules and formula."""
    rows = [seeker, *member_queries.members_as_of(connection, moment.as_of, found)]
    ids, vectors = member_queries.member_vectors(connection, moment.vectors_week, moment.model, found)
    if vector is not None:
        ids, vectors = [*ids, seeker.user_id], np.concatenate([vectors, vector[None, :]])
    everybody = [row.user_id for row in rows]
    knowledge = Knowledge(
        rows,
        ids,
        vectors,
        member_queries.dna_scores(connection, moment.vectors_week, everybody),
        member_queries.approved_insights(connection, moment.as_of, everybody),
    )
    engine = Engine(knowledge, moment.as_of, moment.limits, scale.centre)
    if seeker.user_id not in engine.position:
        return []
    own = engine.position[seeker.user_id]
    members = engine.profiles.members
    from matchme_pipeline.matching.rules.eligibility import eligible_block

    may, _ = eligible_block(members.rows(np.array([own])), members)
    may[0, own] = False
    partners = np.flatnonzero(may[0])
    pairs = engine.explained(np.full(len(partners), own), partners, scale.calibration)
    return sorted(pairs, key=lambda pair: (-pair.score, pair.b))
