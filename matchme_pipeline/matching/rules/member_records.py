"""Members as records for compiled code: all values of a member are adjacent in memory."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.rules.members import NO_LIMIT, Members
from matchme_pipeline.matching.rules.vocabulary import (
    EDUCATION_LABELS,
    MARITAL_LABELS,
    MISSING,
    RELIGIOSITY_LABELS,
    SECTS,
)
from matchme_pipeline.settings import UNKNOWN_MAY_BE_STRICT

EARTH_RADIUS_KM = 6_371.0088
# The importance of praying together, 1 to 10, for a member who has not stated it.
USUAL_CARE = 5
# The attributes of `is_` and `refuses` with their bits: one a code, the last for a missing value. Hijab has that alone.
ATTRIBUTES = {
    "education": len(EDUCATION_LABELS) + 1,
    "marital_status": len(MARITAL_LABELS) + 1,
    "children": 3,
    "religiosity": len(RELIGIOSITY_LABELS) + 1,
    "sect": len(SECTS) + 1,
    "hijab": 1,
}
_SHIFTS = np.cumsum([0, *ATTRIBUTES.values()])[:-1].tolist()
MASKS = tuple(((1 << width) - 1) << shift for width, shift in zip(ATTRIBUTES.values(), _SHIFTS, strict=True))

_STRICT_BIT = {name: bit for bit, name in enumerate(UNKNOWN_MAY_BE_STRICT)}

RECORD = np.dtype(
    [
        # The place on the unit sphere; NaN if unknown.
        ("x", np.float64),
        ("y", np.float64),
        ("z", np.float64),
        # The member's limit of distance as a haversine, and in kilometres.
        ("reach", np.float64),
        ("reach_km", np.float64),
        # The middle of the stated age range, and half of its width in years; 0 if none is stated.
        ("age_middle", np.float64),
        ("age_half", np.float64),
        # How much praying together matters, 0.1 to 1.
        ("care", np.float64),
        # The DNA score, 0-100; NaN without data.
        ("dna", np.float64),
        # How many insights the member has approved.
        ("approved", np.float64),
        # The bits of the attributes' values, and of the values that the member does not accept.
        ("is_", np.int64),
        ("refuses", np.int64),
        # For each attribute with a stated preference, the bit of the missing value.
        ("asks", np.int64),
        ("age", np.int32),
        ("age_min", np.int32),
        ("age_max", np.int32),
        ("religiosity", np.int32),
        ("family_values", np.int32),
        ("wants_children", np.int32),
        # Whether any distance is accepted, and whether the member has a vector.
        ("anywhere", np.int32),
        # Whether a partner's place must be known.
        ("needs_place", np.int32),
        ("has_vector", np.int32),
    ]
)
Records = NDArray[np.void]
# A single record; its fields are attributes in compiled code.
Record = Any


def records(
    members: Members,
    dna: NDArray[np.float32] | None = None,
    approved: NDArray[np.int32] | None = None,
    has_vector: NDArray[np.bool_] | None = None,
) -> Records:
    """The members as records; the last three arguments are not needed for the hard filters."""
    made = np.zeros(len(members), dtype=RECORD)
    latitude, longitude = np.radians(members.lat), np.radians(members.lng)
    made["x"] = np.cos(latitude) * np.cos(longitude)
    made["y"] = np.cos(latitude) * np.sin(longitude)
    made["z"] = np.sin(latitude)
    half_angle = np.clip(members.max_distance, 0.0, np.pi * EARTH_RADIUS_KM) / (2 * EARTH_RADIUS_KM)
    made["reach"] = np.sin(half_angle) ** 2
    made["reach_km"] = np.clip(members.max_distance, 1.0, NO_LIMIT)
    made["anywhere"] = members.max_distance >= NO_LIMIT
    made["needs_place"] = (made["anywhere"] == 0) & ((members.strict & 1) != 0)
    oldest = members.age_max.astype(np.float64)
    made["age_middle"] = (members.age_min + oldest) / 2
    made["age_half"] = np.where(members.states_age == 1, np.maximum(1.0, (oldest - members.age_min) / 2), 0.0)
    made["care"] = np.where(members.prayer_importance == MISSING, USUAL_CARE, members.prayer_importance) / 10
    for name in ("age", "age_min", "age_max", "religiosity", "family_values", "wants_children"):
        made[name] = getattr(members, name)
    made["dna"] = np.nan if dna is None else dna
    made["approved"] = 0 if approved is None else approved
    made["has_vector"] = 0 if has_vector is None else has_vector
    _set_bits(made, members)
    return with_attributes(made)


def with_attributes(made: Records) -> Records:
    """`made` with its fields as attributes of each record, also where rules run as plain Python."""
    # Imported here, because modules that read a constant of this one need no compiler.
    from numba import config

    return made.view(np.recarray) if config.DISABLE_JIT else made  # type: ignore[attr-defined]


def _set_bits(made: Records, members: Members) -> None:
    # A preference for a partner without children is a mask of one code.
    children = members.wants_partner_children.astype(np.int64)
    values = {
        "education": (members.education, members.wants_education),
        "marital_status": (members.marital, members.wants_marital),
        "children": (members.children, np.where(children == MISSING, 0, 1 << np.maximum(children, 0))),
        "religiosity": (members.religiosity, members.wants_religiosity),
        "sect": (members.sect, members.wants_sect),
        # Only "not known to wear one" has a bit; a required hijab rejects it.
        "hijab": (np.where(members.wears_hijab == 1, 1, MISSING), np.where(members.requires_hijab == 1, 2, 0)),
    }
    for (name, width), shift in zip(ATTRIBUTES.items(), _SHIFTS, strict=True):
        code, wanted = (column.astype(np.int64) for column in values[name])
        place = np.where(code == MISSING, width - 1, code)
        made["is_"] |= np.where(place < width, 1 << (place + shift), 0)
        missing = 1 << (width - 1)
        strict = (members.strict >> _STRICT_BIT[name]) & 1
        unwanted = np.where(wanted == 0, 0, ~wanted & ((1 << width) - 1))
        made["refuses"] |= np.where(strict == 1, unwanted, unwanted & ~missing) << shift
        made["asks"] |= np.where(wanted == 0, 0, missing) << shift
