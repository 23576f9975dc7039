"""SQL of the pairs that have met: in a conversation, or shown by another week; as positions of members.

Half a year of a large population has millions of pairs, so they are read as binary integers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import read_integers

_PLACES = """
    members as materialized (
        select id, (place - 1)::integer as place from unnest(%(ids)s::text[]) with ordinality as u (id, place)
    )
"""


@dataclass(frozen=True)
class ShownPairs:
    """Pairs of positions (low, high), each once; `is_known`: published before a moment."""

    pairs: NDArray[np.intp]
    is_known: NDArray[np.bool_]


def pairs_in_conversation(
    connection: Connection, cutoff: datetime, user_ids: Sequence[str], of: Sequence[str] | None = None
) -> NDArray[np.intp]:
    """Pairs among `user_ids` with a conversation before `cutoff`, as positions (low, high), in order.

    `of`: only pairs of these members.
    """
    rows = read_integers(
        connection,
        f"""
        with {_PLACES}
        select least(a.place, b.place), greatest(a.place, b.place)
        from conversations c
        join members a on a.id = c.user1_clerk_id
        join members b on b.id = c.user2_clerk_id
        where c.created_at < %(cutoff)s
            and (%(of)s::text[] is null or a.id = any(%(of)s) or b.id = any(%(of)s))
        order by 1, 2
        """,
        {"ids": list(user_ids), "cutoff": cutoff, "of": None if of is None else list(of)},
        columns=2,
    )
    return rows.astype(np.intp)


def shown_pairs(
    connection: Connection,
    match_week: date,
    window_weeks: int,
    user_ids: Sequence[str],
    published_before: datetime | None = None,
    of: Sequence[str] | None = None,
) -> ShownPairs:
    """Pairs among `user_ids` that any other week within the window shows, earlier or later.

    A pair `is_known` if one of its rows was published before `published_before` (None: all are). `of`: only pairs of
    these members.
    """
    rows = read_integers(
        connection,
        f"""
        with {_PLACES}
        select a.place, b.place, (%(before)s::timestamptz is null or w.created_at < %(before)s)::integer
        from weekly_matches w
        join members a on a.id = w.user_id
        join members b on b.id = w.match_user_id
        where w.week_start_date <> %(week)s
            -- No arithmetic with the column: an infinite date would end the statement.
            and w.week_start_date > %(week)s::date - 7 * %(window)s
            and w.week_start_date < %(week)s::date + 7 * %(window)s
            and (%(of)s::text[] is null or a.id = any(%(of)s) or b.id = any(%(of)s))
        """,
        {
            "week": match_week,
            "window": window_weeks,
            "ids": list(user_ids),
            "before": published_before,
            "of": None if of is None else list(of),
        },
        columns=3,
    ).astype(np.int64)
    keys = np.minimum(rows[:, 0], rows[:, 1]) * len(user_ids) + np.maximum(rows[:, 0], rows[:, 1])
    pairs, number = np.unique(keys, return_inverse=True)
    is_known = np.zeros(len(pairs), dtype=bool)
    is_known[number[rows[:, 2] != 0]] = True
    return ShownPairs(np.stack(np.divmod(pairs, max(len(user_ids), 1)), axis=1).astype(np.intp), is_known)
