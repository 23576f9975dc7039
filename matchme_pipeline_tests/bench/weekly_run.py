"""One week's `weekly_matches` in a process of its own: seconds by step, memory, and what its figures are compared with.

Run as a program with the database's URL and a task: `week` materialises the asset and prints what it took; `product`
prints what the bare matrix product of the same pairs takes; `recall` compares candidates with looking at all pairs.
"""

import functools
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from datetime import date
from typing import Any

os.environ["MATCHME_FIRST_WEEK"] = "2026-01-04"
os.environ["MATCHME_LLM"] = "local"
os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")

import numpy as np
from threadpoolctl import threadpool_info

from matchme_pipeline.database.connection import connect
from matchme_pipeline.matching.engine import candidates
from matchme_pipeline.matching.engine.match_engine import Engine
from matchme_pipeline.matching.rules.compatibility import factors, score
from matchme_pipeline.matching.rules.eligibility import eligible_block
from matchme_pipeline.matching.week import weekly_matching
from matchme_pipeline.week import Week
from matchme_pipeline_tests.materialising import materialise

WEEK = Week(date(2026, 1, 4), is_first=True)
MODEL = "local-use-multilingual-v3.2"
_PRODUCT_ROWS = 2_048
_PRODUCTS = 3
_COMPARED_MEMBERS = 300


def main() -> None:
    """Do the task that the arguments name and print its result as the last line, JSON."""
    url, task, *rest = sys.argv[1:]
    result = {"week": week, "product": product, "recall": recall}[task](url, *rest)
    print(json.dumps(result))


def week(url: str) -> dict[str, Any]:
    """Materialise `weekly_matches`: its own seconds (database included, Dagster's start not), and by step."""
    steps: dict[str, float] = {}
    for module, name in (
        (weekly_matching, "load_engine_and_broken_rows"),
        (candidates, "find_candidates"),
        (weekly_matching.Engine, "_report"),
        (weekly_matching, "allocate_week"),
        (weekly_matching, "publish"),
    ):
        setattr(module, name, _timed(steps, name, getattr(module, name)))
    began = time.process_time()
    result = materialise(url, WEEK, "weekly_matches")
    processor = time.process_time() - began
    (event,) = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    seconds = float(metadata["duration_seconds"].value or 0.0)
    found, explained = steps["find_candidates"], steps["_report"]
    named = {
        "read": steps["load_engine_and_broken_rows"],
        "filter and score": found,
        "allocate": steps["allocate_week"] - found - explained,
        "explain": explained,
        "write": steps["publish"],
    }
    return {
        "seconds": seconds,
        "steps": {**named, "jobs": seconds - sum(named.values())},
        "processor": processor,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        **{
            name: metadata[name].value
            for name in ("items", "eligible_pairs", "matches", "coverage", "exposure_gini", "share_of_upper_bound")
        },
    }


def product(url: str) -> dict[str, Any]:
    """The float32 product of the vectors of all pairs whose genders suit, block by block, nothing else: the fastest."""
    engine = _engine(url)
    vectors = engine.profiles.vectors.quantised.astype(np.float32)
    meetings = list(candidates._meetings(engine.profiles.members))
    taken, processor = [0.0] * _PRODUCTS, [0.0] * _PRODUCTS
    for turn in range(_PRODUCTS):
        for meeting in meetings:
            rows, columns = vectors[meeting.rows], np.ascontiguousarray(vectors[meeting.columns].T)
            out = np.empty((_PRODUCT_ROWS, columns.shape[1]), dtype=np.float32)
            began, used = time.perf_counter(), time.process_time()
            for first in range(0, len(rows), _PRODUCT_ROWS):
                block = rows[first : first + _PRODUCT_ROWS]
                np.dot(block, columns, out=out[: len(block)])
            taken[turn] += time.perf_counter() - began
            processor[turn] += time.process_time() - used
    kernels = [f"{pool['internal_api']} {pool.get('architecture', '')}".strip() for pool in threadpool_info()]
    threads = [pool["num_threads"] for pool in threadpool_info()]
    return {
        "seconds": min(taken),
        "processor": min(processor),
        "pairs": sum(meeting.pairs for meeting in meetings),
        "kernel": ", ".join(f"{kernel}, {count} threads" for kernel, count in zip(kernels, threads, strict=True)),
    }


def recall(url: str) -> dict[str, Any]:
    """The share of members' best candidates, found by looking at every partner of theirs, that the engine kept."""
    engine = _engine(url)
    profiles = engine.profiles
    n = len(profiles.members)
    found = candidates.find_candidates(profiles, [])
    kept = set((found.a * n + found.b).tolist())
    rng = np.random.default_rng(1)
    sample = np.sort(rng.choice(n, size=min(n, _COMPARED_MEMBERS), replace=False))
    wanted = there = 0
    for member in sample.tolist():
        may, _ = eligible_block(profiles.members.rows(np.array([member])), profiles.members)
        partners = np.flatnonzero(may[0])
        partners = partners[partners != member]
        values = score(factors(profiles, np.full(len(partners), member), partners, found.calibration))
        best = partners[np.lexsort((partners, -values))][: candidates.CANDIDATES_PER_MEMBER]
        wanted += len(best)
        there += sum(min(member, b) * n + max(member, b) in kept for b in best.tolist())
    return {"recall": there / wanted if wanted else 1.0, "members": len(sample), "candidates": wanted}


def _engine(url: str) -> Engine:
    with connect(url) as connection:
        return weekly_matching.load_engine(connection, WEEK, MODEL)


def _timed(steps: dict[str, float], name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def timed(*given: Any, **named: Any) -> Any:
        began = time.perf_counter()
        try:
            return function(*given, **named)
        finally:
            # What comes after the publishing is a check's work, not the asset's.
            if "publish" not in steps:
                steps[name] = steps.get(name, 0.0) + time.perf_counter() - began

    return timed


if __name__ == "__main__":
    main()
