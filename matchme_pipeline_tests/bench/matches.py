"""Do matches agree with the latent truth? The engine against random pairs, vectors alone and naive top fives.

The seeded members' truth is what they write from; no asset reads it. A population per seed is materialised for three
weeks with the offline models, members reviewing in between, and the last week is looked at. Weights were chosen on the
seeds 1 to 3; these figures are of others.

- precision: the share of shown partners who are among the truly best tenth of the member's own eligible partners;
- affinity: the mean latent affinity of the two;
- coverage: the share of members with possibilities who are shown to somebody;
- exposure Gini: of how many others each is shown to.

One-sided lists show everybody their own best five, whatever these see; of mutual lists each side sees the other. A
method that matches few members has the pick of them: so the engine's best pairs are also compared in the same number.
The last lines say what the truth itself would reach, which nobody knows: no list of five can be precise for who has few
possibilities. "Third week" is what members are really shown then: whom the weeks before have shown is left out.
"""

import os
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

os.environ["MATCHME_FIRST_WEEK"] = "2026-01-04"
os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")

import numpy as np

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.matching import member_queries
from matchme_pipeline.matching.engine.allocation import allocate
from matchme_pipeline.matching.engine.candidates import find_candidates
from matchme_pipeline.matching.engine.fairness import gini
from matchme_pipeline.matching.engine.match_engine import Engine
from matchme_pipeline.matching.rules.compatibility import cosines, factors, score
from matchme_pipeline.matching.rules.eligibility import eligible_block
from matchme_pipeline.matching.week import weekly_matching
from matchme_pipeline.population.latent import Latent, affinity
from matchme_pipeline.population.queries import latents
from matchme_pipeline.population.seed import seed_population
from matchme_pipeline.week import WEEK, Week
from matchme_pipeline_tests.bench.own_server import own_server, with_tables
from matchme_pipeline_tests.materialising import materialise_in_order

SEEDS = (7, 8, 9, 10, 11)
MEMBERS = 600
WEEKS = tuple(Week(date(2026, 1, 4) + n * WEEK, is_first=n == 0) for n in range(3))

ENGINE, BEST_OF_ENGINE = "the engine", "the engine, as many as naive mutual"
ONE_SIDED = ("random eligible pairs", "vectors alone, one-sided", "full score, one-sided")
MUTUAL = ("vectors alone, naive mutual top five", "full score, naive mutual top five")
VECTORS_LIKEWISE = "vectors alone, allocated likewise"
LEADS = {ENGINE: (*ONE_SIDED, *MUTUAL, VECTORS_LIKEWISE), BEST_OF_ENGINE: MUTUAL}
_BEST_SHARE = 0.1

Pair = tuple[int, int]


class Figures(NamedTuple):
    """What is measured of a method's lists."""

    precision: float
    affinity: float
    coverage: float
    gini: float
    shown_each: float


def main() -> None:
    """Print the figures of every method, each with its 95 % interval over the seeds, and the engine's lead."""
    results: dict[str, list[Figures]] = {}
    for seed in SEEDS:
        for name, figures in measure(seed).items():
            results.setdefault(name, []).append(figures)
    print(f"{len(SEEDS)} populations of {MEMBERS} members, week {len(WEEKS)}; mean and 95 % interval over the seeds")
    print(f"{'method':<38}" + "".join(f"{name:>18}" for name in Figures._fields))
    for name, rows in results.items():
        print(f"{name:<38}" + "".join(f"{_interval(column):>18}" for column in zip(*rows, strict=True)))
    print("\nthe engine's precision less that of (same populations, 95 % interval)")
    for engine, names in LEADS.items():
        for name in names:
            differences = [
                own.precision - other.precision for own, other in zip(results[engine], results[name], strict=True)
            ]
            print(f"  {name:<36}{_interval(differences):>18}   ({engine})")


def measure(seed: int) -> dict[str, "Figures"]:
    """The figures of every method on one population."""
    with own_server() as server:
        url = with_tables(server)
        with connect(url) as connection:
            seed_population(connection, users=MEMBERS, weeks=len(WEEKS), first_week=WEEKS[0].sunday, seed=seed)
            materialise_in_order(url, WEEKS, seed)
            return _compare(connection, seed)


