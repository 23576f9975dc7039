"""The vectors of all content items as of a cutoff, summed per member while they are read."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matchme_pipeline.content.canonical import content_hash
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import VECTOR_DIMENSIONS, stage_rows
from matchme_pipeline.dna.originality import ItemSums
from matchme_pipeline.dna.queries.vectors import copy_numbered_vectors

# Vectors read at once, 60 MB of float32; memory use is a few times that for any population.
_VECTORS_AT_ONCE = 10_000


def item_sums_as_of(
    connection: Connection, user_ids: Sequence[str], cutoff: datetime, model: str
) -> tuple[ItemSums, int]:
    """The sums of members' item vectors of `model`, rows as in `user_ids`, and the number of items without a vector.

    A text that several items share is read once and counted for each.
    """
    # Sorted by member, so that a member's vectors are summed together.
    items = _items(connection, cutoff).sort_values("user_id", kind="stable")
    member = pd.Index(list(user_ids), dtype=object).get_indexer(pd.Index(items["user_id"], dtype=object))
    codes, hashes = pd.factorize(items["content_hash"].to_numpy(dtype=object)[member >= 0])
    member = member[member >= 0]
    by_hash = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[by_hash], np.arange(len(hashes) + 1))
    sums = ItemSums(len(user_ids), VECTOR_DIMENSIONS)
    found = 0
    # The server sends the next chunk while this one is added up: it is busy for twice as long as the sums take.
    with connection.transaction(), ThreadPoolExecutor(max_workers=1) as reader:
        stage_rows(connection, "wanted", [("number", "int4"), ("content_hash", "text")], enumerate(hashes))
        connection.execute("create index on wanted (number)")
        coming = reader.submit(_vectors, connection, 0, model)
        for following in range(_VECTORS_AT_ONCE, len(hashes) + _VECTORS_AT_ONCE, _VECTORS_AT_ONCE):
            numbers, vectors = coming.result()
            coming = reader.submit(_vectors, connection, following, model)
            counts = starts[numbers + 1] - starts[numbers]
            row = np.repeat(np.arange(len(numbers)), counts)
            within = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
            sums.add(member[by_hash[starts[numbers][row] + within]].astype(np.int64), vectors, row)
            found += len(row)
        coming.result()
    return sums, len(member) - found


def _items(connection: Connection, cutoff: datetime) -> pd.DataFrame:
    """`user_id` and `content_hash` of every live item with text that was shared before the cutoff.

    An item of a week that was never materialised has no row in `content_items` yet; its hash is computed here, so
    that a late week finds the same items as one on time.
    """
    rows = connection.execute(
        """
        select l.user_id, c.content_hash, case when c.item_id is null then l.content end
        from matchme_live_items l
        left join content_items c on c.item_type = l.item_type and c.item_id = l.item_id
        where l.shared_at < %(cutoff)s
        """,
        {"cutoff": cutoff},
    ).fetchall()
    hashed = [(user_id, digest or (content_hash(text) if text else None)) for user_id, digest, text in rows]
    return pd.DataFrame(
        [(user_id, digest) for user_id, digest in hashed if digest], columns=["user_id", "content_hash"], dtype=object
    )


def _vectors(connection: Connection, first: int, model: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The vectors of the wanted texts from number `first` on, with their numbers; at most `_VECTORS_AT_ONCE`."""
    return copy_numbered_vectors(
        connection,
        """
        copy (
            select w.number, e.embedding
            from wanted w
            join content_embeddings e on e.content_hash = w.content_hash and e.model = %s
            where w.number >= %s and w.number < %s
        ) to stdout (format binary)
        """,
        [model, first, first + _VECTORS_AT_ONCE],
    )
