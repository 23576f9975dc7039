"""The features of an engine's pairs, as the pair model looks at them."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.learning.features import nearness_in_age, shared_by_category, themes_by_category
from matchme_pipeline.matching.learning.profile_space import main_profiles, profile_similarity
from matchme_pipeline.matching.rules.shared_insights import Titles

if TYPE_CHECKING:
    from matchme_pipeline.matching.rules.compatibility import Calibration, Profiles


class PairFeatures:
    """Features of pairs of members; `titles` are their approved insights."""

    def __init__(self, profiles: "Profiles", titles: Titles) -> None:
        self.profiles, self.themes = profiles, themes_by_category(titles)
        self.main = main_profiles(profiles.vectors.quantised)

    def of(self, a: NDArray[np.intp], b: NDArray[np.intp], calibration: "Calibration") -> NDArray[np.float64]:
        """The features of the pairs of positions (a[n], b[n]) in the order of PAIR_FEATURES, (pairs, features)."""
        from matchme_pipeline.matching.rules.compatibility import factors

        age = self.profiles.members.age.astype(np.int64)
        near = nearness_in_age(np.abs(age[a] - age[b]))
        shared = shared_by_category(self.themes, a, b)
        close = profile_similarity(self.main, a, b)
        return np.column_stack([factors(self.profiles, a, b, calibration), near, shared, close])