def _compare(connection: Connection, seed: int) -> dict[str, Figures]:
    week = WEEKS[-1]
    row = connection.execute("select distinct model from user_embeddings").fetchone()
    engine = weekly_matching.load_engine(connection, week, str(row[0]) if row else "")
    ids = engine.profiles.members.user_ids
    may, _ = eligible_block(engine.profiles.members, engine.profiles.members)
    np.fill_diagonal(may, False)
    similarity = np.nan_to_num(cosines(engine.profiles, engine.profiles), nan=-1.0)
    full = _scores(engine, may)
    true = _affinities(latents(connection), ids)
    place = {user_id: number for number, user_id in enumerate(ids)}
    matches = sorted(engine.match([]).matches, key=lambda match: (-match.score, match.a, match.b))
    engines = [(place[match.a], place[match.b]) for match in matches]
    naive = _mutual(_top_five(full, may))
    chance = np.random.default_rng(seed).random(may.shape)
    shown = [
        (place[pair.a], place[pair.b])
        for pair in member_queries.pairs_of_week(connection, week.match_week)
        if pair.a in place and pair.b in place
    ]
    one_sided = dict(zip(ONE_SIDED, (chance, similarity, full), strict=True))
    both_sides = {
        MUTUAL[0]: _mutual(_top_five(similarity, may)),
        MUTUAL[1]: naive,
        ENGINE: engines,
        BEST_OF_ENGINE: engines[: len(naive)],
        VECTORS_LIKEWISE: _allocated(similarity + 1, may),
        "the engine, third week": shown,
        "(the truth, allocated likewise)": _allocated(true, may),
    }
    lists = {name: _top_five(values, may) for name, values in one_sided.items()}
    lists |= {name: pairs + [(b, a) for a, b in pairs] for name, pairs in both_sides.items()}
    lists["(the truth, one-sided)"] = _top_five(true, may)
    return {name: _figures(own, true, may) for name, own in lists.items()}


def _scores(engine: Engine, may: np.ndarray) -> np.ndarray:
    """The full score of every eligible pair, (members, members)."""
    calibration = find_candidates(engine.profiles, []).calibration
    a, b = np.nonzero(may)
    scores = np.full(may.shape, -1.0)
    scores[a, b] = score(factors(engine.profiles, a, b, calibration))
    return scores


def _affinities(truth: dict[str, Latent], ids: Sequence[str]) -> np.ndarray:
    return np.array([[affinity(truth[a], truth[b]) for b in ids] for a in ids])


def _top_five(values: np.ndarray, may: np.ndarray) -> list[Pair]:
    """Who is shown whom where everybody gets their own five best."""
    best = np.argsort(-np.where(may, values, -np.inf), axis=1, kind="stable")[:, :5]
    return [(a, int(b)) for a in range(len(values)) for b in best[a] if may[a, b]]


def _allocated(values: np.ndarray, may: np.ndarray) -> list[Pair]:
    """The engine's allocation of all eligible pairs by other values."""
    a, b = np.nonzero(np.triu(may))
    chosen = allocate(len(may), a, b, values[a, b].astype(np.float32)).chosen
    return list(zip(a[chosen].tolist(), b[chosen].tolist(), strict=True))


def _mutual(shown: Sequence[Pair]) -> list[Pair]:
    known = set(shown)
    return [(a, b) for a, b in shown if a < b and (b, a) in known]


def _figures(shown: Sequence[Pair], true: np.ndarray, may: np.ndarray) -> Figures:
    """The figures of lists: `shown` are (member, partner in the member's list)."""
    member, partner = np.array(shown, dtype=np.intp).reshape(-1, 2).T
    possible = may.any(axis=1)
    # The last affinity that is among the best tenth of each member's own possibilities.
    limits = np.array(
        [
            np.sort(true[m][may[m]])[-max(1, round(_BEST_SHARE * np.count_nonzero(may[m])))] if possible[m] else np.inf
            for m in range(len(may))
        ]
    )
    seen = np.bincount(partner, minlength=len(may))[possible]
    return Figures(
        precision=float(np.mean(true[member, partner] >= limits[member])),
        affinity=float(np.mean(true[member, partner])),
        coverage=float(np.mean(seen > 0)),
        gini=gini(seen.tolist()),
        shown_each=len(shown) / np.count_nonzero(possible),
    )


def _interval(values: Sequence[float]) -> str:
    """Mean and half the width of the 95 % interval (Student's t with four degrees of freedom for five seeds)."""
    spread = 2.776 * float(np.std(values, ddof=1)) / np.sqrt(len(values))
    return f"{np.mean(values):.3f} ± {spread:.3f}"


if __name__ == "__main__":
    main()
