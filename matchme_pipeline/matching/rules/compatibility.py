"""How well two members suit each other: 0 to 100, the same from both sides, every part of it named.

score = 40 x similarity + 20 x preferences + 35 x shared + 5 x dna, each factor in [0, 1]. The factors are scalar
functions that numba compiles: candidates and explanations are computed by the same words.
"""

from dataclasses import dataclass
from math import asin, exp, isnan, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.rules.eligibility import haversine, unknown_asked
from matchme_pipeline.matching.rules.jit import entry, rule
from matchme_pipeline.matching.rules.member_records import EARTH_RADIUS_KM, Record, Records, records
from matchme_pipeline.matching.rules.members import Members
from matchme_pipeline.matching.rules.quantised_vectors import STEPS, MemberVectors, cosine
from matchme_pipeline.matching.rules.shared_insights import Themes
from matchme_pipeline.matching.rules.unknown_values import UNKNOWN_COST
from matchme_pipeline.matching.rules.vocabulary import MISSING
from matchme_pipeline.matching.rules.weights import FULL_OVERLAP, NEUTRAL, WEIGHTS

SIMILARITY, PREFERENCES, SHARED, DNA = WEIGHTS.values()
# The logistic function with this slope stays within 0.01 of the normal distribution's (Bowling et al. 2009), which
# turns a z-score into a share of the population.
LOGISTIC_SLOPE = 1.702


class Calibration(NamedTuple):
    """Mean and standard deviation of the cosine similarity over eligible pairs with two vectors."""

    mean: float
    deviation: float


@dataclass(frozen=True)
class Profiles:
    """What is known of members, row by row as in `Members`; `dna`: scores 0-100, NaN in seed state."""

    members: Members
    vectors: MemberVectors
    themes: Themes
    dna: NDArray[np.float32]

    def rows(self, where: slice | NDArray[np.intp]) -> "Profiles":
        """The profiles at these positions."""
        return Profiles(self.members.rows(where), self.vectors.rows(where), self.themes.rows(where), self.dna[where])

    def records(self) -> Records:
        """The members as the rules look at them."""
        return records(self.members, self.dna, self.themes.size, self.vectors.known())


@rule
def weighted(similarity: float, preferences: float, shared: float, dna: float) -> float:
    """The score: the weighted sum of the factors, 0 to 100."""
    return SIMILARITY * similarity + PREFERENCES * preferences + SHARED * shared + DNA * dna


@rule
def similarity_factor(a: Record, b: Record, likeness: float, mean: float, deviation: float) -> float:
    """The share of eligible pairs less alike than `likeness`, the cosine: a logistic curve over the z-score."""
    if not (a.has_vector and b.has_vector):
        return NEUTRAL
    return 1.0 / (1.0 + exp(-LOGISTIC_SLOPE * (likeness - mean) / deviation))


@rule
def preferences_factor(a: Record, b: Record) -> float:
    """How well each suits the other's soft wishes: the harmonic mean of both sides' liking, 2xy / (x + y).

    High only where both like each other (Pizzato et al. 2010, RECON, reciprocal recommenders).
    """
    apart = haversine(a, b)
    # Said so that an unknown distance stays NaN.
    kilometres = 2 * EARTH_RADIUS_KM * asin(sqrt(1.0 if apart > 1.0 else apart))
    x, y = liking(a, b, kilometres), liking(b, a, kilometres)
    return 2 * x * y / (x + y) if x + y > 0 else 0.0


