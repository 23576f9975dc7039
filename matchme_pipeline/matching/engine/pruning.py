"""Groups of members that cannot be eligible for each other, decided by ages and places without examining pairs.

A bound covers one or more members: their ages, their age preferences, a ball on the unit sphere that contains their
places, and their longest distance. Two bounds are excluded if no pair between them can pass the filters of age and
distance. All other pairs are decided by the rule itself, so results do not depend on the grouping.
"""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.rules.jit import rule
from matchme_pipeline.matching.rules.member_records import Record, Records, with_attributes
from matchme_pipeline.matching.rules.members import Members

BOUND = np.dtype(
    [
        # The middle of the places and their farthest distance from it, as chords of the unit sphere.
        ("x", np.float64),
        ("y", np.float64),
        ("z", np.float64),
        ("radius", np.float64),
        # The longest distance as a chord; infinite if any distance is accepted.
        ("reach", np.float64),
        ("age_low", np.int32),
        ("age_high", np.int32),
        ("wanted_low", np.int32),
        ("wanted_high", np.int32),
    ]
)
Bounds = NDArray[np.void]
# Much larger than the rounding error of a chord: six millimetres.
_SLACK = 1e-9


def member_bounds(members: Records) -> Bounds:
    """A bound for each member; distance never excludes a member without a known place."""
    made = np.zeros(len(members), dtype=BOUND)
    known = ~np.isnan(members["x"])
    for axis in ("x", "y", "z"):
        made[axis] = np.where(known, members[axis], 0.0)
    made["radius"] = np.where(known, 0.0, np.inf)
    made["reach"] = np.where(members["anywhere"] != 0, np.inf, 2.0 * np.sqrt(members["reach"]))
    made["age_low"] = made["age_high"] = members["age"]
    made["wanted_low"], made["wanted_high"] = members["age_min"], members["age_max"]
    return with_attributes(made)


def group_bounds(bounds: Bounds, size: int) -> Bounds:
    """A bound for every `size` neighbours of these bounds of members."""
    starts = np.arange(0, len(bounds), size)
    made = np.zeros(len(starts), dtype=BOUND)
    if not len(starts):
        return made
    counts = np.diff(np.append(starts, len(bounds)))
    squares = np.zeros(len(bounds))
    for axis in ("x", "y", "z"):
        made[axis] = np.add.reduceat(bounds[axis], starts) / counts
        squares += (bounds[axis] - np.repeat(made[axis], counts)) ** 2
    made["radius"] = np.maximum.reduceat(np.sqrt(squares) + bounds["radius"], starts)
    made["reach"] = np.maximum.reduceat(bounds["reach"], starts)
    for low, high in (("age_low", "age_high"), ("wanted_low", "wanted_high")):
        made[low], made[high] = np.minimum.reduceat(bounds[low], starts), np.maximum.reduceat(bounds[high], starts)
    return with_attributes(made)


@rule
def cannot_meet(a: Record, b: Record) -> bool:
    """Does age or distance exclude every pair between two bounds?"""
    if a.wanted_high < b.age_low or a.wanted_low > b.age_high or b.wanted_high < a.age_low or b.wanted_low > a.age_high:
        return True
    dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
    apart = sqrt(dx * dx + dy * dy + dz * dz) - a.radius - b.radius
    return bool(apart > min(a.reach, b.reach) + _SLACK)


def pairs_of_ages(rows: Members, columns: Members, *, one_side: bool) -> int:
    """The number of pairs that meet both age preferences; `one_side`: both are the same members, and each pair counts
    once.
    """
    width = int(max(part.max(initial=0) for m in (rows, columns) for part in (m.age, m.age_min, m.age_max))) + 2
    admitted = _admitted(rows, width)
    if not one_side:
        return int((admitted * _admitted(columns, width).T).sum())
    themselves = np.count_nonzero((rows.age_min <= rows.age) & (rows.age <= rows.age_max))
    return (int((admitted * admitted.T).sum()) - int(themselves)) // 2


def _admitted(members: Members, width: int) -> NDArray[np.int64]:
    """How many members of each age (row) admit each age (column)."""
    steps = np.zeros((width, width), dtype=np.int64)
    able = members.age_min <= members.age_max
    np.add.at(steps, (members.age[able], np.maximum(members.age_min[able], 0)), 1)
    np.add.at(steps, (members.age[able], members.age_max[able].astype(np.int64) + 1), -1)
    return np.cumsum(steps, axis=1)
