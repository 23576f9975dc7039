"""A member's vector: the weighted mean of the vectors of their texts, at unit length."""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

# Part of every member vector's input hash: other weights make other vectors.
WEIGHTS_VERSION = "w2"
# Half-life: tastes last for months, moods for days.
HALF_LIFE_WEEKS = 8.0
# By the app's depth level 1-4: a deep post says more about a member than a light one.
DEPTH_WEIGHT = {1: 1.0, 2: 1.25, 3: 1.5, 4: 2.0}
# A biography is a deliberate self-description and outweighs a single post. An approved insight is the member's own
# reading of a post.
BIO_WEIGHT = 2.0
ANSWERS_WEIGHT = 1.0
INSIGHT_WEIGHT = 1.5


@dataclass(frozen=True, order=True)
class Part:
    """One text of a member vector: its content hash, its weight and its origin."""

    content_hash: str
    weight: float
    source: str


def item_weight(shared_at: datetime, depth_level: int, cutoff: datetime) -> float:
    """depth weight x 2^(-age / half-life), with the age in weeks at the cutoff: newer and deeper items have higher
    weights.
    """
    return DEPTH_WEIGHT.get(depth_level, 1.0) * _recency(shared_at, cutoff)


def insight_weight(reviewed_at: datetime, cutoff: datetime) -> float:
    """The weight of an approved insight, by the time since its review."""
    return INSIGHT_WEIGHT * _recency(reviewed_at, cutoff)


def input_hash(parts: Iterable[Part], model: str) -> str:
    """A hash of a vector's parts and model (64 hex digits)."""
    text = "\n".join(f"{part.content_hash} {part.weight:.9f}" for part in sorted(parts))
    return hashlib.sha256(f"{WEIGHTS_VERSION} {model}\n{text}".encode()).hexdigest()


def mean_vectors(rows: Sequence[Sequence[tuple[int, float]]], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """One unit vector per member: float32 of shape (members, dimensions).

    `rows` holds, per member, pairs of (row of `vectors`, weight); `vectors` is float32 of shape (texts, dimensions).
    A member without pairs, or whose vectors cancel out, gets zeros. Sums run in float64 in the order given.
    """
    means = np.zeros((len(rows), vectors.shape[1]), dtype=np.float32)
    for member, pairs in enumerate(rows):
        if not pairs:
            continue
        indices = np.fromiter((index for index, _ in pairs), dtype=np.intp, count=len(pairs))
        weights = np.fromiter((weight for _, weight in pairs), dtype=np.float64, count=len(pairs))
        total = weights @ vectors[indices].astype(np.float64)
        norm = float(np.linalg.norm(total))
        if norm > 0:
            means[member] = total / norm
    return means


def _recency(at: datetime, cutoff: datetime) -> float:
    weeks = max(0.0, (cutoff - at).total_seconds() / (7 * 86_400))
    return math.pow(2.0, -weeks / HALF_LIFE_WEEKS)
