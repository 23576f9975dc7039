"""SQL of stored answers and vectors, which are paid once and reused."""

import json
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import read_vectors, stage_rows
from matchme_pipeline.llm.store.records import StoredAnswer, StoredVector

# The number of keys per look-up.
LOOK_UP = 5_000


def stored_answers(connection: Connection, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The answers stored under `keys`."""
    found: dict[str, dict[str, Any]] = {}
    for first in range(0, len(keys), LOOK_UP):
        rows = connection.execute(
            "select cache_key, answer from content_analyses where cache_key = any(%s)",
            [list(keys[first : first + LOOK_UP])],
        )
        found.update(rows.fetchall())
    return found


def stored_vectors(connection: Connection, model: str, hashes: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """The vectors of `model` stored under content `hashes`: float32 of shape (1536,)."""
    found: dict[str, NDArray[np.float32]] = {}
    for first in range(0, len(hashes), LOOK_UP):
        keys, vectors = read_vectors(
            connection,
            "select content_hash, embedding from content_embeddings where model = %s and content_hash = any(%s)",
            [model, list(hashes[first : first + LOOK_UP])],
        )
        found.update(zip(keys, vectors, strict=True))
    return found


def hashes_with_vector(connection: Connection, model: str, hashes: Collection[str]) -> set[str]:
    """Those of `hashes` under which a vector of `model` is stored."""
    wanted = sorted(hashes)
    found: set[str] = set()
    for first in range(0, len(wanted), LOOK_UP):
        rows = connection.execute(
            "select content_hash from content_embeddings where model = %s and content_hash = any(%s)",
            [model, wanted[first : first + LOOK_UP]],
        )
        found.update(row[0] for row in rows)
    return found


def save_answers(connection: Connection, answers: Sequence[StoredAnswer]) -> None:
    """Store `answers` by their keys, inside the caller's transaction; existing ones stay."""
    columns = [[getattr(a, name) for a in answers] for name in ("key", "stage", "subject", "model", "prompt_version")]
    connection.execute(
        """
        insert into content_analyses (cache_key, stage, content_hash, model, prompt_version, answer, llm_call_id)
        select * from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::jsonb[], %s::uuid[])
        on conflict (cache_key) do nothing
        """,
        [
            *columns,
            [json.dumps(answer.answer, ensure_ascii=False) for answer in answers],
            [answer.call_id for answer in answers],
        ],
    )


def save_vectors(connection: Connection, vectors: Sequence[StoredVector]) -> None:
    """Store `vectors` by content hash and model, inside the caller's transaction; existing ones stay."""
    stage_rows(
        connection,
        "new_embeddings",
        [("content_hash", "text"), ("model", "text"), ("embedding", "vector"), ("llm_call_id", "uuid")],
        ((v.content_hash, v.model, v.vector, v.call_id) for v in vectors),
    )
    connection.execute(
        """
        insert into content_embeddings (content_hash, model, embedding, llm_call_id)
        select content_hash, model, embedding, llm_call_id from new_embeddings
        on conflict (content_hash, model) do nothing
        """
    )
