"""Everybody's pairs and list, compiled: what the moves of the allocation look at and change."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.rules.jit import entry, rule

NOBODY = -1
PAIR = np.dtype([("a", np.int64), ("b", np.int64), ("score", np.float64), ("chosen", np.int64)])
PERSON = np.dtype(
    [
        ("start", np.int64),
        ("end", np.int64),
        ("degree", np.int64),
        ("free", np.int64),
        ("open", np.int64),
        ("held", np.int64),
    ]
)


class Lists(NamedTuple):
    """The pairs and everybody's list as it grows.

    `pairs` are records of PAIR, `order` their numbers from the best to the worst; `people` are records of PERSON:
    edges[start:end] are a member's pairs, the best first, `degree` counts partners, standing ones included, `free` the
    places left, `open` the pairs whose other side has a place left, and picks[member, :held] are the pairs chosen, in
    no order. `fewest_first` are the members by how many pairs they have.
    """

    pairs: NDArray[np.void]
    order: NDArray[np.intp]
    edges: NDArray[np.intp]
    people: NDArray[np.void]
    picks: NDArray[np.intp]
    fewest_first: NDArray[np.intp]


def lists(
    a: NDArray[np.intp],
    b: NDArray[np.intp],
    score: NDArray[np.float32],
    free: NDArray[np.int64],
    degree: NDArray[np.int64],
) -> Lists:
    """Lists with nothing chosen; members have `free` places left and `degree` standing partners."""
    pairs = np.zeros(len(a), dtype=PAIR)
    pairs["a"], pairs["b"], pairs["score"] = a, b, score
    order = np.argsort(-pairs["score"], kind="stable")
    # Both ends of every pair, the best pairs first, then sorted by member without disturbing that order.
    ends = np.stack([pairs["a"][order], pairs["b"][order]], axis=1).ravel()
    owned = np.bincount(ends, minlength=len(free))
    people = np.zeros(len(free), dtype=PERSON)
    ends_at = np.cumsum(owned)
    people["start"], people["end"] = ends_at - owned, ends_at
    people["degree"], people["free"] = degree, free
    people["open"] += np.bincount(pairs["a"], weights=free[b] > 0, minlength=len(free)).astype(np.int64)
    people["open"] += np.bincount(pairs["b"], weights=free[a] > 0, minlength=len(free)).astype(np.int64)
    picks = np.full((len(free), max(1, int(free.max(initial=0)))), NOBODY, dtype=np.intp)
    by_member = grouped(ends, ends_at - owned)
    return Lists(pairs, order, order[by_member // 2], people, picks, np.argsort(owned, kind="stable"))


@entry
def grouped(ends: NDArray[np.intp], starts: NDArray[np.int64]) -> NDArray[np.intp]:
    """The places of `ends` member by member, those of one member in their order: a stable sort by counting."""
    free = starts.copy()
    places = np.empty(len(ends), dtype=np.intp)
    for place in range(len(ends)):
        member = ends[place]
        places[free[member]] = place
        free[member] += 1
    return places


@rule
def other(lists: Lists, edge: int, member: int) -> int:
    """The partner of `member` in a pair."""
    return int(lists.pairs[edge].a + lists.pairs[edge].b - member)


@rule
def choose(lists: Lists, edge: int) -> None:
    """Put a pair into both lists."""
    lists.pairs[edge].chosen = 1
    for member in (lists.pairs[edge].a, lists.pairs[edge].b):
        lists.people[member].degree += 1
        lists.people[member].free -= 1
        if lists.people[member].free == 0:
            tell_partners(lists, member, -1)
        lists.picks[member, lists.people[member].held] = edge
        lists.people[member].held += 1


@rule
def drop(lists: Lists, edge: int) -> None:
    """Take a pair out of both lists."""
    lists.pairs[edge].chosen = 0
    for member in (lists.pairs[edge].a, lists.pairs[edge].b):
        lists.people[member].degree -= 1
        lists.people[member].free += 1
        if lists.people[member].free == 1:
            tell_partners(lists, member, 1)
        lists.people[member].held -= 1
        last = lists.people[member].held
        for place in range(last):
            if lists.picks[member, place] == edge:
                lists.picks[member, place] = lists.picks[member, last]
        lists.picks[member, last] = NOBODY


@rule
def tell_partners(lists: Lists, member: int, change: int) -> None:
    """Everybody who has a pair with `member` has one more, or one less, whose other side has a place left."""
    for edge in lists.edges[lists.people[member].start : lists.people[member].end]:
        lists.people[other(lists, edge, member)].open += change


@rule
def best_free(lists: Lists, member: int) -> int:
    """The best pair of a member who has a place with a partner who has one; NOBODY if there is none."""
    if lists.people[member].open == 0:
        return NOBODY
    for edge in lists.edges[lists.people[member].start : lists.people[member].end]:
        if not lists.pairs[edge].chosen and lists.people[other(lists, edge, member)].free > 0:
            return int(edge)
    return NOBODY
