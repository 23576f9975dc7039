"""Cultural variance: how far a member's attributes differ from the others' in the same city cluster."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from matchme_pipeline.dna.fixed_point import Floats, Integers, distinct, micro
from matchme_pipeline.dna.traits import Traits
from matchme_pipeline.dna.weights import CULTURE_FIELDS, MIN_OTHERS_IN_CITY, NEUTRAL


@dataclass(frozen=True)
class Culture:
    """Per member: the strand in micro-points, others in the city cluster, attributes compared, whether measured."""

    points: Integers
    others: Integers
    compared: Integers
    measured: np.ndarray


def culture(traits: Traits, cities: pd.Series) -> Culture:
    """100 · the mean over attributes of the share of other members of the city with another value.

    Exact from the cluster's counts: of the c - 1 others who state the attribute, h - 1 have the value, so the share is
    (c - h) / (c - 1). Several values of one attribute (languages) are averaged first. A value that all members of
    the city share does not count. Fewer than five others, no city, or no stated attribute: 50.
    `cities` is in the population's order.
    """
    city, _ = pd.factorize(np.asarray(cities, dtype=object))
    sizes = np.bincount(city[city >= 0], minlength=1)
    others = np.where(city >= 0, sizes[city] - 1, 0).astype(np.int64) if len(city) else city.astype(np.int64)
    fields = pd.Index(CULTURE_FIELDS, dtype=object).get_indexer(pd.Index(traits.table["field"], dtype=object))
    used = (fields[traits.trait] >= 0) & (city[traits.member] >= 0)
    member, trait = traits.member[used], traits.trait[used]
    field, place = fields[trait].astype(np.int64), city[member].astype(np.int64)

    width = len(CULTURE_FIELDS)
    states = distinct(member * width + field)
    stating = _counted(place * width + field, city[states // width] * width + states % width)
    trait_width = max(1, len(traits.table))
    holding = _counted(place * trait_width + trait, place * trait_width + trait)

    tells = holding < stating
    share = (stating - holding)[tells] / (stating - 1)[tells]
    attribute = member[tells] * width + field[tells]
    means, owner = _means(share, attribute)
    sums = np.bincount(owner // width, weights=means, minlength=traits.members)
    compared = np.bincount(owner // width, minlength=traits.members).astype(np.int64)
    states_something = np.bincount(states // width, minlength=traits.members) > 0
    measured = (others >= MIN_OTHERS_IN_CITY) & states_something
    points = np.where(measured, 100.0 * sums / np.maximum(compared, 1), NEUTRAL)
    return Culture(micro(points), others, compared, measured)


def _counted(keys: Integers, among: Integers) -> Integers:
    """For each of `keys`: how often does it occur in `among`?"""
    values, counts = np.unique(among, return_counts=True)
    return counts[np.searchsorted(values, keys)].astype(np.int64) if len(keys) else keys


def _means(values: Floats, groups: Integers) -> tuple[Floats, Integers]:
    owner, inverse, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return np.bincount(inverse, weights=values, minlength=len(owner)) / counts, owner
