"""The features of the pair model; pure.

Of a pair: the score's factors, the age difference, common approved insights by category, and how close the members'
main profiles are (`profile_space`). Of its members: their tendencies. No ethnicity, income, looks, photos or messages.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.rules.shared_insights import Themes, Titles
from matchme_pipeline.matching.rules.weights import NEUTRAL, WEIGHTS

INSIGHT_CATEGORIES = ("values", "personality", "lifestyle", "interests", "family")
# Of a pair; all are 0 to 1, and higher is better.
PAIR_FEATURES = (*WEIGHTS, "age_gap", *(f"shared_{category}" for category in INSIGHT_CATEGORIES), "profile")
FEATURES = (*PAIR_FEATURES, "tendency")
# Larger age differences count the same.
_FAR_APART_YEARS = 20.0
# Pairs whose themes are compared at once.
_PAIRS_AT_ONCE = 500_000


def nearness_in_age(years_apart: NDArray[np.int64]) -> NDArray[np.float64]:
    """1 for the same age, 0 for a difference of 20 years or more; neutral if unknown (below 0)."""
    near = 1.0 - np.minimum(years_apart, _FAR_APART_YEARS) / _FAR_APART_YEARS
    return np.where(years_apart < 0, NEUTRAL, near)


def themes_by_category(titles: Titles) -> list[Themes]:
    """Members' approved titles, category by category in the order of INSIGHT_CATEGORIES."""
    return [titles.themes(partial(_is_of, category)) for category in INSIGHT_CATEGORIES]


def _is_of(category: str, key: str) -> bool:
    return key.startswith(f"{category}: ")


def shared_by_category(themes: Sequence[Themes], a: NDArray[np.integer], b: NDArray[np.integer]) -> NDArray[np.float32]:
    """The overlap of approved insights, |A and B| / sqrt(|A| |B|) (Ochiai 1957), by category, (pairs, 5)."""
    shared = np.zeros((len(a), len(themes)), dtype=np.float32)
    for column, own in enumerate(themes):
        for begin in range(0, len(a), _PAIRS_AT_ONCE):
            rows = slice(begin, begin + _PAIRS_AT_ONCE)
            both = np.bitwise_count(own.bits[a[rows]] & own.bits[b[rows]]).sum(axis=1)
            sizes = own.size[a[rows]].astype(np.float64) * own.size[b[rows]]
            shared[rows, column] = both / np.sqrt(np.maximum(sizes, 1))
    return shared
