"""The latent variables of a seeded member (interests, values, personality), and the true affinity of two members."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

INTERESTS_EACH = 3
VALUES_EACH = 2
PERSONALITY_EACH = 2
FAMILY_EACH = 2
# Evenness of a member's weights: at 3, the largest of three is about 2.5 times the mean of the others.
_EVENNESS = 3.0
# The odds of a theme from the member's own circle relative to any other.
_HOME = 20.0

Weights = Mapping[str, float]


@dataclass(frozen=True)
class Latent:
    """The latent variables of a member: by kind of theme, weights over a few themes that sum to one."""

    interests: Weights
    values: Weights
    personality: Weights
    family: Weights


def affinity(a: Latent, b: Latent) -> float:
    """The true affinity of two members, 0 to 1; matches are measured against it.

    0.5 x overlap of interests + 0.3 x overlap of values + 0.2 x overlap of personality, where the overlap of two
    weightings is the sum over themes of the smaller weight (histogram intersection, Swain and Ballard 1991). Symmetric;
    1 for a member with themselves. Members' texts are drawn from the same weights.
    """
    return (
        0.5 * _overlap(a.interests, b.interests)
        + 0.3 * _overlap(a.values, b.values)
        + 0.2 * _overlap(a.personality, b.personality)
    )


def draw(rng: np.random.Generator, circles: Mapping[str, Mapping[str, str]]) -> Latent:
    """Draw a member's latent variables; `circles` are, by kind, the themes with their circles.

    Each member belongs to one circle per kind and has most of their themes there.
    """
    return Latent(
        interests=_weights(rng, circles["interests"], INTERESTS_EACH),
        values=_weights(rng, circles["values"], VALUES_EACH),
        personality=_weights(rng, circles["personality"], PERSONALITY_EACH),
        family=_weights(rng, circles["family"], FAMILY_EACH),
    )


def _overlap(a: Weights, b: Weights) -> float:
    return sum(min(weight, b.get(theme, 0.0)) for theme, weight in a.items())


def _weights(rng: np.random.Generator, circle_of: Mapping[str, str], count: int) -> dict[str, float]:
    """Weights over `count` themes, drawn without replacement (Efraimidis and Spirakis 2006), and rounded."""
    names = list(circle_of)
    homes = sorted(set(circle_of.values()))
    home = homes[int(rng.random() * len(homes))]
    likelihood = np.array([_HOME if circle_of[name] == home else 1.0 for name in names])
    chosen = np.argsort(rng.standard_exponential(len(names)) / likelihood, kind="stable")[:count]
    raw = rng.standard_gamma(_EVENNESS, count)
    rounded = [round(float(weight), 4) for weight in raw / raw.sum()]
    rounded[-1] = round(1.0 - sum(rounded[:-1]), 4)
    return {names[int(index)]: weight for index, weight in zip(chosen, rounded, strict=True)}
