"""The vector index for a member's nearest neighbours: HNSW over the newest week's vectors of one model, rebuilt weekly.

`user_embeddings` holds every week and model, but only the newest week is searched. Therefore the index is partial. Rows
of a new week belong to no index, so the bulk write costs nothing extra. Building the index afterwards is several times
faster than inserting rows one by one; the previous week's index is dropped then. The index stores half-precision copies
(halfvec), which halve its memory and rank neighbours equally well. It uses the inner product, which equals the cosine
for unit vectors and does not require a normalised query.
"""

import hashlib
from dataclasses import dataclass
from datetime import date
from time import monotonic

import psycopg

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.embeddings import nearest_queries

# Before this version an index scan cannot continue after filters have rejected its results.
MIN_PGVECTOR = (0, 8)


@dataclass(frozen=True)
class IndexOutcome:
    """The state of the index: `state` is built, there, or the reason why there is none."""

    state: str
    seconds: float = 0.0


def refresh_index(connection: Connection, week: date, model: str) -> IndexOutcome:
    """Build the index over the vectors of `week` and `model` if that is the newest week, and drop older indexes.

    Without an index the search is exact and slower. Therefore a database that cannot build one fails no week.
    """
    if nearest_queries.newest_week(connection, model) != week:
        return IndexOutcome("not the newest week")
    if nearest_queries.pgvector_version(connection) < MIN_PGVECTOR:
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
    """The name contains the week and a shortened model."""
    digest = hashlib.sha256(model.encode()).hexdigest()[:8]
    return f"{nearest_queries.INDEX_PREFIX}{week:%Y%m%d}_{digest}"
