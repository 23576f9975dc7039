"""The final check before publication: every hard preference of both members, pair by pair."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.rules.members import Members


def broken_filters(members: Members, pairs: NDArray[np.intp]) -> Counter[str]:
    """Numbers of `pairs` (positions) that break a hard preference of either member.

    Keys are `not_eligible` and `unknown_member`, which counts pairs with a negative position; an empty counter means
    that every pair is valid.
    """
    known = pairs[(pairs >= 0).all(axis=1)]
    from matchme_pipeline.matching.rules.eligibility import eligible_pairs

    not_eligible = int(np.count_nonzero(~eligible_pairs(members, known[:, 0], known[:, 1])))
    return +Counter({"unknown_member": len(pairs) - len(known), "not_eligible": not_eligible})
