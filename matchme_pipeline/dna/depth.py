"""Profile depth: how much of a profile is filled in, in five dimensions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matchme_pipeline.dna.fixed_point import Floats, Integers, micro
from matchme_pipeline.dna.text import normalise
from matchme_pipeline.dna.weights import DEPTH_DIMENSIONS, FULL_BIOGRAPHY_CHARACTERS, HALF_BIOGRAPHY_CHARACTERS

# Members who answered the religious questionnaire state their practice there.
_ELSEWHERE = {"practice_level": "prayer_frequency"}


@dataclass(frozen=True)
class Depth:
    """Per member: the strand in micro-points, each dimension's points (0-100), and the missing fields."""

    points: Integers
    dimensions: dict[str, Floats]
    missing: dict[str, NDArray[np.bool_]]


def depth(members: pd.DataFrame) -> Depth:
    """The mean of five dimensions: each is 100 · filled fields / its fields; the biography counts by its length.

    `members` is `Facts.members` after `resolve_religion`. A text without content ("prefer not to say"), an empty list
    and a height of zero or less are not filled.
    """
    missing = {}
    dimensions = {}
    for dimension, fields in DEPTH_DIMENSIONS.items():
        filled = np.zeros(len(members), dtype=np.float64)
        for field in fields:
            has = _filled(members[field])
            if field in _ELSEWHERE:
                has |= _filled(members[_ELSEWHERE[field]])
            missing[field] = ~has
            filled += has
        dimensions[dimension] = 100.0 * filled / len(fields)
    biography = np.array([_biography(bio) for bio in members["bio"]], dtype=np.float64)
    dimensions["personality"] = biography
    missing["bio"] = biography < 100.0
    total = np.sum(list(dimensions.values()), axis=0) if len(members) else np.zeros(0)
    return Depth(micro(total / len(dimensions)), dimensions, missing)


def _filled(column: pd.Series) -> NDArray[np.bool_]:
    values = np.asarray(column, dtype=object)
    try:
        codes, distinct = pd.factorize(values)
    except TypeError:
        # Lists are not hashable.
        return np.fromiter((is_filled(value) for value in values), dtype=bool, count=len(values))
    states = np.array([*(is_filled(value) for value in distinct), False], dtype=bool)
    return states[codes]


def is_filled(value: Any) -> bool:
    """Does a profile's value state something?"""
    if value is None or value is pd.NA:
        return False
    if isinstance(value, str):
        return normalise(value) is not None
    if isinstance(value, list | tuple):
        return any(is_filled(item) for item in value)
    if isinstance(value, bool | np.bool_):
        return True
    # A number; NaN and impossible heights state nothing.
    return bool(value > 0)


def _biography(bio: Any) -> float:
    characters = len(" ".join(bio.split())) if isinstance(bio, str) else 0
    if characters > FULL_BIOGRAPHY_CHARACTERS:
        return 100.0
    return 50.0 if characters > HALF_BIOGRAPHY_CHARACTERS else 0.0
