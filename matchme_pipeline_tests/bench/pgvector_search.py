"""What the same search costs inside pgvector: for everyone through an HNSW index, and by exact scan.

The filters are those of the engine, resolved beforehand into columns that compare at once, so that the database has the
least to do. Vectors are the engine's, centred and at unit length; both ways ask for as many partners as the engine
keeps. HNSW is asked with `ef_search` 100 and an iterative scan, as its documentation advises where filters remove most
neighbours.
"""

import time
from collections.abc import Sequence
from typing import Any, LiteralString

import numpy as np

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.database.copy import copy_rows
from matchme_pipeline.matching.engine.candidates import CANDIDATES_PER_MEMBER
from matchme_pipeline.matching.engine.match_engine import Engine
from matchme_pipeline.matching.rules.quantised_vectors import STEPS

_ONE: LiteralString = """
    select n.position
    from nearest n, nearest o
    where o.position = %(position)s and n.position <> o.position
        and (o.wants_gender >> n.gender) & 1 = 1 and (n.wants_gender >> o.gender) & 1 = 1
        and n.age between o.age_min and o.age_max and o.age between n.age_min and n.age_max
        and (o.anywhere or ((n.x - o.x)^2 + (n.y - o.y)^2 + (n.z - o.z)^2) / 4 <= o.reach)
        and (n.anywhere or ((n.x - o.x)^2 + (n.y - o.y)^2 + (n.z - o.z)^2) / 4 <= n.reach)
        and ((n.is_ & o.refuses) | (o.is_ & n.refuses)) = 0
    order by n.embedding <#> %(vector)s
    limit %(limit)s
"""


def measure(url: str, engine: Engine, approximate: int, exact: int) -> dict[str, Any]:
    """Seconds of the index's build and of one query each way, over so many members; recall of the index."""
    records = engine.profiles.records()
    vectors = engine.profiles.vectors.quantised.astype(np.float32) / np.float32(STEPS)
    have = np.flatnonzero(records["has_vector"])
    rng = np.random.default_rng(2)
    sample = rng.choice(have, size=min(len(have), max(approximate, exact)), replace=False).tolist()
    with connect(url) as connection:
        began = time.perf_counter()
        _load(connection, engine, records, vectors, have)
        loading = time.perf_counter() - began
        exact_seconds, truth = _asked(connection, sample[:exact], vectors)
        began = time.perf_counter()
        connection.execute("set maintenance_work_mem = '2GB'")
        connection.execute("set max_parallel_maintenance_workers = 2")
        connection.execute("create index on nearest using hnsw (embedding vector_ip_ops)")
        build = time.perf_counter() - began
        connection.execute("set hnsw.ef_search = 100")
        connection.execute("set hnsw.iterative_scan = 'strict_order'")
        connection.execute("set enable_seqscan = off")
        hnsw_seconds, found = _asked(connection, sample[:approximate], vectors)
    compared = [(found[member], truth[member]) for member in sample[: min(exact, approximate)]]
    wanted = sum(len(right) for _, right in compared)
    return {
        "members": len(have),
        "load": loading,
        "build": build,
        "hnsw_seconds": hnsw_seconds,
        "hnsw_asked": len(sample[:approximate]),
        "exact_seconds": exact_seconds,
        "exact_asked": len(sample[:exact]),
        "recall": sum(len(got & right) for got, right in compared) / wanted if wanted else 1.0,
    }


def _load(connection: Connection, engine: Engine, records: Any, vectors: Any, have: Any) -> None:
    connection.execute(
        """
        create table nearest (
            position integer primary key, gender integer, wants_gender integer, age integer, age_min integer,
            age_max integer, x float8, y float8, z float8, reach float8, anywhere boolean, is_ bigint, refuses bigint,
            embedding vector(1536) not null
        )
        """
    )
    members = engine.profiles.members
    names = ("age", "age_min", "age_max", "x", "y", "z", "reach", "anywhere", "is_", "refuses")
    rows = (
        (
            place,
            int(members.gender[place]),
            int(members.wants_gender[place]),
            *(bool(records[name][place]) if name == "anywhere" else records[name][place].item() for name in names),
            vectors[place],
        )
        for place in have.tolist()
    )
    types = ("int4",) * 6 + ("float8",) * 4 + ("bool", "int8", "int8", "vector")
    copy_rows(connection, "nearest", ("position", "gender", "wants_gender", *names, "embedding"), types, rows)
    connection.execute("analyze nearest")


def _asked(connection: Connection, members: Sequence[int], vectors: Any) -> tuple[float, dict[int, set[int]]]:
    """Mean seconds of a query, and what it found, by member."""
    found = {}
    began = time.perf_counter()
    for member in members:
        given = {"position": member, "vector": vectors[member], "limit": CANDIDATES_PER_MEMBER}
        found[member] = {position for (position,) in connection.execute(_ONE, given).fetchall()}
    return (time.perf_counter() - began) / max(1, len(members)), found
