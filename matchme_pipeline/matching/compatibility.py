"""How well two members suit each other: 0 to 100, the same from both sides, every part of it named.

score = 40 x similarity + 25 x preferences + 25 x shared + 10 x dna, each factor in [0, 1].
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.members import NO_LIMIT, Members
from matchme_pipeline.matching.vocabulary import MISSING

ALGORITHM_VERSION = "c1"
# What members wrote says most; what they wish for and what they have approved of themselves weigh the same; DNA
# scores add a little for members of similar rarity.
WEIGHTS = {"similarity": 40.0, "preferences": 25.0, "shared": 25.0, "dna": 10.0}
# A factor of which nothing is known counts as average: unknown is neither a merit nor a fault.
NEUTRAL = 0.5
# The logistic function with this slope stays within 0.01 of the normal distribution's (Bowling et al. 2009), which
# turns a z-score into a share of the population.
LOGISTIC_SLOPE = 1.702

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Profiles:
    """What the soft factors need beside the columns, row by row as in `Members`.

    `vectors`: centred unit vectors, float32 (n, dimensions), zeros where a member has none. `shared`: unit vectors
    over approved insights, float32 (n, themes), zeros for none. `dna`: scores 0-100, NaN in seed state.
    """

    members: Members
    vectors: Floats
    shared: Floats
    dna: NDArray[np.float32]

    def rows(self, where: slice) -> "Profiles":
        """The profiles at these positions."""
        return Profiles(self.members.rows(where), self.vectors[where], self.shared[where], self.dna[where])


@dataclass(frozen=True)
class Calibration:
    """Mean and standard deviation of the cosine similarity over all eligible pairs with two vectors."""

    mean: float
    deviation: float


@dataclass(frozen=True)
class Factors:
    """The factors of a block of pairs, each float32 in [0, 1] of shape (len(a), len(b))."""

    similarity: Floats
    preferences: Floats
    shared: Floats
    dna: Floats

    def score(self) -> Floats:
        """The weighted sum, 0 to 100."""
        return np.asarray(
            WEIGHTS["similarity"] * self.similarity
            + WEIGHTS["preferences"] * self.preferences
            + WEIGHTS["shared"] * self.shared
            + WEIGHTS["dna"] * self.dna,
            dtype=np.float32,
        )


def centred(vectors: Floats) -> Floats:
    """Vectors without their common direction, at unit length; members without a vector keep zeros.

    Sentence vectors share a large common part; without it similarity tells members apart (Mu and Viswanath 2018,
    "All-but-the-Top").
    """
    known = np.any(vectors != 0, axis=1)
    if not known.any():
        return vectors
    moved = np.where(known[:, None], vectors - vectors[known].mean(axis=0, dtype=np.float64), 0.0)
    norms = np.linalg.norm(moved, axis=1, keepdims=True)
    return np.asarray(np.divide(moved, norms, out=np.zeros_like(moved), where=norms > 1e-6), dtype=np.float32)


def cosine(a: Profiles, b: Profiles) -> Floats:
    """Cosine similarity of members' vectors; NaN where one of the two has none."""
    known = np.any(a.vectors != 0, axis=1)[:, None] & np.any(b.vectors != 0, axis=1)[None, :]
    return np.where(known, a.vectors @ b.vectors.T, np.float32(np.nan))


def factors(a: Profiles, b: Profiles, kilometres: Floats, calibration: Calibration) -> Factors:
    """All factors for every pair of `a` (rows) and `b` (columns)."""
    return Factors(
        similarity=_calibrated(cosine(a, b), calibration),
        preferences=_harmonic_mean(
            _liking(a.members, b.members, kilometres), _liking(b.members, a.members, kilometres.T).T
        ),
        shared=_shared(a, b),
        dna=_dna(a, b),
    )


def _calibrated(similarity: Floats, calibration: Calibration) -> Floats:
    """The share of eligible pairs that are less similar: a logistic curve over the z-score."""
    deviation = calibration.deviation if calibration.deviation > 0 else 1.0
    z = (similarity - calibration.mean) / deviation
    return np.asarray(np.where(np.isnan(z), NEUTRAL, 1.0 / (1.0 + np.exp(-LOGISTIC_SLOPE * z))), dtype=np.float32)


def _liking(a: Members, b: Members, kilometres: Floats) -> Floats:
    """How far each column meets each row's soft wishes, 0 to 1: the mean of what is known of five wishes."""
    middle = (a.age_min + np.minimum(a.age_max, a.age_min + 40)) / 2
    half = np.maximum(1.0, (np.minimum(a.age_max, a.age_min + 40) - a.age_min) / 2)
    age = 1.0 - 0.5 * np.clip(np.abs(b.age[None, :] - middle[:, None]) / half[:, None], 0, 1)
    reach = np.minimum(a.max_distance, NO_LIMIT)[:, None]
    near = 1.0 - 0.5 * np.clip(kilometres / reach, 0, 1)
    # The more praying together matters to somebody, the more a difference in practice costs.
    care = np.where(a.prayer_importance == MISSING, 5, a.prayer_importance)[:, None] / 10
    practice = 1.0 - care * np.abs(a.religiosity[:, None] - b.religiosity[None, :]) / 4
    practice = np.where((a.religiosity[:, None] == MISSING) | (b.religiosity[None, :] == MISSING), np.nan, practice)
    values = 1.0 - np.abs(a.family_values[:, None] - b.family_values[None, :]) / 2
    values = np.where((a.family_values[:, None] == MISSING) | (b.family_values[None, :] == MISSING), np.nan, values)
    children = np.where(a.wants_children[:, None] == b.wants_children[None, :], 1.0, 0.0)
    children = np.where(
        (a.wants_children[:, None] == MISSING) | (b.wants_children[None, :] == MISSING), np.nan, children
    )
    total = np.zeros(kilometres.shape, dtype=np.float32)
    known = np.zeros(kilometres.shape, dtype=np.float32)
    for wish in (age, near, practice, values, children):
        said = ~np.isnan(wish)
        total += np.where(said, wish, 0.0).astype(np.float32)
        known += said
    return np.asarray(np.where(known > 0, total / np.maximum(known, 1), NEUTRAL), dtype=np.float32)


def _harmonic_mean(ab: Floats, ba: Floats) -> Floats:
    """2xy / (x + y): high only where both like each other (Pizzato et al. 2010, RECON, reciprocal recommenders)."""
    return np.asarray(np.divide(2 * ab * ba, ab + ba, out=np.zeros_like(ab), where=(ab + ba) > 0), dtype=np.float32)


def _shared(a: Profiles, b: Profiles) -> Floats:
    """Cosine overlap of approved insights; neutral-low (0) where nothing is shared or nothing approved."""
    return np.asarray(np.clip(a.shared @ b.shared.T, 0.0, 1.0), dtype=np.float32)


def _dna(a: Profiles, b: Profiles) -> Floats:
    """1 - |difference| / 100 of DNA scores; neutral where one side has no score yet."""
    closeness = 1.0 - np.abs(a.dna[:, None] - b.dna[None, :]) / 100.0
    return np.asarray(np.where(np.isnan(closeness), NEUTRAL, closeness), dtype=np.float32)
