"""Members as columns, from blocks of stored values: no member is an object, and a broken value only affects those who
have it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.jobs.isolation import MAX_BROKEN
from matchme_pipeline.matching.rules.limits import USUAL, Limits
from matchme_pipeline.matching.rules.member_values import PARTS, Part, Reading
from matchme_pipeline.matching.rules.members import MemberRow, Members, why_unfit, why_unwilling
from matchme_pipeline.matching.rules.vocabulary import Unknown

# Stored values by column; a column is in the order of the members.
Columns = Mapping[str, Sequence[Any]]
# Converts a stored value of a column.
Read = Callable[[str, Any], Any]
ACTIVITY = "last_active_at"
PLACE = ("lat", "lng")
_UNWILLING = ("onboarding_completed", "is_matchable", "profile_visibility")
_UNFIT = ("report_count", "gender", "birthdate")
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_ALWAYS_ACTIVE = np.iinfo(np.int64).max
_FIRST = {f.name for f in fields(Members)} - {"user_ids", *PLACE}


@dataclass(frozen=True)
class MatchableMembers:
    """Matchable members as columns, and the numbers of others by reason.

    `unknown` counts values outside the vocabulary. `broken`: members whose values cannot be computed with, by id, with
    the reason; they are in no other figure.
    """

    members: Members
    not_matchable: Counter[str]
    unknown: Unknown
    broken: Mapping[str, str]


def matchable_members(rows: Iterable[MemberRow], cutoff: datetime, limits: Limits = USUAL) -> MatchableMembers:
    """The matchable members of rows that are objects."""
    given = list(rows)
    gathering = Gathering(cutoff, limits)
    names = [f.name for f in fields(MemberRow)]
    columns: dict[str, list[Any]] = {name: [getattr(row, name) for row in given] for name in names}
    columns[ACTIVITY] = [None if at is None else microseconds(at) for at in columns[ACTIVITY]]
    gathering.add(columns)
    return gathering.done()


def as_columns(rows: Iterable[MemberRow], cutoff: datetime, unknown: Unknown, limits: Limits = USUAL) -> Members:
    """Matchable members as columns, ordered by id; values outside the vocabulary are counted in `unknown`."""
    found = matchable_members(rows, cutoff, limits)
    unknown.values.update(found.unknown.values)
    return found.members


def microseconds(moment: datetime) -> int:
    """A moment as PostgreSQL stores it: microseconds since 2000."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


class Gathering:
    """Collects matchable members, block by block; `read` converts a stored value."""

    def __init__(self, cutoff: datetime, limits: Limits, read: Read = lambda _, stored: stored) -> None:
        self._cutoff, self._limits = cutoff, limits
        self._active_since = microseconds(cutoff - timedelta(days=limits.active_within_days))
        reading = Reading(cutoff.date(), limits, Unknown())
        self._parts = [_Values(part, reading, read) for part in PARTS]
        self._unwilling = _Reasons(_UNWILLING, why_unwilling, read)
        self._unfit = _Reasons(_UNFIT, partial(why_unfit, on=cutoff.date(), limits=limits), read)
        self._gender = _Values(Part(("gender",), _unknown_gender), reading, read)
        self._blocks: list[_Block] = []
        self._not_matchable: Counter[str] = Counter()
        self._unknown: Counter[str] = Counter()
        self._broken: dict[str, str] = {}
        self._error: Exception | None = None

    def add(self, columns: Columns) -> None:
        """Add a block of members. Activity is in microseconds since 2000 (None: unknown)."""
        reasons = self._unwilling.of(columns)
        active = [_ALWAYS_ACTIVE if at is None else at for at in columns[ACTIVITY]]
        inactive = np.array(active, dtype=np.int64) < self._active_since
        reasons = np.where((reasons == "") & inactive, "inactive", reasons)
        reasons = np.where(reasons == "", self._unfit.of(columns), reasons)
        able = np.flatnonzero(reasons == "")
        self._not_matchable.update(Counter(reasons[reasons != ""].tolist()))
        self._gender.of(columns, np.flatnonzero(reasons == "gender_unknown"), self._unknown)
        found = [part.entries(columns, able) for part in self._parts]
        fit = self._without_broken(columns, able, found)
        made = {
            name: column
            for part, entries in zip(self._parts, found, strict=True)
            for name, column in part.columns(entries[fit]).items()
        }
        for part, entries in zip(self._parts, found, strict=True):
            part.count_unknown(entries[fit], self._unknown)
        rows = able[fit]
        for name in PLACE:
            stored = columns[name]
            made[name] = np.array(
                [np.nan if stored[row] is None else stored[row] for row in rows.tolist()], dtype=float
            )
        ids = columns["user_id"]
        self._blocks.append(_Block([ids[row] for row in rows.tolist()], made))

    def done(self) -> MatchableMembers:
        """The members added. Raises the error of a broken value if more than MAX_BROKEN members have one."""
        if len(self._broken) > MAX_BROKEN and self._error is not None:
            raise self._error
        if not self._blocks:
            self.add({f.name: () for f in fields(MemberRow)})
        ids = [user_id for block in self._blocks for user_id in block.user_ids]
        columns = {name: np.concatenate([block.columns[name] for block in self._blocks]) for name in (*_FIRST, *PLACE)}
        order = sorted(range(len(ids)), key=ids.__getitem__)
        unknown = Unknown()
        unknown.values.update(self._unknown)
        members = Members([ids[n] for n in order], **{name: column[order] for name, column in columns.items()})
        return MatchableMembers(members, self._not_matchable, unknown, self._broken)

    def _without_broken(
        self, columns: Columns, able: NDArray[np.intp], found: Sequence[NDArray[np.intp]]
    ) -> NDArray[np.intp]:
        """The places in `able` of members without a broken value; the others are recorded."""
        is_fit = np.ones(len(able), dtype=bool)
        for part, entries in zip(self._parts, found, strict=True):
            for place in np.flatnonzero(part.is_broken(entries) & is_fit).tolist():
                is_fit[place] = False
                error = part.errors[int(entries[place])]
                self._error = self._error or error
                # Only the error's type: a message could quote a member's text.
                reason = f"the member's row cannot be computed with ({type(error).__name__})"
                self._broken[columns["user_id"][able[place]]] = reason
        return np.flatnonzero(is_fit)


