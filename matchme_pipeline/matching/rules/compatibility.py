"""The compatibility score of two members: 0 to 100, equal from both sides, with all its factors.

The score is the sum of the factors, each in [0, 1], times their WEIGHTS. The factors are scalar functions that numba
compiles: candidates and explanations use the same functions.
"""

from dataclasses import dataclass
from math import asin, exp, isnan, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.rules.eligibility import haversine, unknown_asked
from matchme_pipeline.matching.rules.jit import entry, plain, rule
from matchme_pipeline.matching.rules.member_records import ATTRIBUTES, EARTH_RADIUS_KM, Record, Records, records
from matchme_pipeline.matching.rules.members import Members
from matchme_pipeline.matching.rules.quantised_vectors import STEPS, MemberVectors, cosine
from matchme_pipeline.matching.rules.shared_insights import Themes
from matchme_pipeline.matching.rules.vocabulary import MISSING
from matchme_pipeline.matching.rules.weights import FULL_OVERLAP, NEUTRAL, USUAL_AGE_GAP_YEARS, WEIGHTS

SIMILARITY, AGE, DISTANCE, PRACTICE, FAMILY, CHILDREN, STATED, SHARED, DNA = WEIGHTS.values()
SOFT_PREFERENCE_POINTS = AGE + DISTANCE + PRACTICE + FAMILY + CHILDREN + STATED
# Those of the records, and the distance.
UNKNOWN_ATTRIBUTES = len(ATTRIBUTES) + 1
FACTORS = len(WEIGHTS)
# The logistic function with this slope differs by less than 0.01 from the normal distribution function (Bowling et al.
# 2009), which turns a z-score into a percentile.
LOGISTIC_SLOPE = 1.702


class Calibration(NamedTuple):
    """Mean and standard deviation of the cosine similarity over eligible pairs with two vectors."""

    mean: float
    deviation: float


@dataclass(frozen=True)
class Profiles:
    """Members' data, row by row as in `Members`; `dna`: scores 0-100, NaN without data."""

    members: Members
    vectors: MemberVectors
    themes: Themes
    dna: NDArray[np.float32]

    def rows(self, where: slice | NDArray[np.intp]) -> "Profiles":
        """The profiles at these positions."""
        return Profiles(self.members.rows(where), self.vectors.rows(where), self.themes.rows(where), self.dna[where])

    def records(self) -> Records:
        """The members as records for the rules."""
        return records(self.members, self.dna, self.themes.size, self.vectors.known())


@rule
def weighted(similarity: float, soft_preferences: float, shared: float, dna: float) -> float:
    """The score: the weighted sum of the factors, 0 to 100; `soft_preferences` is their sum of points."""
    return SIMILARITY * similarity + soft_preferences + SHARED * shared + DNA * dna


@rule
def similarity_factor(a: Record, b: Record, likeness: float, mean: float, deviation: float) -> float:
    """The share of eligible pairs with a lower similarity than `likeness`, the cosine: a logistic curve over the
    z-score.
    """
    if not (a.has_vector and b.has_vector):
        return NEUTRAL
    return 1.0 / (1.0 + exp(-LOGISTIC_SLOPE * (likeness - mean) / deviation))


@rule
def soft_preference_points(a: Record, b: Record) -> float:
    """The points of two members' soft preferences, 0 to SOFT_PREFERENCE_POINTS."""
    age, distance, practice, family_values, children, stated = soft_preference_factors(a, b)
    return weighted_soft_preferences(age, distance, practice, family_values, children, stated)


@rule
def weighted_soft_preferences(
    age: float, distance: float, practice: float, family_values: float, children: float, stated: float
) -> float:
    """The weighted sum of the soft preferences, 0 to SOFT_PREFERENCE_POINTS."""
    return (
        AGE * age
        + DISTANCE * distance
        + PRACTICE * practice
        + FAMILY * family_values
        + CHILDREN * children
        + (STATED * stated)
    )


@rule
def soft_preference_factors(a: Record, b: Record) -> tuple[float, float, float, float, float, float]:
    """How well each member fits the other's soft preferences, in the order of SOFT_PREFERENCES; NEUTRAL if unknown.

    The harmonic mean combines both sides; it is high only if both sides are (Pizzato et al. 2010, RECON, reciprocal
    recommenders).
    """
    apart = haversine(a, b)
    # Written so that an unknown distance stays NaN.
    kilometres = 2 * EARTH_RADIUS_KM * asin(sqrt(1.0 if apart > 1.0 else apart))
    family_values, children = NEUTRAL, NEUTRAL
    if a.family_values != MISSING and b.family_values != MISSING:
        family_values = 1.0 - abs(a.family_values - b.family_values) / 2
    if a.wants_children != MISSING and b.wants_children != MISSING:
        children = 1.0 if a.wants_children == b.wants_children else 0.0
    stated = 1.0 - (unknown_asked(a, b, kilometres) + unknown_asked(b, a, kilometres)) / (2 * UNKNOWN_ATTRIBUTES)
    return (
        both(age_fit(a, b), age_fit(b, a)),
        both(distance_fit(a, kilometres), distance_fit(b, kilometres)),
        both(practice_fit(a, b), practice_fit(b, a)),
        family_values,
        children,
        stated,
    )


