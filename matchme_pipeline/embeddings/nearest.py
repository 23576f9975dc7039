"""The index that finds a member's nearest by vector: HNSW over the newest week's vectors of one model, rebuilt weekly.

`user_embeddings` holds every week and every model; nobody asks for neighbours among those. So the index is partial: one
week, one model. A new week's rows are in none, so that the bulk write costs what it did; the index is built once they
are there, which is several times faster than to insert them one by one, and the week before's is dropped with it. It
holds half-precision copies (halfvec): half the memory, and the ten bits that are left tell neighbours apart as well.
Inner product is what it compares by: vectors have length one, where that is the cosine, and a query need not.
"""

import hashlib
from dataclasses import dataclass
from datetime import date
from time import monotonic

import psycopg

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.embeddings import nearest_queries

# Before this an index scan cannot go on where filters have thrown its finds away.
MINIMUM_PGVECTOR = (0, 8)


@dataclass(frozen=True)
class IndexOutcome:
    """The state of the index: `state` is built, there, or why there is none."""

    state: str
    seconds: float = 0.0


def refresh_index(connection: Connection, week: date, model: str) -> IndexOutcome:
    """Build the index over the vectors of `week` and `model` if that is the newest week, and drop older ones.

    A database that cannot have one is searched without, exactly and more slowly: that fails no week.
    """
    if nearest_queries.newest_week(connection, model) != week:
        return IndexOutcome("not the newest week")
    if nearest_queries.pgvector_version(connection) < MINIMUM_PGVECTOR:
        return IndexOutcome("needs pgvector 0.8")
    name = index_name(week, model)
    if name in nearest_queries.indexes(connection):
        return IndexOutcome("there")
    started = monotonic()
    try:
        nearest_queries.replace_index(connection, name, week, model)
    except psycopg.Error as error:
        return IndexOutcome(f"not built: {str(error).strip().splitlines()[0]}")
    return IndexOutcome("built", monotonic() - started)


def index_name(week: date, model: str) -> str:
    """The name says the week, for people, and the model, shortened."""
    digest = hashlib.sha256(model.encode()).hexdigest()[:8]
    return f"{nearest_queries.INDEX_PREFIX}{week:%Y%m%d}_{digest}"
