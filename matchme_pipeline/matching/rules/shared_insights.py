"""Common approved insights, stored as columns and as bit sets whose overlap is fast to count."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.llm.contracts import SharedInsight

# Enough for every recurring theme; a title of only one member cannot be shared.
MAX_TITLES = 1_024
_WORD = 64


class Themes(NamedTuple):
    """Approved insights by member: a bit per recurring title, uint64 (members, words), and the number of all titles."""

    bits: NDArray[np.uint64]
    size: NDArray[np.int32]

    def rows(self, where: NDArray[np.intp] | slice) -> "Themes":
        """The themes of the members at these positions."""
        return Themes(self.bits[where], self.size[where])


class Approved(NamedTuple):
    """Approved insights, member by member: entry n is title title[n] of member user_ids[member[n]].

    `titles` are (category, title). Of a member's entries with an equal title, the last one counts.
    """

    user_ids: Sequence[str]
    titles: Sequence[tuple[str, str]]
    member: NDArray[np.intp]
    title: NDArray[np.intp]


def title_key(category: str, title: str) -> str:
    """The key under which two insights are equal: category and title, without case."""
    return f"{category}: {' '.join(title.casefold().split())}"


def approved_of(approved: Mapping[str, Sequence[SharedInsight]]) -> Approved:
    """Insights by member as columns."""
    number: dict[tuple[str, str], int] = {}
    entries = [
        (place, number.setdefault((insight.category, insight.title), len(number)))
        for place, insights in enumerate(approved.values())
        for insight in insights
    ]
    member, title = np.array(entries, dtype=np.intp).reshape(-1, 2).T
    return Approved(list(approved), list(number), member, title)


def titles_of(user_ids: Iterable[str], approved: Approved | Mapping[str, Sequence[SharedInsight]]) -> "Titles":
    """The approved titles of these members, in their own spelling."""
    given = approved if isinstance(approved, Approved) else approved_of(approved)
    position = {user_id: place for place, user_id in enumerate(user_ids)}
    place = np.array([position.get(user_id, -1) for user_id in given.user_ids], dtype=np.intp)
    keys = [title_key(*title) for title in given.titles]
    names, key_of = np.unique(np.array(keys, dtype=object), return_inverse=True)
    spellings, spelling_of = np.unique(
        np.array([title for _, title in given.titles], dtype=object), return_inverse=True
    )
    member = place[given.member]
    there = np.flatnonzero(member >= 0)
    member, title = member[there], given.title[there]
    key = key_of[title]
    # Stable: of equal titles of a member, the last one stays.
    order = np.lexsort((key, member))
    is_last = np.ones(len(order), dtype=bool)
    is_last[:-1] = (np.diff(member[order]) != 0) | (np.diff(key[order]) != 0)
    order = order[is_last]
    starts = np.concatenate([[0], np.cumsum(np.bincount(member[order], minlength=len(position)))])
    return Titles(starts.astype(np.intp), key[order], spelling_of[title[order]], names.tolist(), spellings.tolist())


@dataclass(frozen=True)
class Titles:
    """Members' approved titles: those of member m are the entries starts[m] to starts[m + 1], by ascending key.

    `key` and `spelling` are numbers in `keys` and `spellings`, which are in alphabetical order.
    """

    starts: NDArray[np.intp]
    key: NDArray[np.intp]
    spelling: NDArray[np.intp]
    keys: Sequence[str]
    spellings: Sequence[str]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def of(self, member: int) -> dict[str, str]:
        """A member's titles in their own spelling, by their key."""
        own = slice(self.starts[member], self.starts[member + 1])
        entries = zip(self.key[own].tolist(), self.spelling[own].tolist(), strict=True)
        return {self.keys[key]: self.spellings[spelling] for key, spelling in entries}

    def themes(self, counts: Callable[[str], bool] = lambda _: True) -> Themes:
        """The titles whose key `counts`; the MAX_TITLES most frequent recurring titles have a bit."""
        is_counted = np.array([counts(key) for key in self.keys], dtype=bool)
        entries = np.flatnonzero(is_counted[self.key])
        key, member = self.key[entries], self._members[entries]
        frequency = np.bincount(key, minlength=len(self.keys))
        recurring = np.flatnonzero(frequency > 1)
        # Keys are in alphabetical order, which decides ties.
        recurring = recurring[np.argsort(-frequency[recurring], kind="stable")][:MAX_TITLES]
        column = np.full(len(self.keys), -1, dtype=np.intp)
        column[recurring] = np.arange(len(recurring))
        bits = np.zeros((len(self), max(1, -(-len(recurring) // _WORD))), dtype=np.uint64)
        with_bit = np.flatnonzero(column[key] >= 0)
        place = column[key[with_bit]]
        np.bitwise_or.at(
            bits, (member[with_bit], place // _WORD), np.left_shift(np.uint64(1), (place % _WORD).astype(np.uint64))
        )
        return Themes(bits, np.bincount(member, minlength=len(self)).astype(np.int32))

    @cached_property
    def _members(self) -> NDArray[np.intp]:
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def shared(self, a: NDArray[np.intp], b: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The common titles of the pairs (a[n], b[n]): numbers of pairs, and of spellings, ascending by both.

        Of two spellings, the alphabetically first one counts, so that both sides see the same.
        """
        (pair, key, spelling), (other_pair, other_key, other) = self._entries(a), self._entries(b)
        own = pair * len(self.keys) + key
        theirs = other_pair * len(self.keys) + other_key
        # Entries are ordered by pair and key on both sides.
        place = np.minimum(np.searchsorted(theirs, own), max(len(theirs) - 1, 0))
        both = np.flatnonzero(theirs[place] == own) if len(theirs) else np.zeros(0, dtype=np.intp)
        first = np.minimum(spelling[both], other[place[both]])
        found = np.unique(pair[both] * max(len(self.spellings), 1) + first)
        pairs, spellings = np.divmod(found, max(len(self.spellings), 1))
        return pairs, spellings

    def _entries(self, members: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """All titles of these members: the place in `members`, key and spelling."""
        counts = self.starts[members + 1] - self.starts[members]
        place = np.repeat(np.arange(len(members)), counts)
        within = np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts, counts)
        entry = np.repeat(self.starts[members], counts) + within
        return place, self.key[entry], self.spelling[entry]
