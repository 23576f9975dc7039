"""Content originality: how much a member's items differ from all others', exact over the whole population."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matchme_pipeline.dna.fixed_point import MICRO, Floats, Integers, micro, share_below
from matchme_pipeline.dna.weights import MIN_OTHER_ITEMS, MIN_OWN_ITEMS, NEUTRAL

# Components of unit vectors as multiples of 2**-40: integers whose sums in int64 are exact, so that neither the order
# of items nor the size of chunks affects a score. The rounding error of a similarity, below 1e-12, is far below the six
# stored decimals.
_BITS = 40
_MAX_ITEMS = 2 ** (63 - _BITS) - 1
_LIMB = 17
# Rows processed at once: they stay in the processor's cache.
_BLOCK = 128


class ItemSums:
    """Per member (rows in the population's order) the sum of their items' unit vectors, int64 in units of 2**-40.

    `sums` takes 12 KB a member at 1,536 dimensions; `items` counts a member's items, `unusable` the vectors of length
    zero or not finite.
    """

    def __init__(self, members: int, dimensions: int) -> None:
        self.sums: NDArray[np.int64] = np.zeros((members, dimensions), dtype=np.int64)
        self.items: NDArray[np.int64] = np.zeros(members, dtype=np.int64)
        self.unusable = 0

    def add(self, member: Integers, vectors: NDArray[np.float32], row: Integers | None = None) -> None:
        """Add one chunk of items: item i is `vectors[row[i]]` (without `row`: `vectors[i]`), of member `member[i]`.

        Positions of members are the population's; position -1 is ignored.

        Raises OverflowError from 8,388,608 items on, because a sum might overflow.
        """
        if int(self.items.sum()) + len(member) > _MAX_ITEMS:
            raise OverflowError(f"originality adds up to {_MAX_ITEMS} items")
        order = np.flatnonzero(member >= 0)
        order = order[np.argsort(member[order], kind="stable")]
        for start in range(0, len(order), _BLOCK):
            rows = order[start : start + _BLOCK]
            exact = vectors[rows if row is None else row[rows]].astype(np.float64)
            # Row by row over contiguous memory: a row's norm does not depend on the rows beside it.
            lengths = np.sqrt(np.einsum("ij,ij->i", exact, exact))
            usable = np.isfinite(lengths) & (lengths > 0)
            if not usable.all():
                self.unusable += int((~usable).sum())
                rows, exact, lengths = rows[usable], exact[usable], lengths[usable]
            if not len(rows):
                continue
            exact *= (2.0**_BITS / lengths)[:, None]
            np.rint(exact, out=exact)
            owners, first, counts = np.unique(member[rows], return_index=True, return_counts=True)
            # Whole numbers below 2**47: float64 adds a block of them exactly.
            self.sums[owners] += np.add.reduceat(exact, first, axis=0).astype(np.int64)
            self.items[owners] += counts


def originality(user_ids: pd.Series, sums: ItemSums) -> pd.DataFrame:
    """100 · (1 - mean cosine similarity of the member's items to everyone else's items), clipped to 0-100.

    With unit vectors the mean over all pairs is a dot product: own · (total - own) / (m · (M - m)) for m own of M
    items. Fewer than three own or ten other items: 50, not measured. Returns `user_id`, `score` and `percentile`
    (0-100, six decimals; the share of measured members who are less original, missing where not measured),
    `mean_similarity`, `own_items`, `other_items`, `measured`, in the order of `user_ids`.
    """
    own = sums.items
    other = int(own.sum()) - own
    measured = (own >= MIN_OWN_ITEMS) & (other >= MIN_OTHER_ITEMS)
    similarity = np.full(len(own), np.nan)
    similarity[measured] = _dot_with_others(sums, measured) / (own[measured] * other[measured])
    points = micro(np.where(measured, 100.0 * (1.0 - similarity), NEUTRAL))
    percentile = np.full(len(own), np.nan)
    below, _ = share_below(points[measured])
    percentile[measured] = micro(100.0 * below / max(1, len(below))) / MICRO
    return pd.DataFrame(
        {
            "user_id": np.asarray(user_ids, dtype=object),
            "score": points / MICRO,
            "percentile": percentile,
            "mean_similarity": np.round(similarity, 8),
            "own_items": own,
            "other_items": other,
            "measured": measured,
        }
    )


def _dot_with_others(sums: ItemSums, measured: NDArray[np.bool_]) -> Floats:
    """own · (total - own) of each measured member, rounded once, from exact integer products.

    Numbers are split into limbs of 17 bits, whose products over 1,536 dimensions stay below 2**53: BLAS adds them
    exactly in any order.
    """
    total = _limbs(sums.sums.sum(axis=0))
    total_limbs = np.stack(total, axis=1)
    members = np.flatnonzero(measured)
    dots = np.zeros(len(members), dtype=np.float64)
    for start in range(0, len(members), _BLOCK):
        rows = members[start : start + _BLOCK]
        own = _limbs(sums.sums[rows])
        by_weight = np.zeros((len(rows), len(own) + max(len(own), len(total))), dtype=np.int64)
        for i, a in enumerate(own):
            by_weight[:, i : i + len(total)] += (a @ total_limbs).astype(np.int64)
            for j, b in enumerate(own):
                by_weight[:, i + j] -= np.einsum("ij,ij->i", a, b).astype(np.int64)
        exact = np.zeros(len(rows), dtype=object)
        for weight in range(by_weight.shape[1]):
            exact += by_weight[:, weight].astype(object) << (_LIMB * weight)
        dots[start : start + _BLOCK] = [value / 2 ** (2 * _BITS) for value in exact]
    return dots


def _limbs(numbers: NDArray[np.int64]) -> list[Floats]:
    """Signed integers as sums of float64 limbs, lowest first; every limb but the last lies in [0, 2**17)."""
    limbs = []
    rest = numbers
    while rest.size and (rest.max() >= 2 ** (_LIMB - 1) or rest.min() < -(2 ** (_LIMB - 1))):
        limbs.append((rest & (2**_LIMB - 1)).astype(np.float64))
        rest = rest >> _LIMB
    return [*limbs, rest.astype(np.float64)]
