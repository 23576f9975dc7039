"""Exposure: how many lists each member appears in, by gender, age band and place. A promotion must keep it even."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.engine.fairness import gini
from matchme_pipeline.matching.learning.promotion import Exposure
from matchme_pipeline.matching.rules.vocabulary import GENDERS

if TYPE_CHECKING:
    from matchme_pipeline.matching.rules.members import Members

# The Gini of a smaller group is mostly noise.
MIN_GROUP = 100
AGE_BAND_YEARS = 10


def exposure(members: "Members", pairs: NDArray[np.intp], possible: NDArray[np.bool_]) -> Exposure:
    """The exposure that pairs of positions, (pairs, 2), give the members with an eligible partner (`possible`)."""
    shown = np.bincount(pairs.reshape(-1), minlength=len(members))
    found = {"all": gini(shown[possible].tolist())}
    for labels in _groups(members):
        names, group = np.unique(labels, return_inverse=True)
        for number, name in enumerate(names.tolist()):
            own = possible & (group == number)
            if np.count_nonzero(own) >= MIN_GROUP:
                found[name] = gini(shown[own].tolist())
    return Exposure(int(np.count_nonzero(shown[possible])), found)


def _groups(members: "Members") -> Sequence[NDArray[np.str_]]:
    """Every member's gender, age band, and place: a degree of latitude and longitude holds a city."""
    bands = members.age // AGE_BAND_YEARS * AGE_BAND_YEARS
    degrees = zip(np.floor(members.lat).tolist(), np.floor(members.lng).tolist(), strict=True)
    return (
        np.array([GENDERS[code] for code in members.gender.tolist()], dtype=np.str_),
        np.array([f"aged {band} to {band + AGE_BAND_YEARS - 1}" for band in bands.tolist()], dtype=np.str_),
        np.array(
            ["no known place" if lat != lat else f"around {lat:.0f}, {lng:.0f}" for lat, lng in degrees], dtype=np.str_
        ),
    )
