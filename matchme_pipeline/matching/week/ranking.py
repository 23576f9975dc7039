"""Chooses and ranks a week's rows: new pairs in both lists, around rows that members have touched."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from decimal import Decimal

from matchme_pipeline.matching.engine.allocation_problem import MAX_MATCHES
from matchme_pipeline.matching.engine.match_engine import Match
from matchme_pipeline.matching.week.publication_queries import MatchRow, PublishedRow

_RANKS = range(1, MAX_MATCHES + 1)


def touched_pairs(rows: Sequence[PublishedRow]) -> set[tuple[str, str]]:
    """Pairs with a row that a member has viewed or acted on; they stay in both lists."""
    return {_ordered(row.user_id, row.match_user_id) for row in rows if row.is_touched}


def matches_around(matches: Sequence[Match], touched: Collection[tuple[str, str]]) -> list[Match]:
    """The best of `matches`, in their order, that fit into the places beside the `touched` pairs.

    A touched pair is not a new match. A match stays if neither member has more than `MAX_MATCHES`. Ties go by id.
    """
    places: dict[str, int] = defaultdict(lambda: MAX_MATCHES)
    for a, b in touched:
        places[a] -= 1
        places[b] -= 1
    chosen: set[tuple[str, str]] = set()
    for match in sorted(matches, key=lambda match: (_worst_first(match), match.a, match.b)):
        if places[match.a] > 0 and places[match.b] > 0 and _ordered(match.a, match.b) not in touched:
            chosen.add((match.a, match.b))
            places[match.a] -= 1
            places[match.b] -= 1
    return [match for match in matches if (match.a, match.b) in chosen]


def ranked_rows(
    matches: Sequence[Match], published: Sequence[PublishedRow], touched: Collection[tuple[str, str]]
) -> list[MatchRow]:
    """Two rows for each match; the best gets the best rank that no published row holds; ties go by id.

    The order is that of a learned version's values, or of the scores without one.
    """
    taken: dict[str, set[int]] = defaultdict(set)
    for row in published:
        if _ordered(row.user_id, row.match_user_id) in touched:
            taken[row.user_id].add(row.rank)
    lists: dict[str, list[tuple[float | Decimal, str, Match]]] = defaultdict(list)
    for match in matches:
        worst_first = _worst_first(match)
        lists[match.a].append((worst_first, match.b, match))
        lists[match.b].append((worst_first, match.a, match))
    rows = []
    for user_id, own in sorted(lists.items()):
        own.sort()
        free = (rank for rank in _RANKS if rank not in taken.get(user_id, ()))
        for (_, other, match), rank in zip(own, free, strict=False):
            rows.append(MatchRow(user_id, other, match.score, rank, match.factors))
    return rows


def _worst_first(match: Match) -> float | Decimal:
    """Orders matches by a learned version's value, or by their score without one."""
    return -match.score if match.value is None else -match.value


def _ordered(a: str, b: str) -> tuple[str, str]:
    return (a, b) if a < b else (b, a)
