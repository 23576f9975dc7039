"""Trait rarity: how uncommon a member's traits are in the population."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from matchme_pipeline.dna.fixed_point import Integers, micro
from matchme_pipeline.dna.traits import Traits
from matchme_pipeline.dna.weights import FULL_IDF, RARE_FREQUENCY, RARE_TRAITS_NAMED

# The distribution's eight decimals as whole numbers: sums of them are exact in any order.
IDF_UNIT = 100_000_000


@dataclass(frozen=True)
class Rarity:
    """Per member, in the population's order: the strand in micro-points, traits that counted, the rarest of them.

    `rare`: `member` (position), `trait_key`, `trait_category`, `trait_display_name`, `user_count`, `total_users`,
    `frequency`; at most five a member, rarest first, ties by key. `unknown` counts pairs whose trait the
    distribution does not hold (a profile that changed after it was written).
    """

    points: Integers
    counted: Integers
    rare: pd.DataFrame
    unknown: int


def rarity(traits: Traits, distribution: pd.DataFrame) -> Rarity:
    """The mean over a member's traits of 100 · min(1, idf / 5); 0 without traits.

    A trait that all members have (idf 0) does not count in the mean, so adding one changes no score. `distribution`
    is the result of `traits.distribution`.
    """
    rows = pd.Index(distribution["trait_key"], dtype=object).get_indexer(pd.Index(traits.table["key"], dtype=object))
    row = rows[traits.trait] if len(traits.trait) else traits.trait
    users = distribution["user_count"].to_numpy(dtype=np.int64)
    total = distribution["total_users"].to_numpy(dtype=np.int64)
    idf = np.rint(distribution["idf"].to_numpy(dtype=np.float64) * IDF_UNIT)
    counts = row >= 0
    counts[counts] = users[row[counts]] < total[row[counts]]
    member, row_counted = traits.member[counts], row[counts]
    worth = np.minimum(idf[row_counted], FULL_IDF * IDF_UNIT)
    # Whole numbers below 2**53: the float sums are exact.
    sums = np.bincount(member, weights=worth, minlength=traits.members)
    counted = np.bincount(member, minlength=traits.members).astype(np.int64)
    points = 100.0 * sums / (FULL_IDF * IDF_UNIT * np.maximum(counted, 1))
    return Rarity(micro(points), counted, _rarest(member, row_counted, distribution), int((row < 0).sum()))


def _rarest(member: Integers, row: Integers, distribution: pd.DataFrame) -> pd.DataFrame:
    users = distribution["user_count"].to_numpy(dtype=np.int64)
    total = distribution["total_users"].to_numpy(dtype=np.int64)
    is_rare = users < RARE_FREQUENCY * total
    place = np.empty(len(distribution), dtype=np.int64)
    place[np.lexsort((distribution["trait_key"].to_numpy(dtype=object), users / total))] = np.arange(len(distribution))
    rare = is_rare[row] if len(row) else np.empty(0, dtype=bool)
    member, row = member[rare], row[rare]
    order = np.lexsort((place[row], member))
    member, row = member[order], row[order]
    nth = np.arange(len(member)) - np.searchsorted(member, member, side="left")
    first = nth < RARE_TRAITS_NAMED
    named = distribution.iloc[row[first]].reset_index(drop=True)
    return named.assign(member=member[first])
