"""The exposure that a version would give the week's members: allocates the week twice and writes nothing."""

import numpy as np

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.matching import pair_history_queries
from matchme_pipeline.matching.engine.exposure import exposure
from matchme_pipeline.matching.engine.learned_values import Learned
from matchme_pipeline.matching.learning.promotion import Exposure
from matchme_pipeline.matching.rules.limits import Limits
from matchme_pipeline.matching.week import weekly_matching
from matchme_pipeline.week import Week


def exposures(
    connection: Connection, week: Week, model: str, limits: Limits, now: Learned | None, then: Learned
) -> tuple[Exposure, Exposure]:
    """The exposure under the version in use (None: the untrained score), and under another version.

    `model` is that of the members' vectors.
    """
    engine = weekly_matching.load_engine(connection, week, model, limits)
    user_ids = engine.profiles.members.user_ids
    talking = pair_history_queries.pairs_in_conversation(connection, week.cutoff, user_ids)
    shown = pair_history_queries.shown_pairs(connection, week.match_week, limits.no_repeat_weeks, user_ids)
    excluded = np.concatenate([talking, shown.pairs])

    def under(learned: Learned | None) -> Exposure:
        found = engine.candidates_for(learned, excluded)
        values = None if learned is None else learned.values(engine.pair_features, found)
        chosen, _ = engine.allocate(found, (), values)
        pairs = np.stack([found.a[chosen], found.b[chosen]], axis=1)
        return exposure(engine.profiles.members, pairs, found.possibilities > 0)

    return under(now), under(then)
