"""Candidates and allocation for a million members over 400 cities, exactly: how long, and how much memory?

Every size runs in a process of its own. Members are columns from
the start: 98 in a hundred name a reach of 5 to 99 km, two look anywhere; 400 cities, the largest with 1 % of the
members, lie all over the globe. Vectors have 1,536 dimensions and lean towards 12 directions. Reading from PostgreSQL
and writing to it are no part of this: `many_cities` writes the same members into tables, for `matching_speed`.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = 1_536
CITIES = 400
_ANYWHERE = 0.02
_AT_ONCE = 10_000


def main(sizes: Sequence[int] = (10_000, 100_000, 1_000_000)) -> None:
    """Print a line for each size."""
    print(
        f"{'members':>10}{'pairs may meet':>16}{'candidates':>13}{'matches':>12}{'served':>10}{'seconds':>9}"
        f"{'CPU s':>8}{'peak MB':>9}  of the seconds"
    )
    for size in sizes:
        subprocess.run([sys.executable, "-m", "matchme_pipeline_tests.bench.million", str(size)], check=True)


def one_size(members: int) -> None:
    """Draw the members, find their candidates, allocate, print."""
    from matchme_pipeline.matching.engine.allocation import allocate
    from matchme_pipeline.matching.engine.candidates import find_candidates

    find_candidates(drawn(400), [])
    profiles = drawn(members)
    steps: dict[str, float] = {}
    used = time.process_time()
    found = _timed(steps, "candidates", lambda: find_candidates(profiles, []))
    side = profiles.members.gender == 0
    done = _timed(steps, "allocation", lambda: allocate(members, found.a, found.b, found.score, side=side))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{members:10,}{found.eligible_pairs:16,}{len(found.a):13,}{len(done.chosen):12,}{done.reached.served:10,}"
        f"{sum(steps.values()):9.1f}{time.process_time() - used:8.1f}{peak:9,.0f}  "
        + ", ".join(f"{name} {seconds:.1f}" for name, seconds in steps.items())
        + f"; share of optimum {done.share_of_optimum:.6f}",
        flush=True,
    )


def drawn(members: int, seed: int = 3) -> Any:
    """So many members as columns, with vectors and approved insights."""
    from matchme_pipeline.matching.rules.compatibility import Profiles
    from matchme_pipeline.matching.rules.quantised_vectors import MemberVectors
    from matchme_pipeline.matching.rules.shared_insights import Themes

    rng = np.random.default_rng(seed)
    columns = drawn_members(rng, members)
    words = rng.integers(0, 2**63, (members, 3), dtype=np.uint64) & rng.integers(
        0, 2**63, (members, 3), dtype=np.uint64
    )
    words &= rng.integers(0, 2**63, (members, 3), dtype=np.uint64)
    themes = Themes(words, np.bitwise_count(words).sum(axis=1).astype(np.int32))
    vectors = MemberVectors(_vectors(rng, members))
    return Profiles(columns, vectors, themes, rng.uniform(0, 100, members).astype(np.float32))


def drawn_members(rng: np.random.Generator, members: int) -> Any:
    """So many members as columns."""
    from matchme_pipeline.matching.rules.members import NO_LIMIT, Members

    city = rng.choice(CITIES, members, p=_shares())
    places = np.stack([np.degrees(np.arcsin(rng.uniform(-0.7, 0.85, CITIES))), rng.uniform(-180, 180, CITIES)])
    age = np.clip(rng.gamma(4.0, 3.0, members) + 18, 18, 75).astype(np.int16)
    width = rng.integers(2, 8, members)
    middle = age + rng.integers(-2, 3, members)
    reach = rng.choice([5, 10, 25, 40, 60, 80, 99], members).astype(np.float64)

    def code(count: int) -> NDArray[np.int8]:
        return rng.integers(0, count, members).astype(np.int8)

    columns: dict[str, Any] = {
        "gender": np.arange(members) % 2,
        "wants_gender": np.where(np.arange(members) % 2 == 0, 2, 1),
        "age": age,
        "age_min": np.maximum(18, middle - width),
        "age_max": np.maximum(18, middle + width),
        "lat": places[0, city] + rng.normal(0, 0.08, members),
        "lng": places[1, city] + rng.normal(0, 0.08, members),
        "max_distance": np.where(rng.random(members) < _ANYWHERE, NO_LIMIT, reach),
        "religiosity": code(5),
        "sect": code(2),
        "family_values": code(3),
        "wants_children": code(2),
        "children": (rng.random(members) < 0.15).astype(np.int8),
        "states_age": np.ones(members),
    }
    for name in ("education", "marital", "wants_partner_children", "prayer_importance"):
        columns[name] = np.full(members, -1)
    unset = set(Members.__dataclass_fields__) - set(columns) - {"user_ids"}
    columns |= {name: np.zeros(members) for name in unset}
    kinds = {"lat": np.float64, "lng": np.float64, "max_distance": np.float64, "strict": np.int16}
    typed = {
        name: np.asarray(column, dtype=kinds.get(name, np.int16 if name.startswith("age") else np.int8))
        for name, column in columns.items()
    }
    # Ids take the room of numbers: positions are what the engine works with.
    ids: Any = range(members)
    return Members(ids, **typed)


def _shares() -> NDArray[np.float64]:
    """How many of all members live in each city: a few large ones, many small ones."""
    sizes = 1.0 / (np.arange(CITIES) + 40.0)
    return np.asarray(sizes / sizes.sum())


def _vectors(rng: np.random.Generator, members: int) -> NDArray[np.int16]:
    held = np.empty((members, DIMENSIONS), dtype=np.int16)
    begin = 0
    for block in unit_vectors(rng, members):
        held[begin : begin + len(block)] = np.rint(block * 32_000)
        begin += len(block)
    return held


def unit_vectors(rng: np.random.Generator, members: int) -> Iterator[NDArray[np.float32]]:
    """The members' vectors of length one, block by block."""
    directions = rng.standard_normal((12, DIMENSIONS), dtype=np.float32)
    for begin in range(0, members, _AT_ONCE):
        block = rng.standard_normal((min(_AT_ONCE, members - begin), DIMENSIONS), dtype=np.float32)
        block += directions[rng.integers(0, 12, len(block))]
        block /= np.linalg.norm(block, axis=1, keepdims=True)
        yield block


def _timed(steps: dict[str, float], name: str, work: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    result = work()
    steps[name] = time.perf_counter() - began
    return result


if __name__ == "__main__":
    one_size(int(sys.argv[1]))
