"""Compatibility said once more in plain Python, pair by pair and in floats, as the documentation has it."""

import math
from collections.abc import Sequence

import numpy as np

from matchme_pipeline.matching.rules.compatibility import Profiles
from matchme_pipeline.matching.rules.eligibility import distance_km
from matchme_pipeline.matching.rules.members import Members
from matchme_pipeline.matching.rules.weights import WEIGHTS
from matchme_pipeline.settings import UNKNOWN_MAY_BE_STRICT

MISSING = -1


def all_scores(profiles: Profiles, may_meet: np.ndarray, titles: Sequence[set[str]]) -> np.ndarray:
    """Scores of all pairs, (members, members); `may_meet` says whose similarity the calibration looks at."""
    n = len(profiles.members)
    vectors = profiles.vectors.quantised.astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1)
    known = lengths > 0
    unit = vectors / np.where(known, lengths, 1.0)[:, None]
    cosine = unit @ unit.T
    both = known[:, None] & known[None, :]
    seen = cosine[may_meet & both]
    mean, deviation = (seen.mean(), seen.std()) if seen.size else (0.0, 1.0)
    deviation = deviation if deviation > 1e-4 else 1.0
    kilometres = distance_km(profiles.members, profiles.members).astype(np.float64)
    scores = np.zeros((n, n))
    for a in range(n):
        for b in range(n):
            similarity = 1 / (1 + math.exp(-1.702 * (cosine[a, b] - mean) / deviation)) if both[a, b] else 0.5
            mine, unknown = soft_preferences(profiles.members, a, b, kilometres[a, b])
            theirs, unknown_back = soft_preferences(profiles.members, b, a, kilometres[a, b])
            joined = [2 * x * y / (x + y) if x + y else 0.0 for x, y in zip(mine, theirs, strict=True)]
            overlap = len(titles[a] & titles[b])
            ochiai = overlap / math.sqrt(len(titles[a]) * len(titles[b])) if overlap else 0.0
            apart = abs(float(profiles.dna[a]) - float(profiles.dna[b])) / 100
            factors = {
                "similarity": similarity,
                **dict(zip(("age", "distance", "practice", "family_values", "children"), joined, strict=True)),
                "stated": 1 - (unknown + unknown_back) / (2 * len(UNKNOWN_MAY_BE_STRICT)),
                "shared": min(1.0, 2 * ochiai),
                "dna": 0.5 if math.isnan(apart) else 1 - apart,
            }
            scores[a, b] = sum(WEIGHTS[name] * value for name, value in factors.items())
    return scores


def soft_preferences(members: Members, a: int, b: int, kilometres: float) -> tuple[list[float], int]:
    """How far b meets each soft wish of a, and how much that a asks for b has not stated."""
    low, high = float(members.age_min[a]), float(members.age_max[a])
    middle, half = (low + high) / 2, max(1.0, (high - low) / 2)
    if not members.states_age[a]:
        middle, half = float(members.age[a]), 10.0
    age = max(0.0, 1 - abs(members.age[b] - middle) / half)
    reach = max(1.0, min(20_000.0, float(members.max_distance[a])))
    near = 0.5
    if not math.isnan(kilometres):
        near = 1 - min(1.0, kilometres / reach) * (0.5 if members.max_distance[a] >= 20_000 else 1.0)
    practice = 0.5
    if MISSING not in (members.religiosity[a], members.religiosity[b]):
        care = 5 if members.prayer_importance[a] == MISSING else members.prayer_importance[a]
        practice = max(0.0, 1 - care / 10 * abs(int(members.religiosity[a]) - int(members.religiosity[b])) / 2)
    family = 0.5
    if MISSING not in (members.family_values[a], members.family_values[b]):
        family = 1 - abs(int(members.family_values[a]) - int(members.family_values[b])) / 2
    children = 0.5
    if MISSING not in (members.wants_children[a], members.wants_children[b]):
        children = float(members.wants_children[a] == members.wants_children[b])
    unknown = (
        (members.wants_education[a] != 0 and members.education[b] == MISSING)
        + (members.wants_marital[a] != 0 and members.marital[b] == MISSING)
        + (members.wants_partner_children[a] != MISSING and members.children[b] == MISSING)
        + (members.wants_religiosity[a] != 0 and members.religiosity[b] == MISSING)
        + (members.wants_sect[a] != 0 and members.sect[b] == MISSING)
        + (members.requires_hijab[a] == 1 and members.wears_hijab[b] != 1)
        + (members.max_distance[a] < 20_000 and math.isnan(kilometres))
    )
    return [age, near, practice, family, children], int(unknown)
