"""Does matching that learns do better than fixed weights? Seeded members who answer, twelve weeks, five seeds.

Both arms have the same members, who answer by the same latent truth. Printed, with 95 % intervals over the seeds:

- mutual likes per shown pair, learned against fixed, over all weeks and over those that a version scored;
- AUC of both scores on the same pairs, those that the fixed weights showed; coverage; the Gini of exposure;
- a truth that changes half-way: the weeks in which the version in use was followed, replaced or rolled back;
- answers of pure chance, 20 seeds: how often anything was promoted;
- a ring of 1 % who like each other, and one who passes everybody: how far the others' lists move;
- training on 10 million outcomes of 100,000 members: seconds and memory.
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

os.environ["MATCHME_FIRST_WEEK"] = "2026-01-04"
os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")

import numpy as np
from sklearn.metrics import roc_auc_score

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.matching import model_queries
from matchme_pipeline.matching.engine.match_engine import Engine
from matchme_pipeline.matching.learning.features import PAIR_FEATURES
from matchme_pipeline.matching.learning.shown_sides import ShownSides
from matchme_pipeline.matching.learning.versions import train
from matchme_pipeline.matching.week import weekly_matching
from matchme_pipeline.population.latent import Latent
from matchme_pipeline.population.match_answer_queries import Action, ShownRow
from matchme_pipeline.population.people import member
from matchme_pipeline.population.seed import generator
from matchme_pipeline.week import Week
from matchme_pipeline_tests.bench import weekly_run
from matchme_pipeline_tests.bench.living_members import Answer, Life, ShownWeek, by_truth, weeks
from matchme_pipeline_tests.bench.many_members import fill
from matchme_pipeline_tests.bench.own_server import own_server, with_tables

SEEDS = (7, 8, 9, 10, 11)
NOISE_SEEDS = range(100, 120)
MEMBERS = int(os.environ.get("BENCH_LEARNING", "3000"))
NOISE_MEMBERS = 1_500
WEEKS = 12
# Student's t with four degrees of freedom.
_T_OF_FIVE = 2.776
_TRAINED = {"members": 100_000, "sides": 10_000_000}


@dataclass(frozen=True)
class People:
    """Members ready to be matched, their truth, and a connection to tables that outcomes are written to."""

    engine: Engine
    truth: Mapping[str, Latent]
    connection: Connection


def main() -> None:
    """Print every part, or those that BENCH_LEARNING_PARTS names, separated by commas."""
    parts = {"learned": learned, "drift": drift, "noise": noise, "poison": poison, "training": training}
    for name in os.environ.get("BENCH_LEARNING_PARTS", ",".join(parts)).split(","):
        print(f"-- {name}", flush=True)
        parts[name]()


@contextmanager
def people(members: int, seed: int) -> Iterator[People]:
    """So many seeded members in a database of their own."""
    with own_server() as server:
        url = with_tables(server)
        with connect(url) as connection:
            fill(connection, members, weekly_run.WEEK, weekly_run.MODEL, seed)
            engine = weekly_matching.load_engine(connection, weekly_run.WEEK, weekly_run.MODEL)
            yield People(engine, _truth(members, seed), connection)


def _truth(members: int, seed: int) -> dict[str, Latent]:
    week = weekly_run.WEEK
    drawn = [member(generator(seed, index), seed, index, week.start, week.cutoff) for index in range(members)]
    return {one.user_id: one.latent for one in drawn}


def learned() -> None:
    """Learned against fixed weights on the same members."""
    rows = []
    for seed in SEEDS:
        with people(MEMBERS, seed) as own:
            answer = by_truth(own.truth, seed)
            fixed_life, learned_life = Life(own.engine, answer), Life(own.engine, answer, own.connection)
            fixed, taught, areas = [], [], []
            for week in weeks(WEEKS):
                taught.append(learned_life.live(week))
                fixed.append(fixed_life.live(week))
                if taught[-1].version is not None:
                    areas.append(_areas(own, week, fixed[-1]))
        rows.append(_compared(fixed, taught, areas))
        print(f"seed {seed}: {', '.join(f'{name} {value:.4f}' for name, value in rows[-1].items())}", flush=True)
    for name in rows[0]:
        print(f"{name:<58}{_interval([row[name] for row in rows])}")


def _areas(own: People, week: Week, shown: ShownWeek) -> tuple[float, float]:
    """AUC of the fixed score and of the learned values on the pairs that the fixed weights showed."""
    version = model_queries.learned_of_week(own.connection, week.sunday)
    assert version is not None
    values = version.values(own.engine.pair_features, shown.candidates)
    return float(roc_auc_score(shown.mutual, shown.score)), float(roc_auc_score(shown.mutual, values))


def _compared(fixed: list[ShownWeek], taught: list[ShownWeek], areas: list[tuple[float, float]]) -> dict[str, float]:
    active = [n for n, week in enumerate(taught) if week.version is not None]
    scored = [taught[n] for n in active]
    both = np.array(areas).mean(axis=0) if areas else (np.nan, np.nan)
    return {
        "mutual likes per shown pair, fixed": _rate(fixed),
        "mutual likes per shown pair, learned": _rate(taught),
        "ratio": _rate(taught) / _rate(fixed),
        "ratio in the weeks that a version scored": _rate(scored) / _rate([fixed[n] for n in active]),
        "mutual likes in all, ratio": _mutual(taught) / _mutual(fixed),
        "weeks that a version scored": float(len(active)),
        "AUC of the fixed score, on the fixed arm's pairs": float(both[0]),
        "AUC of the learned values, on the same pairs": float(both[1]),
        "coverage, fixed": _coverage(fixed),
        "coverage, learned": _coverage(taught),
        "exposure Gini, fixed": float(np.mean([week.exposure.gini["all"] for week in fixed])),
        "exposure Gini, learned": float(np.mean([week.exposure.gini["all"] for week in taught])),
    }


def drift() -> None:
    """Half-way everybody becomes somebody else: popularity, selectivity and what they are like are dealt anew."""
    for seed in SEEDS:
        with people(MEMBERS, seed) as own:
            ids = sorted(own.truth)
            dealt = np.random.default_rng(seed).permutation(len(ids))
            other = {one: own.truth[ids[place]] for one, place in zip(ids, dealt.tolist(), strict=True)}
            answer = _turning(by_truth(own.truth, seed), by_truth(other, seed + 1_000), weeks(WEEKS)[WEEKS // 2])
            fixed_life, learned_life = Life(own.engine, answer), Life(own.engine, answer, own.connection)
            said = []
            for number, week in enumerate(weeks(WEEKS)):
                taught, fixed = learned_life.live(week), fixed_life.live(week)
                if number >= WEEKS // 2 - 1:
                    decision = learned_life.learned[-1].decided.decision
                    said.append(f"{taught.version or 'untrained'} ({decision}) {_rate([taught]) / _rate([fixed]):.2f}")
        print(f"seed {seed}, from the week before the turn, version and ratio: {'; '.join(said)}", flush=True)


def noise() -> None:
    """Members who like at random: nothing may be promoted."""
    promoted = 0
    with people(NOISE_MEMBERS, SEEDS[0]) as own:
        for seed in NOISE_SEEDS:
            own.connection.execute("truncate match_outcomes, match_models, match_tendencies, match_week_models")
            life = Life(own.engine, _at_random(seed), own.connection)
            versions = {week.version for week in (life.live(week) for week in weeks(WEEKS))}
            promoted += versions != {None}
    print(f"promoted in {promoted} of {len(NOISE_SEEDS)} populations of {NOISE_MEMBERS}, {WEEKS} weeks each")


def _at_random(seed: int) -> Answer:
    """Everybody likes three in ten of those that they look at, whoever they are."""

    def answer(shown: list[ShownRow], week: Week) -> list[Action]:
        random = np.random.default_rng([seed, week.sunday.toordinal()])
        actions = []
        for row in shown:
            views, likes = random.random(2)
            if views < 0.9 - 0.12 * (row.rank - 1):
                action = "liked" if likes < 0.3 else "passed"
                actions.append(Action(row.user_id, row.match_user_id, week.cutoff, week.cutoff, action))
        return actions

    return answer


def poison() -> None:
    """A ring of 1 % that like each other whenever they are shown, and one who passes everybody."""
    moved, values = [], []
    for seed in SEEDS:
        with people(NOISE_MEMBERS, seed) as own:
            ids = own.engine.profiles.members.user_ids
            bad = set(ids[::100]) | {ids[1]}

            lists, points = [], []
            honest_answer = by_truth(own.truth, seed)
            for answer in (honest_answer, _poisoned(honest_answer, bad, ids[1])):
                own.connection.execute("truncate match_outcomes, match_models, match_tendencies, match_week_models")
                life = Life(own.engine, answer, own.connection)
                for week in weeks(4):
                    life.live(week)
                stored = model_queries.version_of(own.connection, weeks(4)[-1].sunday)
                assert stored is not None
                version = model_queries.learned_as_of(own.connection, stored, stored.week)
                assert version is not None
                found = own.engine.candidates([])
                value = version.values(own.engine.pair_features, found)
                chosen, _ = own.engine.allocate(found, (), value)
                places = [ids.index(one) for one in sorted(bad)]
                honest = ~np.isin(found.a, places) & ~np.isin(found.b, places)
                points.append(value[honest])
                lists.append({(int(found.a[n]), int(found.b[n])) for n in chosen.tolist() if honest[n]})
            moved.append(1 - len(lists[0] & lists[1]) / len(lists[0] | lists[1]))
            values.append(float(np.quantile(np.abs(points[0] - points[1]), 0.95)))
    print(f"others' values move by (95th percentile, points of 100) {_interval(values)}")
    print(f"share of the others' shown pairs that change            {_interval(moved)}")


def _turning(before: Answer, after: Answer, turn: Week) -> Answer:
    """One truth before a week, another from it on."""
    return lambda shown, week: (before if week < turn else after)(shown, week)


def _poisoned(honest: Answer, ring: set[str], passer: str) -> Answer:
    """The ring's members like each other and nobody else; the passer passes everybody."""

    def act(one: Action) -> Action:
        if one.user_id not in ring:
            return one
        return replace(one, action="liked" if one.user_id != passer and one.match_user_id in ring else "passed")

    return lambda shown, week: [act(one) for one in honest(shown, week)]


