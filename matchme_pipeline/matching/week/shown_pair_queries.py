"""SQL of the pairs that other weeks show, as positions of the week's members."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import read_integers


@dataclass(frozen=True)
class ShownPairs:
    """Pairs of positions (low, high), each once; `is_known`: published before a moment."""

    pairs: NDArray[np.intp]
    is_known: NDArray[np.bool_]


def shown_pairs(
    connection: Connection,
    match_week: date,
    window_weeks: int,
    user_ids: Sequence[str],
    published_before: datetime | None = None,
) -> ShownPairs:
    """Pairs among `user_ids` that any other week within the window shows, earlier or later.

    A pair `is_known` if one of its rows was published before `published_before` (None: all are). Half a year of a large
    population has millions of rows, so they are read as binary integers.
    """
    rows = read_integers(
        connection,
        """
        with members as materialized (
            select id, (place - 1)::integer as place from unnest(%(ids)s::text[]) with ordinality as u (id, place)
        )
        select a.place, b.place, (%(before)s::timestamptz is null or w.created_at < %(before)s)::integer
        from weekly_matches w
        join members a on a.id = w.user_id
        join members b on b.id = w.match_user_id
        where w.week_start_date <> %(week)s
            and w.week_start_date > %(week)s::date - 7 * %(window)s
            and w.week_start_date < %(week)s::date + 7 * %(window)s
        """,
        {"week": match_week, "window": window_weeks, "ids": list(user_ids), "before": published_before},
        columns=3,
    ).astype(np.int64)
    keys = np.minimum(rows[:, 0], rows[:, 1]) * len(user_ids) + np.maximum(rows[:, 0], rows[:, 1])
    pairs, number = np.unique(keys, return_inverse=True)
    is_known = np.zeros(len(pairs), dtype=bool)
    is_known[number[rows[:, 2] != 0]] = True
    return ShownPairs(np.stack(np.divmod(pairs, max(len(user_ids), 1)), axis=1).astype(np.intp), is_known)
