"""Cheap draws from lists and ranges with a seeded generator, one uniform number each."""

from bisect import bisect
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def happens(rng: np.random.Generator, probability: float) -> bool:
    """True with the given probability."""
    return bool(rng.random() < probability)


def one(rng: np.random.Generator, choices: Sequence[T]) -> T:
    """One of `choices`, with equal probability."""
    return choices[int(rng.random() * len(choices))]


def weighted(rng: np.random.Generator, weights: Mapping[T, float]) -> T:
    """One of the keys, as likely as its weight."""
    steps = list(accumulate(weights.values()))
    return list(weights)[min(bisect(steps, rng.random() * steps[-1]), len(steps) - 1)]


def some(rng: np.random.Generator, choices: Sequence[T], probability: float) -> list[T]:
    """Each of `choices` with the given probability, in their order."""
    return [choice for choice in choices if happens(rng, probability)]


def between(rng: np.random.Generator, first: datetime, last: datetime) -> datetime:
    """A whole second in [first, last); `first` if the interval is empty."""
    seconds = max(0.0, (last - first).total_seconds())
    return first + timedelta(seconds=int(rng.random() * seconds))


def whole(rng: np.random.Generator, low: int, high: int) -> int:
    """An integer from `low` to `high`, both included."""
    return low + int(rng.random() * (high - low + 1))


def after(rng: np.random.Generator, moment: datetime, mean: timedelta) -> datetime:
    """A whole second after `moment`, exponentially distributed with that mean."""
    return moment + timedelta(seconds=1 + int(rng.exponential(mean.total_seconds())))
