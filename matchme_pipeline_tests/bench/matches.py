"""Do matches agree with the latent truth? Affinity of the engine's matches against random eligible pairs.

The seeded members' truth is what they write from; no asset reads it. A population per seed is materialised for three
weeks with the offline models, members reviewing in between; the last week's matches are compared with pairs drawn at
random from all pairs that satisfy the same hard preferences, with the five most similar by vectors alone, and with
one-sided top fives. "Third week" is what members are really shown then: whom the weeks before have shown is left out.
"""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path

os.environ["MATCHME_FIRST_WEEK"] = "2026-01-04"
os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")

import numpy as np

from matchme_pipeline.database import files
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.database.embedded import EmbeddedServer
from matchme_pipeline.database.migrations import create_app_tables, migrate
from matchme_pipeline.matching import queries, weekly
from matchme_pipeline.matching.candidates import find_candidates
from matchme_pipeline.matching.compatibility import cosines
from matchme_pipeline.matching.eligibility import eligible_block
from matchme_pipeline.matching.engine import Match
from matchme_pipeline.matching.fairness import gini
from matchme_pipeline.population.latent import Latent, affinity
from matchme_pipeline.population.queries import latents
from matchme_pipeline.population.seed import seed_population
from matchme_pipeline.week import WEEK, Week
from matchme_pipeline_tests.materialising import materialise_in_order

SEEDS = (7, 8, 9, 10, 11)
MEMBERS = 600
WEEKS = tuple(Week(date(2026, 1, 4) + n * WEEK, is_first=n == 0) for n in range(3))

Pair = tuple[int, int]


def main() -> None:
    """Print mean affinity, coverage and exposure per method, each with its 95 % interval over the seeds."""
    results: dict[str, list[tuple[float, float, float]]] = {}
    for seed in SEEDS:
        for name, figures in measure(seed).items():
            results.setdefault(name, []).append(figures)
    print(f"{len(SEEDS)} populations of {MEMBERS} members, week {len(WEEKS)}; mean and 95 % interval over the seeds")
    print(f"{'method':<28}{'latent affinity':>22}{'coverage':>20}{'exposure Gini':>20}")
    for name, rows in results.items():
        columns = [_interval([row[i] for row in rows]) for i in range(3)]
        print(f"{name:<28}{columns[0]:>22}{columns[1]:>20}{columns[2]:>20}")
    random, engine = (np.mean([row[0] for row in results[name]]) for name in ("random eligible pairs", "the engine"))
    print(f"the engine's matches have {engine / random:.2f} times the affinity of random eligible pairs")


def measure(seed: int) -> dict[str, tuple[float, float, float]]:
    """Affinity, coverage and Gini per method, on one population."""
    home = Path(tempfile.mkdtemp(prefix="matchme-bench-"))
    server = EmbeddedServer(home, durable=False)
    url = server.ensure_running()
    try:
        with connect(url, vectors=False) as connection:
            create_app_tables(connection, files.app_tables_dir())
            migrate(connection, files.migrations_dir())
        with connect(url) as connection:
            seed_population(connection, users=MEMBERS, weeks=len(WEEKS), first_week=WEEKS[0].sunday, seed=seed)
            materialise_in_order(url, WEEKS, seed)
            return _compare(connection, seed)
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def _compare(connection: Connection, seed: int) -> dict[str, tuple[float, float, float]]:
    week = WEEKS[-1]
    truth = latents(connection)
    row = connection.execute("select distinct model from user_embeddings").fetchone()
    engine = weekly.load_engine(connection, week, str(row[0]) if row else "")
    ids = engine.profiles.members.user_ids
    place = {user_id: number for number, user_id in enumerate(ids)}
    may, _ = eligible_block(engine.profiles.members, engine.profiles.members)
    np.fill_diagonal(may, False)
    similarity = np.where(may, np.nan_to_num(cosines(engine.profiles, engine.profiles), nan=-1.0), -2.0)
    candidates = find_candidates(engine.profiles, [])
    score = np.full(may.shape, -1.0)
    score[candidates.a, candidates.b] = score[candidates.b, candidates.a] = candidates.score
    shown = [(place[pair.a], place[pair.b]) for pair in queries.pairs_of_week(connection, week.match_week)]
    rng = np.random.default_rng(seed)
    everyone = np.argwhere(np.triu(may))
    drawn = everyone[rng.choice(len(everyone), size=min(len(everyone), 5_000), replace=False)]
    methods = {
        "random eligible pairs": [(int(a), int(b)) for a, b in drawn],
        "vectors alone, one-sided": _top_five(similarity, may),
        "full score, one-sided": _top_five(score, may & (score >= 0)),
        "full score, mutual top five": _mutual(_top_five(score, may & (score >= 0))),
        "the engine": _positions(engine.match([]).matches, place),
        "the engine, third week": shown,
    }
    possible = may.any(axis=1)
    return {name: _figures(pairs, truth, ids, possible) for name, pairs in methods.items()}


def _positions(matches: Sequence[Match], place: dict[str, int]) -> list[Pair]:
    return [(place[match.a], place[match.b]) for match in matches]


def _top_five(values: np.ndarray, may: np.ndarray) -> list[Pair]:
    best = np.argsort(-values, axis=1, kind="stable")[:, :5]
    return [(a, int(b)) for a in range(len(values)) for b in best[a] if may[a, b]]


def _mutual(pairs: Sequence[Pair]) -> list[Pair]:
    known = set(pairs)
    return [(a, b) for a, b in pairs if a < b and (b, a) in known]


def _figures(
    pairs: Sequence[Pair], truth: dict[str, Latent], ids: Sequence[str], possible: np.ndarray
) -> tuple[float, float, float]:
    """Mean affinity; share of members with possibilities whom somebody sees; Gini of how often each is seen."""
    seen = Counter(member for pair in pairs for member in pair)
    counts = [seen.get(member, 0) for member in range(len(ids)) if possible[member]]
    mean = float(np.mean([affinity(truth[ids[a]], truth[ids[b]]) for a, b in pairs])) if pairs else 0.0
    return mean, sum(count > 0 for count in counts) / len(counts), gini(counts)


def _interval(values: Sequence[float]) -> str:
    """Mean and half the width of the 95 % interval (Student's t with four degrees of freedom for five seeds)."""
    spread = 2.776 * float(np.std(values, ddof=1)) / np.sqrt(len(values))
    return f"{np.mean(values):.3f} ± {spread:.3f}"


if __name__ == "__main__":
    main()
