"""The explanations of an engine's pairs, computed block by block."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.engine.matches import Matches
from matchme_pipeline.matching.rules.compatibility import Calibration, Profiles, factors
from matchme_pipeline.matching.rules.eligibility import not_stated
from matchme_pipeline.matching.rules.explanation import Explanations, explanations
from matchme_pipeline.matching.rules.shared_insights import Titles

# A pair's factors take 72 bytes as numbers; together with what they are computed from, some hundred megabytes at once.
_PAIRS_AT_ONCE = 500_000


def explained(
    profiles: Profiles,
    titles: Titles,
    a: NDArray[np.intp],
    b: NDArray[np.intp],
    calibration: Calibration,
) -> Matches:
    """The pairs of positions (a[n], b[n]) with their scores and factors."""
    shared = _SharedTitles(titles)
    parts = []
    known = profiles.vectors.known()
    for begin in range(0, max(len(a), 1), _PAIRS_AT_ONCE):
        rows = slice(begin, begin + _PAIRS_AT_ONCE)
        one, other = a[rows], b[rows]
        parts.append(
            explanations(
                factors(profiles, one, other, calibration),
                shared.of(one, other),
                shared.titles,
                known[one] & known[other],
                not_stated(profiles.members, one, other),
            )
        )
    whole = _together(parts)
    return Matches(profiles.members.user_ids, a, b, whole.score, whole, np.arange(len(a)))


class _SharedTitles:
    """Common approved titles of pairs; pairs with the same ones have the same number in `titles`."""

    def __init__(self, titles_of_members: Titles) -> None:
        self._own = titles_of_members
        self._number: dict[bytes, int] = {b"": 0}
        self.titles: list[tuple[str, ...]] = [()]

    def of(self, a: NDArray[np.intp], b: NDArray[np.intp]) -> NDArray[np.int32]:
        """The numbers of the pairs (a[n], b[n])."""
        numbers = np.zeros(len(a), dtype=np.int32)
        pairs, spellings = self._own.shared(a, b)
        having, starts = np.unique(pairs, return_index=True)
        for pair, own in zip(having.tolist(), np.split(spellings, starts[1:]), strict=False):
            number = numbers[pair] = self._number.setdefault(own.tobytes(), len(self.titles))
            if number == len(self.titles):
                self.titles.append(tuple(self._own.spellings[spelling] for spelling in own.tolist()))
        return numbers


def _together(parts: Sequence[Explanations]) -> Explanations:
    columns = ("value", "hundredths", "sentence", "preferences", "shared", "not_stated")
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in columns}
    return Explanations(titles=parts[0].titles, **joined)
