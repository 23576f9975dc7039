"""Whom each member is shown: a mutual b-matching, at most five partners each, fair before it is greedy."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MOST_MATCHES = 5


def allocate(
    members: int,
    a: NDArray[np.intp],
    b: NDArray[np.intp],
    score: NDArray[np.float32],
    fixed: Sequence[tuple[int, int]] = (),
    most: int = MOST_MATCHES,
) -> NDArray[np.intp]:
    """Choose among the pairs (a[i], b[i]) so that nobody has more than `most`; returns the chosen i, ascending.

    `fixed` pairs stand already and take their members' places.

    1. Everybody gets one partner, those with the fewest possibilities before the others. One who finds only full
       partners takes a place from somebody who keeps another, if need be along a chain of such moves (augmenting
       paths, Berge 1957), so that nobody goes without whom any allocation of these pairs that serves the others could
       serve.
    2. The places that are left go to the best pairs first, the greedy rule of weighted matching (Preis 1999).
    3. Exchanges follow while any raises the total: a new pair, for which each side gives up one of its own and those
       who lose a partner find another (local search by augmentation, Drake and Hougardy 2005). Nobody loses their last
       partner by it.

    Ties go to the pair that comes first.
    """
    # numba takes a third of a second to load; only a process that allocates pays for it.
    from matchme_pipeline.matching.engine.exchanges import allocated
    from matchme_pipeline.matching.engine.lists import lists

    taken = np.bincount(np.array(fixed, dtype=np.intp).reshape(-1), minlength=members)
    return allocated(lists(a, b, score, np.maximum(most - taken, 0), taken))
