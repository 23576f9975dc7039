"""How fairly matches are spread."""

from collections.abc import Sequence

import numpy as np


def gini(counts: Sequence[int]) -> float:
    """The Gini coefficient of non-negative counts: 0 when all are equal, towards 1 when one has everything.

    Computed from the ordered values x_1 <= ... <= x_n as 2 sum(i x_i) / (n sum(x)) - (n + 1) / n.
    """
    values = np.sort(np.asarray(counts, dtype=np.float64))
    if values.size == 0 or values.sum() == 0:
        return 0.0
    ranks = np.arange(1, values.size + 1)
    return float(2 * (ranks @ values) / (values.size * values.sum()) - (values.size + 1) / values.size)
