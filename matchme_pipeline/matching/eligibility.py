"""The hard filters: who may meet whom, decided both ways for whole blocks of pairs at once.

A filter is stated by one side and met by the other; a pair is eligible when both sides' filters are met.
"""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.members import NO_LIMIT, Members
from matchme_pipeline.matching.vocabulary import MISSING

EARTH_RADIUS_KM = 6_371.0088
Block = NDArray[np.bool_]


def eligible_block(a: Members, b: Members, removed: Counter[str] | None = None) -> tuple[Block, NDArray[np.float32]]:
    """Which pairs of `a` (rows) and `b` (columns) satisfy every hard preference both ways, and their distances.

    Returns a boolean array and kilometres (float32, NaN where a place is unknown), both of shape (len(a), len(b)).
    `removed` counts the pairs that each filter removed, in the order in which filters are applied.
    """
    kilometres = distance_km(a, b)
    may = np.ones((len(a), len(b)), dtype=bool)
    for name, holds in (
        ("gender", _wanted(a.wants_gender, b.gender) & _wanted(b.wants_gender, a.gender).T),
        ("age", _between(a, b) & _between(b, a).T),
        ("distance", _within(a, kilometres) & _within(b, kilometres.T).T),
        ("education", _wanted(a.wants_education, b.education) & _wanted(b.wants_education, a.education).T),
        ("marital_status", _wanted(a.wants_marital, b.marital) & _wanted(b.wants_marital, a.marital).T),
        ("children", _children(a, b) & _children(b, a).T),
        ("religiosity", _wanted(a.wants_religiosity, b.religiosity) & _wanted(b.wants_religiosity, a.religiosity).T),
        ("sect", _wanted(a.wants_sect, b.sect) & _wanted(b.wants_sect, a.sect).T),
        ("hijab", _hijab(a, b) & _hijab(b, a).T),
    ):
        if removed is not None:
            removed[name] += int(np.count_nonzero(may & ~holds))
        may &= holds
    return may, kilometres


def distance_km(a: Members, b: Members) -> NDArray[np.float32]:
    """Great-circle kilometres by the haversine formula (Sinnott 1984), float32 of shape (len(a), len(b))."""
    lat_a, lat_b = np.radians(a.lat)[:, None], np.radians(b.lat)[None, :]
    half_lat = np.sin((lat_b - lat_a) / 2) ** 2
    half_lng = np.sin((np.radians(b.lng)[None, :] - np.radians(a.lng)[:, None]) / 2) ** 2
    chord = np.clip(half_lat + np.cos(lat_a) * np.cos(lat_b) * half_lng, 0.0, 1.0)
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(chord)), dtype=np.float32)


def _wanted(mask: NDArray[np.int8], code: NDArray[np.int8]) -> Block:
    """Whether each column's code is among each row's wanted ones; no wish is met by all, a wish by no missing value."""
    bit = np.where(code == MISSING, 0, np.left_shift(1, np.maximum(code, 0).astype(np.int16)))
    return np.asarray((mask[:, None] == 0) | ((mask[:, None].astype(np.int16) & bit[None, :]) != 0))


def _between(a: Members, b: Members) -> Block:
    return (b.age[None, :] >= a.age_min[:, None]) & (b.age[None, :] <= a.age_max[:, None])


def _within(a: Members, kilometres: NDArray[np.float32]) -> Block:
    """Each row's own limit; an unknown distance meets only "anywhere"."""
    return np.asarray((a.max_distance[:, None] >= NO_LIMIT) | (kilometres <= a.max_distance[:, None]))


def _children(a: Members, b: Members) -> Block:
    wish = a.wants_partner_children[:, None]
    return np.asarray((wish == MISSING) | (wish == b.children[None, :]))


def _hijab(a: Members, b: Members) -> Block:
    return np.asarray((a.requires_hijab[:, None] == 0) | (b.wears_hijab[None, :] == 1))
