"""Fixed-point arithmetic: a score has the same digits in whatever order its parts are added.

Strands are kept in micro-points (0 to 100,000,000 for 0 to 100). Sums of floats differ in their last bits with the
order of their terms. Rounding to micro-points removes these bits; a small offset makes exact halves, such as 0.1953125,
always round up.
"""

import numpy as np
from numpy.typing import NDArray

MICRO = 1_000_000
FULL = 100 * MICRO
# Much larger than the rounding error of a float64 sum, much smaller than the difference between two fractions.
_OFFSET = 1e-10

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


def micro(points: Floats) -> Integers:
    """Points (0-100, clipped) as micro-points, halves up."""
    return np.floor((np.clip(points, 0.0, 100.0) + _OFFSET) * MICRO + 0.5).astype(np.int64)


def divide_half_up(numerator: Integers, denominator: Integers | int) -> Integers:
    """Non-negative integers divided and rounded, halves up, without a float in between."""
    quotient: Integers = (2 * numerator + denominator) // (2 * np.asarray(denominator, dtype=np.int64))
    return quotient


def share_below(values: Integers) -> tuple[Integers, Integers]:
    """For each value: how many of `values` are smaller, and how many others are equal."""
    ordered = np.sort(values)
    below = np.searchsorted(ordered, values, side="left")
    upto = np.searchsorted(ordered, values, side="right")
    return below.astype(np.int64), (upto - below - 1).astype(np.int64)


def distinct(values: Integers) -> Integers:
    """The distinct values, in order. NumPy's `unique` hashes and is slow on such keys."""
    ordered = np.sort(values, kind="stable")
    return ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))] if len(ordered) else ordered