@dataclass(frozen=True)
class _Block:
    user_ids: list[str]
    columns: dict[str, NDArray[Any]]


@dataclass
class _Values:
    """A part's results for each different value."""

    part: Part
    reading: Reading
    read: Read
    number: dict[tuple[Any, ...], int] = field(default_factory=dict)
    results: list[Mapping[str, Any]] = field(default_factory=list)
    unknown: dict[int, Counter[str]] = field(default_factory=dict)
    errors: dict[int, Exception] = field(default_factory=dict)

    def entries(self, columns: Columns, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """The numbers of the results for these rows."""
        stored = _rows_of(columns, self.part.takes, rows)
        numbers = np.empty(len(rows), dtype=np.intp)
        for place, values in enumerate(stored):
            key = _key(values)
            number = self.number.get(key)
            if number is None:
                number = self.number[key] = self._compute(values)
            numbers[place] = number
        return numbers

    def of(self, columns: Columns, rows: NDArray[np.intp], unknown: Counter[str]) -> None:
        """Count the unknown values of these rows."""
        self.count_unknown(self.entries(columns, rows), unknown)

    def columns(self, entries: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
        """The part's columns for these results."""
        names = next((list(result) for result in self.results if result), [])
        if not names:
            names = list(_EMPTY[self.part.takes])
        made = {}
        for name in names:
            kind = column_kind(name)
            own = np.array([result.get(name, 0) for result in self.results], dtype=kind)
            made[name] = own[entries] if len(own) else np.zeros(0, dtype=kind)
        return made

    def is_broken(self, entries: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Which of these results could not be computed?"""
        return np.isin(entries, list(self.errors)) if self.errors else np.zeros(len(entries), dtype=bool)

    def count_unknown(self, entries: NDArray[np.intp], unknown: Counter[str]) -> None:
        """Add the unknown values behind these results, as often as they occur."""
        if not self.unknown:
            return
        for number, times in zip(*(own.tolist() for own in np.unique(entries, return_counts=True)), strict=True):
            unknown.update({value: count * times for value, count in self.unknown.get(number, {}).items()})

    def _compute(self, stored: tuple[Any, ...]) -> int:
        number = len(self.results)
        reading = self.reading._replace(unknown=Unknown())
        try:
            values = [self.read(name, value) for name, value in zip(self.part.takes, stored, strict=True)]
            result = self.part.compute(reading, *values)
            for name, value in result.items():
                # A number that the column cannot hold.
                np.array(value, dtype=column_kind(name))
        except Exception as error:
            self.errors[number] = error
            result = {}
        if reading.unknown.values:
            self.unknown[number] = reading.unknown.values
        self.results.append(result)
        return number


class _Reasons:
    """The reasons that a rule gives for each different value; "" for none."""

    def __init__(self, takes: Sequence[str], rule: Callable[..., str | None], read: Read) -> None:
        self._takes, self._rule, self._read = takes, rule, read
        self._reason: dict[tuple[Any, ...], str] = {}

    def of(self, columns: Columns) -> NDArray[np.str_]:
        """The reasons of all rows."""
        reasons = []
        for values in zip(*(columns[name] for name in self._takes), strict=True):
            reason = self._reason.get(values)
            if reason is None:
                read = [self._read(name, value) for name, value in zip(self._takes, values, strict=True)]
                reason = self._reason[values] = self._rule(*read) or ""
            reasons.append(reason)
        return np.array(reasons, dtype="U20")


def column_kind(name: str) -> Any:
    """The type of a column of `Members`."""
    if name in (*PLACE, "max_distance"):
        return np.float64
    return np.int16 if name.startswith("age") or name == "strict" else np.int8


def _unknown_gender(reading: Reading, gender: Any) -> Mapping[str, float]:
    reading.unknown.see("gender", gender)
    return {}


def _rows_of(columns: Columns, names: Sequence[str], rows: NDArray[np.intp]) -> Iterable[tuple[Any, ...]]:
    places = rows.tolist()
    return zip(*([columns[name][row] for row in places] for name in names), strict=True)


def _key(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """A key that distinguishes stored values; lists and objects count as different if they are written differently."""
    try:
        hash(values)
    except TypeError:
        return tuple(repr(value) for value in values)
    return values


_READING_NOTHING = Reading(_EPOCH.date(), USUAL, Unknown())
# The columns of each part, for a population without members.
_EMPTY = {
    part.takes: part.compute(_READING_NOTHING, *("male" if name == "gender" else None for name in part.takes))
    for part in PARTS
}
