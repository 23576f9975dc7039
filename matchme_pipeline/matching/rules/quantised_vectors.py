"""Member vectors as integers, so that a similarity does not depend on how it is computed.

A float32 sum depends on its order, hence on block size, number of threads and processor. Near a tie, that would decide
whom members see. Therefore a unit vector is stored in steps of 1/32,000: its entries fit 16 bits, and no partial sum of
a dot product exceeds 2^30 (Cauchy-Schwarz), so 32 bits hold it exactly in any order. Rounding changes a cosine by about
1e-5, a five-thousandth of the typical difference between pairs. Integers also take half the memory of float32 and are
twice as fast.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.rules.jit import rule

STEPS = 32_000
_ROWS_AT_ONCE = 2_048
_WIDTH_STEP = 32
# A shorter vector is only rounding error.
_MIN_NORM = 1e-6


@dataclass(frozen=True)
class MemberVectors:
    """`quantised`: int16 (members, dimensions), entries in steps of 1/32,000; zeros for members without a vector."""

    quantised: NDArray[np.int16]

    def known(self) -> NDArray[np.bool_]:
        """Which members have a vector?"""
        return np.concatenate(
            [np.zeros(0, dtype=bool), *(self.quantised[block].any(axis=1) for block in _blocks(self.quantised))]
        )

    def rows(self, where: slice | NDArray[np.intp]) -> "MemberVectors":
        """The vectors of the members at these positions."""
        return MemberVectors(self.quantised[where])


@dataclass(frozen=True)
class VectorRows:
    """Members' vectors: that of member m is the row row_of[m] of `vectors` (-1: none), float32 (rows, dimensions).

    A second copy of all vectors in the members' order would double what a large population takes.
    """

    vectors: NDArray[np.float32]
    row_of: NDArray[np.intp]

    def block(self, members: slice) -> NDArray[np.float32]:
        """The vectors of these members; zeros for members without one."""
        own = self.row_of[members]
        made = np.zeros((len(own), self.vectors.shape[1]), dtype=np.float32)
        made[own >= 0] = self.vectors[own[own >= 0]]
        return made

    def blocks(self) -> list[slice]:
        """All members, a part at a time."""
        return _blocks(self.row_of)


def centre_of(vectors: VectorRows) -> NDArray[np.float64]:
    """The mean of the non-zero rows, float64 (dimensions)."""
    count, total = 0, np.zeros(vectors.vectors.shape[1])
    for members in vectors.blocks():
        block = vectors.block(members)
        count += int(np.count_nonzero(block.any(axis=1)))
        total += block.sum(axis=0, dtype=np.float64)
    return total / max(count, 1)


def centred(vectors: VectorRows, centre: NDArray[np.float64]) -> MemberVectors:
    """Vectors without their common direction, at unit length, quantised; members without a vector keep zeros.

    Sentence vectors share a large common part; without it similarity distinguishes members better (Mu and Viswanath
    2018, "All-but-the-Top"). `centre`: the common part.
    """
    quantised = np.zeros((len(vectors.row_of), vectors.vectors.shape[1]), dtype=np.int16)

    def hold(members: slice) -> None:
        block = vectors.block(members)
        known = np.asarray(block.any(axis=1))
        moved = np.where(known[:, None], block - centre, 0.0)
        lengths = np.linalg.norm(moved, axis=1, keepdims=True)
        moved *= np.divide(STEPS, lengths, out=np.zeros_like(lengths), where=lengths > _MIN_NORM)
        quantised[members] = np.rint(moved)

    # NumPy releases the interpreter lock meanwhile; blocks are independent.
    with ThreadPoolExecutor() as pool:
        for _ in pool.map(hold, vectors.blocks()):
            pass
    return MemberVectors(_in_own_width(quantised))


def _in_own_width(quantised: NDArray[np.int16]) -> NDArray[np.int16]:
    """The vectors without unused dimensions at the end: the offline model fills 512 of 1,536."""
    used = np.zeros(quantised.shape[1], dtype=bool)
    for block in _blocks(quantised):
        used |= quantised[block].any(axis=0)
    width = int(np.max(np.flatnonzero(used), initial=0)) + 1
    # Whole strides of the processor's vector instructions.
    width = -(-width // _WIDTH_STEP) * _WIDTH_STEP
    return quantised if width >= quantised.shape[1] else np.ascontiguousarray(quantised[:, :width])


@rule
def cosine(a: NDArray[np.int16], i: int, b: NDArray[np.int16], j: int) -> float:
    """The cosine of the quantised vectors a[i] and b[j]."""
    total = np.int32(0)
    for d in range(a.shape[1]):
        total = np.int32(total + np.int32(np.int32(a[i, d]) * np.int32(b[j, d])))
    return total / (STEPS * STEPS)


def _blocks(rows: NDArray[Any]) -> list[slice]:
    return [slice(begin, begin + _ROWS_AT_ONCE) for begin in range(0, len(rows), _ROWS_AT_ONCE)]
