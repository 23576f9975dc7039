"""The final check before publication: every hard preference of both members, pair by pair."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.rules.members import Members

Pair = tuple[str, str]


def broken_filters(members: Members, pairs: Sequence[Pair]) -> Counter[str]:
    """Numbers of `pairs` that break a hard preference of either member; `unknown_member` counts pairs without columns.

    Keys are `not_eligible` and `unknown_member`; an empty counter means that every pair is valid.
    """
    position = {user_id: place for place, user_id in enumerate(members.user_ids)}
    known = [(position[a], position[b]) for a, b in pairs if a in position and b in position]
    broken = Counter({"unknown_member": len(pairs) - len(known)})
    places: NDArray[np.intp] = np.array(known, dtype=np.intp).reshape(-1, 2)
    from matchme_pipeline.matching.rules.eligibility import eligible_pairs

    broken["not_eligible"] = int(np.count_nonzero(~eligible_pairs(members, places[:, 0], places[:, 1])))
    return +broken
