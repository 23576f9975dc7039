"""Selected pairs as columns: a week of a million members has millions of them, so none is an object until it is asked
for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol, overload

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json, to_json

_AT_ONCE = 4_096


@dataclass(frozen=True)
class Match:
    """A selected pair, `a` before `b`, with its score and factors.

    `value`: its value by a learned version, which then orders lists; None if the score does.
    """

    a: str
    b: str
    score: Decimal
    factors: dict[str, Any]
    value: float | None = None


class WrittenFactors(Protocol):
    """The `compatibility_factors` of pairs."""

    def json(self, pairs: NDArray[np.intp]) -> list[bytes]:
        """Those of the pairs of these numbers, as JSON."""


@dataclass(frozen=True, eq=False)
class Matches(Sequence[Match]):
    """Pairs of positions in `user_ids` (a[n], b[n]), with scores in hundredths of a point.

    `user_ids` are in order, so that a lower position is a lower id. `values`: by a learned version, NaN where the score
    orders lists; None for no version. Pair n has the number numbers[n] in `factors`.
    """

    user_ids: Sequence[str]
    a: NDArray[np.intp]
    b: NDArray[np.intp]
    hundredths: NDArray[np.int64]
    factors: WrittenFactors
    numbers: NDArray[np.intp]
    values: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.a)

    def __iter__(self) -> Iterator[Match]:
        for begin in range(0, len(self), _AT_ONCE):
            yield from self._objects(np.arange(begin, min(begin + _AT_ONCE, len(self))))

    @overload
    def __getitem__(self, place: int) -> Match: ...
    @overload
    def __getitem__(self, place: slice) -> "Matches": ...
    def __getitem__(self, place: int | slice) -> "Match | Matches":
        """One pair, or the pairs of a slice."""
        if isinstance(place, slice):
            return self.only(np.arange(len(self))[place])
        return next(self._objects(np.arange(len(self))[[place]]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    @property
    def worst_first(self) -> NDArray[np.float64]:
        """What orders matches, lowest first: the negated value by a learned version, else the negated score."""
        points = -(self.hundredths / 100)
        return points if self.values is None else np.where(np.isnan(self.values), points, -self.values)

    def only(self, places: NDArray[np.intp]) -> "Matches":
        """The pairs at these places."""
        values = None if self.values is None else self.values[places]
        return Matches(
            self.user_ids,
            self.a[places],
            self.b[places],
            self.hundredths[places],
            self.factors,
            self.numbers[places],
            values,
        )

    def json(self, places: NDArray[np.intp]) -> list[bytes]:
        """The factors of the pairs at these places, as JSON."""
        return self.factors.json(self.numbers[places])

    def pairs(self) -> Iterator[tuple[str, str]]:
        """The two ids of every pair."""
        ids = self.user_ids
        return ((ids[a], ids[b]) for a, b in zip(self.a.tolist(), self.b.tolist(), strict=True))

    def _objects(self, places: NDArray[np.intp]) -> Iterator[Match]:
        values = [None] * len(places) if self.values is None else self.values[places].tolist()
        columns = (self.a[places].tolist(), self.b[places].tolist(), self.hundredths[places].tolist(), values)
        for a, b, hundredths, value, factors in zip(*columns, self.json(places), strict=True):
            is_learned = value is not None and value == value
            yield Match(
                self.user_ids[a],
                self.user_ids[b],
                Decimal(hundredths).scaleb(-2),
                from_json(factors),
                value if is_learned else None,
            )


class _Objects:
    """The factors of matches that are objects already."""

    def __init__(self, matches: Sequence[Match]) -> None:
        self._matches = matches

    def json(self, pairs: NDArray[np.intp]) -> list[bytes]:
        return [to_json(self._matches[pair].factors) for pair in pairs.tolist()]


def as_matches(given: Sequence[Match]) -> Matches:
    """The matches as columns; columns stay as they are."""
    if isinstance(given, Matches):
        return given
    ids = sorted({user_id for match in given for user_id in (match.a, match.b)})
    position = {user_id: place for place, user_id in enumerate(ids)}
    a, b = (
        np.array([position[user_id] for user_id in own], dtype=np.intp)
        for own in ([match.a for match in given], [match.b for match in given])
    )
    values = np.array([np.nan if match.value is None else match.value for match in given], dtype=np.float64)
    hundredths = np.array([int(match.score.scaleb(2)) for match in given], dtype=np.int64)
    return Matches(ids, a, b, hundredths, _Objects(given), np.arange(len(given)), values)
