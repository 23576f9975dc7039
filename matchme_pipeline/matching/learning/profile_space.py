"""Members' vectors in the few directions in which members truly differ; pure.

A member vector has hundreds of dimensions. What members share with others (interests, values) varies along a few
dozen; the rest is the wording of single texts. Principal components whose variance exceeds that of pure noise
(Marchenko and Pastur 1967) are kept. Each is scaled to equal variance, so that a common interest does not outweigh
a rarer one, and multiplied by its reliability, the cosine between the sample's direction and the true one (Johnstone
2001, Paul 2007). Where noise is independent, the cosine in this space tells more than that of whole vectors; where
it is not, it can tell less. Therefore the pair model has both as features.
"""

import numpy as np
from numpy.typing import NDArray

MAX_DIRECTIONS = 64
# The directions are computed from at most this many members, evenly spaced: more would change them by less than
# pairs differ.
_SAMPLED = 20_000
_ROWS_AT_ONCE = 8_192
_PAIRS_AT_ONCE = 200_000
_MAX_ROUNDS = 50
# A shorter projection, or a smaller share of the largest variance, is only rounding error.
_MIN_NORM = 1e-6


def main_profiles(quantised: NDArray[np.int16]) -> NDArray[np.float32]:
    """Members' centred vectors as unit vectors of main directions, float32 (members, directions).

    `quantised`: the rows of that name of `MemberVectors`. A member without a vector has zeros in both; if no direction
    exceeds the noise, every member has.
    """
    # A matrix product depends on the number of threads in its last digits; the result must not.
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    known = np.flatnonzero(quantised.any(axis=1))
    if not len(known):
        return np.zeros((len(quantised), 1), dtype=np.float32)
    with threadpool_limits(1):
        directions = _directions(quantised[_evenly(known)])
        blocks = range(0, len(quantised), _ROWS_AT_ONCE)
        profiles = np.concatenate([quantised[begin : begin + _ROWS_AT_ONCE] @ directions for begin in blocks])
    lengths = np.linalg.norm(profiles, axis=1, keepdims=True)
    units = np.divide(profiles, lengths, out=np.zeros_like(profiles), where=lengths > _MIN_NORM)
    return np.asarray(units, dtype=np.float32)


def _directions(quantised: NDArray[np.int16]) -> NDArray[np.float64]:
    """The scaled main directions as columns, the largest last; one column of zeros if there are none."""
    rows = quantised.astype(np.float64)
    variances, directions = np.linalg.eigh(rows.T @ rows / len(rows))
    variances = np.maximum(variances, 0)
    noise, ratio = _noise(variances, len(rows)), rows.shape[1] / len(rows)
    main = np.flatnonzero(variances > noise * _edge(ratio))[-MAX_DIRECTIONS:]
    if not len(main):
        return np.zeros((rows.shape[1], 1))
    # The true variance of a direction in units of the noise, from the sample's (Baik and Silverstein 2006).
    beyond = variances[main] / noise - 1 - ratio
    spike = (beyond + np.sqrt(np.maximum(beyond**2 - 4 * ratio, 0))) / 2
    reliability = np.sqrt(np.maximum(1 - ratio / spike**2, 0) / (1 + ratio / spike))
    return np.asarray(directions[:, main] * reliability / np.sqrt(variances[main]))


def _noise(variances: NDArray[np.float64], members: int) -> float:
    """The variance of noise: the mean of the variances that do not exceed what noise of this mean would reach."""
    edge = _edge(len(variances) / members)
    noise = float(variances.mean())
    for _ in range(_MAX_ROUNDS):
        below = variances[variances <= noise * edge]
        mean = float(below.mean()) if len(below) else 0.0
        if mean == noise:
            break
        noise = mean
    return max(noise, _MIN_NORM * float(variances.max()))


def _edge(ratio: float) -> float:
    """The largest variance of pure noise of variance 1, for `ratio` dimensions a member."""
    return float((1 + np.sqrt(ratio)) ** 2)


def _evenly(known: NDArray[np.intp]) -> NDArray[np.intp]:
    return known[np.linspace(0, len(known) - 1, min(len(known), _SAMPLED)).astype(np.intp)]


def profile_similarity(
    profiles: NDArray[np.float32], a: NDArray[np.integer], b: NDArray[np.integer]
) -> NDArray[np.float32]:
    """The similarity of pairs' main profiles: 1 for equal, 0 for opposite ones, 0.5 without a vector."""
    similarity = np.empty(len(a), dtype=np.float32)
    for begin in range(0, len(a), _PAIRS_AT_ONCE):
        rows = slice(begin, begin + _PAIRS_AT_ONCE)
        similarity[rows] = (1 + np.einsum("ij,ij->i", profiles[a[rows]], profiles[b[rows]])) / 2
    return np.clip(similarity, 0, 1, out=similarity)