@rule
def both(x: float, y: float) -> float:
    """The harmonic mean of both sides' liking, 2xy / (x + y)."""
    return 2 * x * y / (x + y) if x + y > 0 else 0.0


@rule
def age_fit(a: Record, b: Record) -> float:
    """1 at the middle of the age range that `a` states, 0 at its ends; without a range, centred on the age of `a`."""
    if a.age_half > 0:
        return float(max(0.0, 1.0 - abs(b.age - a.age_middle) / a.age_half))
    return float(max(0.0, 1.0 - abs(b.age - a.age) / USUAL_AGE_GAP_YEARS))


@rule
def distance_fit(a: Record, kilometres: float) -> float:
    """1 at the same place, 0 at the maximum distance of `a`; for any distance, 0.5 at the other side of the world."""
    if isnan(kilometres):
        return NEUTRAL
    share = min(1.0, kilometres / a.reach_km)
    return float(1.0 - 0.5 * share if a.anywhere else 1.0 - share)


@rule
def practice_fit(a: Record, b: Record) -> float:
    """The more praying together matters to `a`, the more a difference in practice costs."""
    if a.religiosity == MISSING or b.religiosity == MISSING:
        return NEUTRAL
    return float(max(0.0, 1.0 - a.care * abs(a.religiosity - b.religiosity) / 2))


@rule
def shared_factor(a: Record, b: Record, both: int) -> float:
    """The overlap of approved insights with `both` common ones, |A and B| / sqrt(|A| |B|) (Ochiai 1957).

    An overlap of FULL_OVERLAP or more counts as 1, less in proportion.
    """
    return min(1.0, both / sqrt(a.approved * b.approved) / FULL_OVERLAP) if both > 0 else 0.0


@rule
def dna_factor(a: Record, b: Record) -> float:
    """1 - |difference| / 100 of DNA scores; neutral if one side has no score yet."""
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
    quantised: NDArray[np.int16],
    themes: NDArray[np.uint64],
    a: NDArray[np.intp],
    b: NDArray[np.intp],
    calibration: Calibration,
) -> NDArray[np.float64]:
    """The factors of the pairs (a[n], b[n]) in the order of WEIGHTS, (pairs, factors)."""
    values = np.empty((len(a), FACTORS))
    for n in range(len(a)):
        i, j = a[n], b[n]
        one, other = members[i], members[j]
        likeness = cosine(quantised, i, quantised, j)
        values[n, 0] = similarity_factor(one, other, likeness, calibration.mean, calibration.deviation)
        soft_preferences = soft_preference_factors(one, other)
        for wish in range(len(soft_preferences)):
            values[n, 1 + wish] = soft_preferences[wish]
        values[n, FACTORS - 2] = shared_factor(one, other, in_common(themes, i, j))
        values[n, FACTORS - 1] = dna_factor(one, other)
    return values


def factors(
    profiles: Profiles, a: NDArray[np.intp], b: NDArray[np.intp], calibration: Calibration
) -> NDArray[np.float64]:
    """The factors of the pairs of positions (a[n], b[n]) in the order of WEIGHTS, float64 (pairs, factors)."""
    return np.asarray(
        factors_of_pairs(profiles.records(), profiles.vectors.quantised, profiles.themes.bits, a, b, calibration)
    )


def score(factors: NDArray[np.float64]) -> NDArray[np.float32]:
    """The scores, 0 to 100, of pairs with the given `factors`."""
    similarity, age, distance, practice, family_values, children, stated, shared, dna = factors.T
    # Calls the compiled rule, so that rounding is equal.
    soft_preferences = plain(weighted_soft_preferences)(age, distance, practice, family_values, children, stated)
    return np.asarray(plain(weighted)(similarity, soft_preferences, shared, dna), dtype=np.float32)


def cosines(a: Profiles, b: Profiles) -> NDArray[np.float64]:
    """Cosine similarity of members' vectors, (len(a), len(b)); NaN if either has none."""
    known = a.vectors.known()[:, None] & b.vectors.known()[None, :]
    product = a.vectors.quantised.astype(np.float64) @ b.vectors.quantised.astype(np.float64).T
    return np.where(known, product / STEPS**2, np.nan)
