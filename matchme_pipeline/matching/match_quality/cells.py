"""The week's tables: the funnel by rank, score, factor and membership time, and exposure by group; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from matchme_pipeline.matching.engine.fairness import gini
from matchme_pipeline.matching.outcomes import funnel

# Quantiles of the score and of each factor.
SCORE_PARTS, FACTOR_PARTS = 10, 5
AGE_BAND_YEARS = 10
# A smaller group is pooled with others: its figures would be noise and could identify members.
MIN_GROUP = 50
OTHERS = "others"
# Weeks since a member joined, up to which a row is counted, and how it is called.
_TENURES = ((1, "first week"), (4, "1 to 4 weeks"), (12, "4 to 12 weeks"), (26, "12 to 26 weeks"))
_LONGEST = "26 weeks and more"
STAGES = tuple(stage.name for stage in funnel.STAGES)


@dataclass(frozen=True)
class FunnelCell:
    """Sides of one kind (rank 3, scores 60 to 64): how many reached each stage."""

    kind: str
    cell: str
    position: int
    counts: Mapping[str, int]


@dataclass(frozen=True)
class ExposureCell:
    """One group of members: its size, the members who appear in a list, places per member, and the Gini."""

    kind: str
    cell: str
    position: int
    members: int
    covered: int
    mean_places: float
    gini: float


def funnel_cells(
    outcomes: pd.DataFrame, factors: Sequence[str], version: str, weeks_here: "pd.Series[float]"
) -> list[FunnelCell]:
    """The funnel of sides by rank, score decile, factor (rows of the algorithm's `version`) and weeks since joining."""
    if outcomes.empty:
        return []
    reached = pd.DataFrame({stage.name: stage.reached(outcomes).astype(int) for stage in funnel.STAGES})
    cells = _by(reached, "rank", outcomes["rank"], [str(rank) for rank in range(int(outcomes["rank"].max()) + 1)])
    cells += _by_parts(reached, "score", outcomes["score"].astype(float), SCORE_PARTS, "{:.0f} to {:.0f}")
    current = (outcomes["factors_version"] == version) & (outcomes["factors"].map(len) >= len(factors))
    if current.any():
        values = np.array([row[: len(factors)] for row in outcomes.loc[current, "factors"]], dtype=np.float64)
        for number, name in enumerate(factors):
            column = pd.Series(values[:, number], outcomes.index[current])
            cells += _by_parts(reached[current], f"factor {name}", column, FACTOR_PARTS, "{:.2f} to {:.2f}")
    limits = [weeks for weeks, _ in _TENURES]
    tenure = pd.Series(np.searchsorted(limits, weeks_here, side="right"), outcomes.index)
    return cells + _by(reached, "time with us", tenure, [name for _, name in _TENURES] + [_LONGEST])


def _by(reached: pd.DataFrame, kind: str, place: "pd.Series[int]", names: Sequence[str]) -> list[FunnelCell]:
    counted = reached.groupby(place.to_numpy(), sort=True).sum()
    numbers = counted.index.to_numpy().tolist()
    rows = counted[list(STAGES)].to_numpy().tolist()
    return [
        FunnelCell(kind, names[number], number, dict(zip(STAGES, row, strict=True)))
        for number, row in zip(numbers, rows, strict=True)
    ]


def _by_parts(
    reached: pd.DataFrame, kind: str, values: "pd.Series[float]", parts: int, wording: str
) -> list[FunnelCell]:
    """Cells with about equally many sides, from the lowest values; equal values are always in the same cell."""
    edges = np.unique(np.quantile(values, np.arange(1, parts) / parts))
    place = np.searchsorted(edges, values, side="right")
    numbers, place = np.unique(place, return_inverse=True)
    known = values.to_numpy()
    names = [wording.format(known[place == n].min(), known[place == n].max()) for n in range(len(numbers))]
    return _by(reached, kind, pd.Series(place, reached.index), names)


def exposure_cells(members: pd.DataFrame, places: "pd.Series[int]") -> list[ExposureCell]:
    """Exposure by group: `members` are by id with gender, age and city; `places` counts places by id.

    Groups of fewer than MIN_GROUP members are pooled; a pool that is still too small is kept.
    """
    if members.empty:
        return []
    shown = places.reindex(members.index, fill_value=0).to_numpy()
    bands = members["age"] // AGE_BAND_YEARS * AGE_BAND_YEARS
    age_band = bands.map(lambda band: f"{band:.0f} to {band + AGE_BAND_YEARS - 1:.0f}")
    cells = [_exposure("everybody", "everybody", 0, shown)]
    for kind, labels in (("gender", members["gender"]), ("age", age_band), ("city", members["city"])):
        named = labels.fillna("unknown").astype(str)
        sizes = named.value_counts()
        pooled = named.where(named.map(sizes) >= MIN_GROUP, OTHERS).to_numpy()
        names = sorted(set(pooled) - {OTHERS}) + ([OTHERS] if OTHERS in pooled else [])
        cells += [_exposure(kind, name, number, shown[pooled == name]) for number, name in enumerate(names)]
    return cells


def _exposure(kind: str, cell: str, position: int, shown: "np.typing.NDArray[Any]") -> ExposureCell:
    return ExposureCell(
        kind,
        cell,
        position,
        len(shown),
        int(np.count_nonzero(shown)),
        float(shown.mean()),
        gini(shown.tolist()),
    )
