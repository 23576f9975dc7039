"""Chooses and ranks a week's rows: new pairs in both lists, around rows that members have touched."""

from collections import defaultdict
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.engine.allocation_problem import MAX_MATCHES
from matchme_pipeline.matching.engine.matches import Match, Matches, as_matches
from matchme_pipeline.matching.week.publication_queries import PublishedRow, WeekRows

_RANKS = range(1, MAX_MATCHES + 1)


def touched_pairs(rows: Sequence[PublishedRow]) -> set[tuple[str, str]]:
    """Pairs with a row that a member has viewed or acted on; they stay in both lists."""
    return {_ordered(row.user_id, row.match_user_id) for row in rows if row.is_touched}


def matches_around(given: Sequence[Match], touched: Collection[tuple[str, str]]) -> Matches:
    """The best of the matches, in their order, that fit into the places beside the `touched` pairs.

    A touched pair is not a new match. A match stays if neither member has more than `MAX_MATCHES`. Ties go by id.
    """
    matches = as_matches(given)
    position = {user_id: place for place, user_id in enumerate(matches.user_ids)}
    places = [MAX_MATCHES] * len(position)
    shown = set()
    for pair in touched:
        ends = [position[user_id] for user_id in pair if user_id in position]
        shown.add(tuple(sorted(ends)))
        for end in ends:
            places[end] -= 1
    chosen = np.zeros(len(matches), dtype=bool)
    order = np.lexsort((matches.b, matches.a, matches.worst_first))
    for match, a, b in zip(order.tolist(), matches.a[order].tolist(), matches.b[order].tolist(), strict=True):
        if places[a] > 0 and places[b] > 0 and (min(a, b), max(a, b)) not in shown:
            chosen[match] = True
            places[a] -= 1
            places[b] -= 1
    return matches.only(np.flatnonzero(chosen))


def ranked_rows(
    given: Sequence[Match], published: Sequence[PublishedRow], touched: Collection[tuple[str, str]]
) -> WeekRows:
    """Two rows for each match; the best gets the best rank that no published row holds; ties go by id.

    The order is that of a learned version's values, or of the scores without one.
    """
    matches = as_matches(given)
    owner, other = np.concatenate([matches.a, matches.b]), np.concatenate([matches.b, matches.a])
    order = np.lexsort((other, np.tile(matches.worst_first, 2), owner))
    owner, other, match = owner[order], other[order], np.tile(np.arange(len(matches)), 2)[order]
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    rank = np.arange(len(owner)) - np.repeat(starts, np.diff(np.append(starts, len(owner)))) + 1
    _leave_taken(rank, owner, matches.user_ids, published, touched)
    fits = np.flatnonzero(rank <= MAX_MATCHES)
    return WeekRows(matches, owner[fits], other[fits], rank[fits], match[fits])


def _leave_taken(
    rank: NDArray[np.intp],
    owner: NDArray[np.intp],
    user_ids: Sequence[str],
    published: Sequence[PublishedRow],
    touched: Collection[tuple[str, str]],
) -> None:
    """Move the ranks of members with rows of touched pairs past the ranks that those hold; in place."""
    taken: dict[str, set[int]] = defaultdict(set)
    for row in published:
        if _ordered(row.user_id, row.match_user_id) in touched:
            taken[row.user_id].add(row.rank)
    if not taken:
        return
    position = {user_id: place for place, user_id in enumerate(user_ids) if user_id in taken}
    for user_id, place in position.items():
        own = slice(*np.searchsorted(owner, [place, place + 1]))
        free = [number for number in _RANKS if number not in taken[user_id]]
        count = own.stop - own.start
        rank[own] = [*free, *[MAX_MATCHES + 1] * count][:count]


def _ordered(a: str, b: str) -> tuple[str, str]:
    return (a, b) if a < b else (b, a)