def training() -> None:
    """Seconds and memory of a training, in a process of its own."""
    command = [sys.executable, "-c", "from matchme_pipeline_tests.bench.learning import train_many; train_many()"]
    subprocess.run(command, check=True)


def train_many() -> None:
    """Train on drawn outcomes of many members and print what it took."""
    members, sides = _TRAINED["members"], _TRAINED["sides"] // 2
    random = np.random.default_rng(0)
    half = members // 2
    a = random.integers(0, half, sides).astype(np.int32)
    b = (half + random.integers(0, half, sides)).astype(np.int32)
    keys = np.unique(a.astype(np.int64) * members + b, return_index=True)[1]
    a, b = a[keys], b[keys]
    features = random.random((len(a), len(PAIR_FEATURES)), dtype=np.float32)
    likes, liked = random.normal(0, 0.8, (2, members))
    seen = (np.concatenate([a, b]), np.concatenate([b, a]))
    odds = -1.5 + likes[seen[0]] + liked[seen[1]] + np.tile(features[:, 0], 2)
    yes = random.random(2 * len(a)) < 1 / (1 + np.exp(-odds))
    no = np.zeros(len(yes), dtype=bool)
    rank = np.tile(random.integers(1, 6, len(a)).astype(np.int8), 2)
    week = np.tile(random.integers(0, 26, len(a)).astype(np.int32), 2)
    viewed = random.random(len(yes)) < 0.7
    score = np.tile(100 * features[:, 0], 2)
    doubled = np.tile(features, (2, 1))
    del odds, keys, a, b, features
    own = ShownSides(members, week, *seen, rank, viewed, viewed, yes & viewed, ~yes & viewed, no, no, score, doubled)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    began = time.perf_counter()
    found = train(own)
    seconds = time.perf_counter() - began
    assert found is not None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(
        f"{members:,} members, {len(yes):,} sides shown, {found.answers:,} answers: {seconds:.0f} s, "
        f"peak {peak:.2f} GiB ({held:.2f} GiB to draw them); "
        f"variances {found.version.likes_variance:.2f} and {found.version.liked_variance:.2f}"
    )


def _rate(shown: list[ShownWeek]) -> float:
    return _mutual(shown) / sum(len(week.a) for week in shown) if shown else float("nan")


def _mutual(shown: list[ShownWeek]) -> float:
    return float(sum(week.mutual.sum() for week in shown))


def _coverage(shown: list[ShownWeek]) -> float:
    return sum(week.exposure.covered for week in shown) / sum(week.with_possibilities for week in shown)


def _interval(values: list[float]) -> str:
    """Mean and half the width of the 95 % interval over five seeds."""
    spread = _T_OF_FIVE * float(np.std(values, ddof=1)) / np.sqrt(len(values))
    return f"{np.mean(values):.4f} ± {spread:.4f}"


if __name__ == "__main__":
    main()
