"""Behaviour: the distance of a member's habits from the population's, on the population's scale."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from matchme_pipeline.dna.fixed_point import FULL, Floats, Integers, divide_half_up, share_below
from matchme_pipeline.dna.habits import Habits
from matchme_pipeline.dna.weights import (
    MAD_SCALE,
    MAX_DEVIATION,
    MEAN_DEVIATION_SCALE,
    MIN_MEMBERSHIP_DAYS,
    UNIQUE_DEVIATION,
)

# Mean deviations closer than this rank equal, because rounding errors must not separate members.
_DEVIATION_UNIT = 1e-9


@dataclass(frozen=True)
class Behaviour:
    """Per member: the strand in micro-points, the mean deviation, whether compared.

    `z`: robust z-scores, a column per habit, NaN where there is none. `typical`: the population's median per habit.
    `unique`: `member` (position), `habit`, `value`, `typical`, `mean` (of those compared), `z`, `percentile` (per cent
    of those compared with a lower value), for |z| > 2, the furthest first.
    """

    points: Integers
    deviation: Floats
    compared: np.ndarray
    z: pd.DataFrame
    typical: dict[str, float]
    unique: pd.DataFrame


def behaviour(habits: Habits) -> Behaviour:
    """The member's place in the population's distribution of mean |z|, ties in the middle, 0-100.

    Robust z (Iglewicz and Hoaglin 1993): (x - median) / (1.4826 · MAD). If the MAD is 0, 1.2533 · the mean absolute
    deviation replaces it; if that is 0 too, z is 0. The population is every member with seven days of membership and at
    least one post or review; other members have 0. Without another member to compare, 50.
    """
    compared = (habits.days >= MIN_MEMBERSHIP_DAYS) & habits.active
    z = pd.DataFrame(index=habits.figures.index)
    typical = {}
    for habit, column in habits.figures.items():
        values = column.to_numpy(dtype=np.float64)
        median, scale = _centre_and_scale(values[compared & ~np.isnan(values)])
        typical[str(habit)] = median
        z[habit] = np.where(compared, (values - median) / scale, np.nan)
    deviation = _mean_deviation(z)
    unique = _unique(habits, z, typical, compared)
    return Behaviour(_points(deviation, compared), deviation, compared, z, typical, unique)


def _centre_and_scale(values: Floats) -> tuple[float, float]:
    if not len(values):
        return math.nan, math.inf
    median = float(np.median(values))
    away = np.abs(values - median)
    # fsum: the same sum in any order.
    scale = MAD_SCALE * float(np.median(away)) or MEAN_DEVIATION_SCALE * (math.fsum(away.tolist()) / len(away))
    return median, scale or math.inf


def _mean_deviation(z: pd.DataFrame) -> Floats:
    away = np.minimum(np.abs(z.to_numpy(dtype=np.float64)), MAX_DEVIATION)
    present = ~np.isnan(away)
    total = np.zeros(len(z), dtype=np.float64)
    for column in range(away.shape[1]):
        total += np.where(present[:, column], away[:, column], 0.0)
    total /= np.maximum(present.sum(axis=1), 1)
    return total


def _points(deviation: Floats, compared: np.ndarray) -> Integers:
    points = np.zeros(len(deviation), dtype=np.int64)
    if compared.any():
        ranked = np.floor(deviation[compared] / _DEVIATION_UNIT + 0.5).astype(np.int64)
        below, equal = share_below(ranked)
        others = len(ranked) - 1
        points[compared] = divide_half_up((2 * below + equal) * FULL, 2 * others) if others else FULL // 2
    return points


def _unique(habits: Habits, z: pd.DataFrame, typical: dict[str, float], compared: np.ndarray) -> pd.DataFrame:
    away = z.to_numpy(dtype=np.float64)
    member, column = np.nonzero(np.abs(np.nan_to_num(away)) > UNIQUE_DEVIATION)
    names = np.array(z.columns, dtype=object)
    values = habits.figures.to_numpy(dtype=np.float64)
    order = np.lexsort((column, -np.abs(away[member, column]), member))
    member, column = member[order], column[order]
    mean = np.full(len(names), math.nan)
    percentile = np.zeros(len(member), dtype=np.float64)
    for number in np.unique(column).tolist():
        own = values[compared, number]
        own = np.sort(own[~np.isnan(own)])
        # fsum: the same mean in any order.
        mean[number] = math.fsum(own.tolist()) / len(own)
        here = column == number
        percentile[here] = 100.0 * np.searchsorted(own, values[member[here], number], side="left") / len(own)
    return pd.DataFrame(
        {
            "member": member,
            "habit": names[column],
            "value": values[member, column],
            "typical": np.array([typical[name] for name in names], dtype=np.float64)[column],
            "mean": mean[column],
            "z": away[member, column],
            "percentile": percentile,
        }
    )
