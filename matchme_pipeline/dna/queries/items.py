"""The vectors of everyone's content items as of a cutoff, summed per member while they are read."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from matchme_pipeline.content.canonical import content_hash
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import VECTOR_DIMENSIONS, read_vectors
from matchme_pipeline.dna.originality import ItemSums

# Vectors that are in memory at once: 120 MB of float32, whatever the population.
_VECTORS_AT_ONCE = 20_000


def item_sums_as_of(
    connection: Connection, user_ids: Sequence[str], cutoff: datetime, model: str
) -> tuple[ItemSums, int]:
    """The sums of members' item vectors of `model`, rows as in `user_ids`, and the number of items without a vector.

    A text that several items share is read once and counted for each.
    """
    items = _items(connection, cutoff)
    member = pd.Index(list(user_ids), dtype=object).get_indexer(pd.Index(items["user_id"], dtype=object))
    codes, hashes = pd.factorize(items["content_hash"].to_numpy(dtype=object)[member >= 0])
    member = member[member >= 0]
    by_hash = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[by_hash], np.arange(len(hashes) + 1))
    sums = ItemSums(len(user_ids), VECTOR_DIMENSIONS)
    found = 0
    position = {digest: number for number, digest in enumerate(hashes)}
    for first in range(0, len(hashes), _VECTORS_AT_ONCE):
        keys, vectors = _vectors(connection, list(hashes[first : first + _VECTORS_AT_ONCE]), model)
        numbers = np.array([position[key] for key in keys], dtype=np.int64)
        counts = starts[numbers + 1] - starts[numbers]
        row = np.repeat(np.arange(len(numbers)), counts)
        within = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        sums.add(member[by_hash[starts[numbers][row] + within]].astype(np.int64), vectors[row])
        found += len(row)
    return sums, len(member) - found


def _items(connection: Connection, cutoff: datetime) -> pd.DataFrame:
    """`user_id` and `content_hash` of every live item with text that was shared before the cutoff.

    An item of a week that was never materialised has no row in `content_items` yet; its hash is computed here, so
    that a late week finds the same items as one on time.
    """
    rows = connection.execute(
        """
        select p.clerk_user_id, c.content_hash, case when c.item_id is null then p.caption end
        from posts p
        left join content_items c on c.item_type = 'post' and c.item_id = p.id
        where p.created_at < %(cutoff)s
            and p.deleted_at is null and coalesce(p.is_visible, true) and coalesce(p.is_approved, true)
        union all
        select v.user_id, c.content_hash, case when c.item_id is null then v.transcription end
        from voice_introductions v
        left join content_items c on c.item_type = 'voice_introduction' and c.item_id = v.id
        where v.created_at < %(cutoff)s
            and v.is_active and v.processing_status = 'completed' and v.transcription is not null
        """,
        {"cutoff": cutoff},
    ).fetchall()
    hashed = [(user_id, digest or (content_hash(text) if text else None)) for user_id, digest, text in rows]
    return pd.DataFrame(
        [(user_id, digest) for user_id, digest in hashed if digest], columns=["user_id", "content_hash"], dtype=object
    )


def _vectors(connection: Connection, hashes: list[str], model: str) -> tuple[list[str], np.ndarray]:
    return read_vectors(
        connection,
        "select content_hash, embedding from content_embeddings where model = %s and content_hash = any(%s)",
        [model, hashes],
    )
