"""What drives a seeded member: interests, values and temper, and how well two members suit each other in truth."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

INTERESTS_EACH = 4
VALUES_EACH = 3


@dataclass(frozen=True)
class Latent:
    """A member's truth: weights that sum to one over interests and over values, and two other themes."""

    interests: Mapping[str, float]
    values: Mapping[str, float]
    personality: str
    family: str


def draw(rng: np.random.Generator, themes: Mapping[str, list[str]]) -> Latent:
    """Draw a member's latent truth; `themes` are the theme names by kind."""
    return Latent(
        interests=_weights(rng, themes["interests"], INTERESTS_EACH),
        values=_weights(rng, themes["values"], VALUES_EACH),
        personality=str(rng.choice(themes["personality"])),
        family=str(rng.choice(themes["family"])),
    )


def affinity(a: Latent, b: Latent) -> float:
    """How well two members suit each other, 0 to 1: the truth that matches are measured against.

    0.6 x overlap of interests + 0.4 x overlap of values, where the overlap of two weightings is the sum over
    themes of the smaller weight (histogram intersection, Swain and Ballard 1991).
    """
    return 0.6 * _overlap(a.interests, b.interests) + 0.4 * _overlap(a.values, b.values)


def _overlap(a: Mapping[str, float], b: Mapping[str, float]) -> float:
    return sum(min(weight, b.get(theme, 0.0)) for theme, weight in a.items())


def _weights(rng: np.random.Generator, names: list[str], count: int) -> dict[str, float]:
    chosen = rng.choice(names, size=count, replace=False)
    raw = rng.dirichlet(np.full(count, 3.0))
    return {str(name): round(float(weight), 4) for name, weight in zip(chosen, raw, strict=True)}
