"""Sums of residuals over millions of answers, compiled: one pass, no arrays of the answers' size in between."""

from math import exp

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.rules.jit import entry, rule

_Floats = NDArray[np.float64]
_Places = NDArray[np.intp]


@rule
def chance_of_like(log_odds: float) -> float:
    """The probability of these log-odds."""
    return 1.0 / (1.0 + exp(-log_odds))


@entry
def residual_sums(
    by: _Places,
    groups: int,
    log_odds: _Floats,
    rank_effects: _Floats,
    likes: _Floats,
    liked: _Floats,
    liker: _Places,
    shown: _Places,
    rank: _Places,
    yes: NDArray[np.bool_],
    counts: _Floats,
) -> tuple[_Floats, _Floats]:
    """The sums of residuals and of their weights over the answers of each group `by[n]` (0 to `groups` - 1).

    `log_odds` is what each answer has without the effects of rank and members. The order of the sums is that of the
    answers, so the result is exact and the same everywhere.
    """
    residuals, weights = np.zeros(groups), np.zeros(groups)
    for n in range(len(by)):
        chance = chance_of_like(log_odds[n] + rank_effects[rank[n]] + likes[liker[n]] + liked[shown[n]])
        residuals[by[n]] += counts[n] * (yes[n] - chance)
        weights[by[n]] += counts[n] * chance * (1.0 - chance)
    return residuals, weights


@entry
def without_own_answer(
    log_odds: _Floats,
    rank_effects: _Floats,
    likes: _Floats,
    liked: _Floats,
    likes_information: _Floats,
    liked_information: _Floats,
    liker: _Places,
    shown: _Places,
    rank: _Places,
    yes: NDArray[np.bool_],
    counts: _Floats,
) -> _Floats:
    """Both members' effects for each answer, after one Newton step of each without the answer."""
    without = np.empty(len(liker))
    for n in range(len(liker)):
        a, b = liker[n], shown[n]
        residual = counts[n] * (yes[n] - chance_of_like(log_odds[n] + rank_effects[rank[n]] + likes[a] + liked[b]))
        without[n] = likes[a] - residual / likes_information[a] + liked[b] - residual / liked_information[b]
    return without
