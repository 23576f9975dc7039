"""An engine over all members whose rows can be processed: a broken row only affects its own member."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.jobs.isolation import broken_members
from matchme_pipeline.matching.engine.match_engine import Engine, Knowledge
from matchme_pipeline.matching.rules.limits import Limits
from matchme_pipeline.matching.rules.members import MemberRow, as_columns, why_not_matchable
from matchme_pipeline.matching.rules.vocabulary import Unknown


def engine_without_broken_rows(
    known: Knowledge, as_of: datetime, limits: Limits, centre: NDArray[np.float64] | None = None
) -> tuple[Engine, dict[str, str]]:
    """The engine over `known` without members whose rows are broken, and those members with the reason."""
    try:
        return Engine(known, as_of, limits, centre), {}
    except Exception:
        broken = _broken_rows(known.rows, as_of, limits)
        unbroken = replace(known, rows=[row for row in known.rows if row.user_id not in broken])
        return Engine(unbroken, as_of, limits, centre), broken


def _broken_rows(rows: Sequence[MemberRow], as_of: datetime, limits: Limits) -> dict[str, str]:
    by_id = {row.user_id: row for row in rows}

    def compute(user_ids: Sequence[str]) -> object:
        own = [by_id[user_id] for user_id in user_ids]
        matchable = [row for row in own if why_not_matchable(row, as_of, limits) is None]
        return as_columns(matchable, as_of, Unknown(), limits)

    return broken_members(list(by_id), compute)