@rule
def liking(a: Record, b: Record, kilometres: float) -> float:
    """How far `b` meets the soft wishes of `a`, 0 to 1: the mean of what is known of five wishes.

    What `a` asks for and `b` has not stated takes UNKNOWN_COST of it each.
    """
    total = 0.0
    known = 0
    # At the edge of the age range, or of the reach, a wish is still half met. No stated range is no wish.
    if a.age_half > 0:
        total += 1.0 - 0.5 * min(1.0, abs(b.age - a.age_middle) / a.age_half)
        known += 1
    if not isnan(kilometres):
        total += 1.0 - 0.5 * min(1.0, kilometres / a.reach_km)
        known += 1
    if a.religiosity != MISSING and b.religiosity != MISSING:
        # The more praying together matters to somebody, the more a difference in practice costs.
        total += 1.0 - a.care * abs(a.religiosity - b.religiosity) / 4
        known += 1
    if a.family_values != MISSING and b.family_values != MISSING:
        total += 1.0 - abs(a.family_values - b.family_values) / 2
        known += 1
    if a.wants_children != MISSING and b.wants_children != MISSING:
        total += 1.0 if a.wants_children == b.wants_children else 0.0
        known += 1
    met = total / known if known else NEUTRAL
    return float(met * (1.0 - UNKNOWN_COST * unknown_asked(a, b, kilometres)))


@rule
def shared_factor(a: Record, b: Record, both: int) -> float:
    """The overlap of approved insights where `both` approved so many, |A and B| / sqrt(|A| |B|) (Ochiai 1957).

    An overlap of FULL_OVERLAP or more counts as 1, less in proportion.
    """
    return min(1.0, both / sqrt(a.approved * b.approved) / FULL_OVERLAP) if both > 0 else 0.0


@rule
def dna_factor(a: Record, b: Record) -> float:
    """1 - |difference| / 100 of DNA scores; neutral where one side has no score yet."""
    closeness = 1.0 - abs(a.dna - b.dna) / 100.0
    return NEUTRAL if isnan(closeness) else closeness


@rule
def in_common(themes: NDArray[np.uint64], i: int, j: int) -> int:
    """How many insights members i and j have both approved."""
    both = 0
    for word in range(themes.shape[1]):
        bits = themes[i, word] & themes[j, word]
        while bits != np.uint64(0):
            bits &= bits - np.uint64(1)
            both += 1
    return both


@entry
def factors_of_pairs(
    members: Records,
    held: NDArray[np.int16],
    themes: NDArray[np.uint64],
    a: NDArray[np.intp],
    b: NDArray[np.intp],
    calibration: Calibration,
) -> NDArray[np.float64]:
    """The factors of the pairs (a[n], b[n]) in the order of WEIGHTS, (pairs, 4)."""
    values = np.empty((len(a), 4))
    for n in range(len(a)):
        i, j = a[n], b[n]
        one, other = members[i], members[j]
        likeness = cosine(held, i, held, j)
        values[n, 0] = similarity_factor(one, other, likeness, calibration.mean, calibration.deviation)
        values[n, 1] = preferences_factor(one, other)
        values[n, 2] = shared_factor(one, other, in_common(themes, i, j))
        values[n, 3] = dna_factor(one, other)
    return values


def factors(
    profiles: Profiles, a: NDArray[np.intp], b: NDArray[np.intp], calibration: Calibration
) -> NDArray[np.float64]:
    """The factors of the pairs of positions (a[n], b[n]) in the order of WEIGHTS, float64 (pairs, 4) in [0, 1]."""
    return np.asarray(
        factors_of_pairs(profiles.records(), profiles.vectors.held, profiles.themes.bits, a, b, calibration)
    )


def score(factors: NDArray[np.float64]) -> NDArray[np.float32]:
    """The scores, 0 to 100, of pairs whose `factors` are given."""
    similarity, preferences, shared, dna = factors.T
    return np.asarray(
        SIMILARITY * similarity + PREFERENCES * preferences + SHARED * shared + DNA * dna, dtype=np.float32
    )


def cosines(a: Profiles, b: Profiles) -> NDArray[np.float64]:
    """Cosine similarity of members' vectors, (len(a), len(b)); NaN where one of the two has none."""
    known = a.vectors.known()[:, None] & b.vectors.known()[None, :]
    product = a.vectors.held.astype(np.float64) @ b.vectors.held.astype(np.float64).T
    return np.where(known, product / STEPS**2, np.nan)
