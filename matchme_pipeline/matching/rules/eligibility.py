"""The hard filters: which pairs are eligible, decided in both directions.

One side states a preference and the other side's value must meet it. A pair is eligible if both sides' preferences are
met. The rule is a scalar function that numba compiles, so blocks of pairs use the same code.
"""

from collections import Counter
from math import isnan

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.rules.jit import entry, rule
from matchme_pipeline.matching.rules.member_records import (
    ATTRIBUTES,
    EARTH_RADIUS_KM,
    MASKS,
    Record,
    Records,
    records,
)
from matchme_pipeline.matching.rules.members import Members

# The order of the filters; a pair counts under the first one that removes it.
FILTERS = ("gender", "age", "distance", *ATTRIBUTES)
# The results for a pair: 0, or the place in FILTERS of what removed it, or that the two have met before.
ELIGIBLE, AGE, DISTANCE, FIRST_ATTRIBUTE, MET_BEFORE = 0, 1, 2, 3, len(FILTERS)
FILTER_RESULTS = MET_BEFORE + 1
Block = NDArray[np.bool_]


@rule
def first_failed_filter(a: Record, b: Record) -> int:
    """The first filter that two members of suitable genders fail, as its position in FILTERS, or ELIGIBLE."""
    if b.age < a.age_min or b.age > a.age_max or a.age < b.age_min or a.age > b.age_max:
        return AGE
    apart = haversine(a, b)
    if isnan(apart):
        if a.needs_place or b.needs_place:
            return DISTANCE
    elif not ((a.anywhere or apart <= a.reach) and (b.anywhere or apart <= b.reach)):
        return DISTANCE
    refused = (a.is_ & b.refuses) | (b.is_ & a.refuses)
    if refused:
        for place in range(len(MASKS)):
            if refused & MASKS[place]:
                return FIRST_ATTRIBUTE + place
    return ELIGIBLE


@rule
def haversine(a: Record, b: Record) -> float:
    """The haversine of the angle between two places: a quarter of the squared chord on the unit sphere."""
    dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
    return float((dx * dx + dy * dy + dz * dz) * 0.25)


@entry
def filter_all_pairs(a: Records, b: Records, failed_filters: NDArray[np.uint8]) -> None:
    """Fill `failed_filters` for all pairs of `a` (rows) and `b` (columns)."""
    for i in range(len(a)):
        for j in range(len(b)):
            failed_filters[i, j] = first_failed_filter(a[i], b[j])


@entry
def filter_pairs(members: Records, a: NDArray[np.intp], b: NDArray[np.intp], failed_filters: NDArray[np.uint8]) -> None:
    """Fill `failed_filters` for the pairs of positions (a[n], b[n])."""
    for n in range(len(a)):
        failed_filters[n] = first_failed_filter(members[a[n]], members[b[n]])


@rule
def unknown_asked(a: Record, b: Record, kilometres: float) -> int:
    """The number of attributes on which `a` states a preference and that `b` has not stated; unknown `kilometres` are
    NaN.
    """
    bits = a.asks & b.is_
    unknown = 0
    while bits != 0:
        bits &= bits - 1
        unknown += 1
    if not a.anywhere and isnan(kilometres):
        unknown += 1
    return unknown


def not_stated(members: Members, a: NDArray[np.intp], b: NDArray[np.intp]) -> NDArray[np.uint8]:
    """For each pair of positions (a[n], b[n]), the attributes that one side asks for and the other has not stated.

    A bit each, in the order of `unknown_values.NAMES`: the distance, then ATTRIBUTES.
    """
    made = records(members)
    asks, is_, anywhere = made["asks"], made["is_"], made["anywhere"] == 0
    missing = (asks[a] & is_[b]) | (asks[b] & is_[a])
    unknown = np.isnan(made["x"])
    bits = ((unknown[a] | unknown[b]) & (anywhere[a] | anywhere[b])).astype(np.uint8)
    for place, mask in enumerate(MASKS, start=1):
        bits |= ((missing & mask) != 0).astype(np.uint8) << np.uint8(place)
    return np.asarray(bits, dtype=np.uint8)


def eligible_pairs(members: Members, a: NDArray[np.intp], b: NDArray[np.intp]) -> Block:
    """Which of the pairs of positions (a[n], b[n]) satisfy every hard preference both ways, booleans (pairs,)."""
    failed_filters = np.empty(len(a), dtype=np.uint8)
    filter_pairs(records(members), a, b, failed_filters)
    likes = (members.wants_gender[a] >> members.gender[b]) & (members.wants_gender[b] >> members.gender[a]) & 1
    return np.asarray((likes != 0) & (failed_filters == ELIGIBLE))


def mutual_gender(a: Members, b: Members) -> Block:
    """Which pairs of `a` (rows) and `b` (columns) have genders that they look for in each other?"""
    likes = (a.wants_gender[:, None] >> b.gender[None, :]) & 1
    liked = (b.wants_gender[None, :] >> a.gender[:, None]) & 1
    return np.asarray((likes & liked) != 0)


def eligible_block(a: Members, b: Members, removed: Counter[str] | None = None) -> tuple[Block, NDArray[np.float32]]:
    """Which pairs of `a` (rows) and `b` (columns) meet every hard preference in both directions, and their distances.

    Returns a boolean array and kilometres (float32, NaN if a place is unknown), both of shape (len(a), len(b)).
    `removed` counts the pairs that each filter removed, in the order of the filters.
    """
    failed_filters = np.empty((len(a), len(b)), dtype=np.uint8)
    filter_all_pairs(records(a), records(b), failed_filters)
    suits = mutual_gender(a, b)
    if removed is not None:
        counts = np.bincount(failed_filters[suits], minlength=len(FILTERS))
        counts[0] = np.count_nonzero(~suits)
        removed.update({name: int(count) for name, count in zip(FILTERS, counts, strict=True)})
    return suits & (failed_filters == ELIGIBLE), distance_km(a, b)


def distance_km(a: Members, b: Members) -> NDArray[np.float32]:
    """Great-circle kilometres by the haversine formula (Sinnott 1984), float32 of shape (len(a), len(b))."""
    lat_a, lat_b = np.radians(a.lat)[:, None], np.radians(b.lat)[None, :]
    half_lat = np.sin((lat_b - lat_a) / 2) ** 2
    half_lng = np.sin((np.radians(b.lng)[None, :] - np.radians(a.lng)[:, None]) / 2) ** 2
    chord = np.clip(half_lat + np.cos(lat_a) * np.cos(lat_b) * half_lng, 0.0, 1.0)
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(chord)), dtype=np.float32)
