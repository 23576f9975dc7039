"""MySoul DNA for 10,000, 30,000 and 100,000 members with ten posts each: seconds, peak memory, against one at a time.

Each size runs in a process of its own, so that its peak memory is its own. Vectors come from a bank of 40,000 and are
handed over in chunks as the database would; drawing the population is not counted.
"""

import json
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from time import perf_counter

import numpy as np
import pandas as pd

from matchme_pipeline.dna.breakdown import explained
from matchme_pipeline.dna.facts import MICROSECONDS_PER_DAY, Facts, resolve_religion
from matchme_pipeline.dna.originality import ItemSums, originality
from matchme_pipeline.dna.score import Strands, scores, strands
from matchme_pipeline.dna.traits import Traits, distribution, member_traits
from matchme_pipeline.dna.weights import CULTURE_FIELDS, TRAIT_FIELDS

SIZES = (10_000, 30_000, 100_000)
POSTS_EACH = 10
DIMENSIONS = 1536
CUTOFF = 1_770_000_000_000_000
_BANK = 40_000
_CHUNK = 20_000
_SAMPLE = 10


def main() -> None:
    """Print one line per size."""
    print("members    items  seconds  µs/member  peak MB  one at a time (estimated)  ratio  steps")
    for size in SIZES:
        answer = subprocess.run(
            [sys.executable, "-m", __name__ if __name__ != "__main__" else __spec__.name, str(size)],
            check=True,
            capture_output=True,
            text=True,
        )
        one = json.loads(answer.stdout)
        print(
            f"{size:7,} {size * POSTS_EACH:9,} {one['seconds']:8.1f} {1e6 * one['seconds'] / size:10.0f} "
            f"{one['peak_mb']:8,.0f} {one['alone_seconds'] * size / 3600:19.1f} hours "
            f"{one['alone_seconds'] * size / one['seconds']:8,.0f}  "
            + ", ".join(f"{name} {seconds:.1f}" for name, seconds in one["steps"].items())
        )


def measure(size: int) -> dict[str, object]:
    """One size: the whole pass by steps, its peak memory, and seconds per member done alone."""
    facts = population(size)
    bank = np.random.default_rng(1).standard_normal((_BANK, DIMENSIONS), dtype=np.float32) + np.float32(0.3)
    # What was there before the pass (the bank is 245 MB) is part of the peak, to be on the safe side.
    steps: dict[str, float] = {}
    started = perf_counter()
    resolved = resolve_religion(facts)
    traits = member_traits(resolved)
    shares = distribution(traits)
    steps["traits"] = perf_counter() - started
    sums = ItemSums(size, DIMENSIONS)
    for members, rows in chunks(size):
        sums.add(members, bank[rows])
    own = originality(facts.members["user_id"], sums)
    steps["originality"] = perf_counter() - started - sum(steps.values())
    found = strands(facts, shares, own)
    steps["strands"] = perf_counter() - started - sum(steps.values())
    explained(scores(found), found)
    steps["score and words"] = perf_counter() - started - sum(steps.values())
    seconds = perf_counter() - started
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "seconds": seconds,
        "steps": steps,
        "peak_mb": peak_mb,
        "alone_seconds": _one_at_a_time(found, traits, bank, size),
    }


def chunks(size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Members and rows of the bank, chunk by chunk, a member's items side by side as the query gives them."""
    items = size * POSTS_EACH
    for first in range(0, items, _CHUNK):
        number = np.arange(first, min(items, first + _CHUNK))
        yield number // POSTS_EACH, (number * 31 + number // _BANK) % _BANK


def population(size: int) -> Facts:
    """A synthetic population with everything that the score looks at."""
    rng = np.random.default_rng(size)
    ids = np.array([f"user_2{n:026d}" for n in range(size)], dtype=object)

    def pick(values: list[object], missing: float = 0.15) -> pd.Series:
        chosen = np.array([*values, None], dtype=object)[rng.integers(len(values), size=size)]
        return pd.Series(np.where(rng.random(size) < missing, None, chosen), dtype=object)

    def several(values: list[str]) -> pd.Series:
        picked = rng.integers(len(values), size=(size, 3))
        return pd.Series([[values[i] for i in row] for row in picked.tolist()], dtype=object)

    by_kind = {
        "code": lambda: pick(["one", "two", "three", "four"]),
        "text": lambda: pick([f"value {n}" for n in range(200)] + ["vaule 17", "something rare"]),
        "list": lambda: several([f"thing {n}" for n in range(60)]),
        "flag": lambda: pick([True, False]),
        "count": lambda: pick([0, 1, 2, 3, 4, 5]),
    }
    columns = {field.column: by_kind[field.kind]() for field in TRAIT_FIELDS}
    religion = [{"sect": "sunni", "practiceLevel": "practicing", "halalPreference": "always"}, None, "odd"]
    members = pd.DataFrame(
        {
            "user_id": pd.Series(ids, dtype=object),
            "joined": pd.Series((CUTOFF - rng.integers(0, 400, size) * MICROSECONDS_PER_DAY).tolist(), dtype=object),
            "city": pick(["london", "birmingham", "manchester", "toronto"]),
            "bio": pick(["A biography that is a good deal longer than fifty characters, as most are.", "short"]),
            "religion": pick(religion),
            "islamic_sect": pick(["sunni", "shia"]),
            "islamic_halal_preference": pick(["strict", "flexible"]),
            "height": pick([160.0, 171.0, 182.0]),
            "hometown": pick(["Lahore", "Leeds"]),
            **{c: s for c, s in columns.items() if c not in ("sect", "practice_level", "halal_preference")},
        }
    )
    posts = size * POSTS_EACH
    categories = [["values"], ["family", "interests"], ["lifestyle"], None]
    answers = 6 * size
    return Facts(
        CUTOFF,
        members,
        pd.DataFrame(
            {
                "user_id": pd.Series(ids[rng.integers(size, size=posts)], dtype=object),
                "shared": pd.Series((CUTOFF - 1 - rng.integers(0, 10**13, posts)).tolist(), dtype=object),
                "depth_level": pd.Series(rng.integers(1, 5, posts).tolist(), dtype=object),
                "categories": pd.Series([categories[i] for i in rng.integers(4, size=posts).tolist()], dtype=object),
            }
        ),
        pd.DataFrame(
            {
                "user_id": pd.Series(ids[rng.integers(size, size=8 * size)], dtype=object),
                "category": pd.Series(
                    np.array(["values", "family", "lifestyle"], dtype=object)[rng.integers(3, size=8 * size)],
                    dtype=object,
                ),
                "review_status": pd.Series(
                    np.array(["approved", "approved", "rejected", "pending"], dtype=object)[
                        rng.integers(4, size=8 * size)
                    ],
                    dtype=object,
                ),
            }
        ),
        pd.DataFrame(
            {
                "user_id": pd.Series(ids[rng.integers(size, size=answers)], dtype=object),
                "question_id": pd.Series([f"q{i}" for i in rng.integers(12, size=answers).tolist()], dtype=object),
                "question": pd.Series(["How?"] * answers, dtype=object),
                "type": pd.Series(["multiChoice"] * answers, dtype=object),
                "options": pd.Series([["a", "b", "c"]] * answers, dtype=object),
                "answer": pd.Series(
                    np.array(["a", "b", "c"], dtype=object)[rng.integers(3, size=answers)], dtype=object
                ),
            }
        ),
        Counter(),
    )


def _one_at_a_time(found: Strands, traits: Traits, bank: np.ndarray, size: int) -> float:
    """Mean seconds to compare one member with the population, as a loop over members would have to for each.

    Generous to the loop: traits are already extracted, all vectors are in memory, and every scan is NumPy's.
    """
    unit = bank / np.linalg.norm(bank, axis=1)[:, None]
    cities = found.facts.members["city"].to_numpy(dtype=object)
    figures = found.habits.figures.to_numpy(dtype=np.float64)
    culture = np.isin(traits.table["field"].to_numpy(dtype=object), CULTURE_FIELDS)
    members = np.random.default_rng(2).integers(size, size=_SAMPLE)
    started = perf_counter()
    for member in members.tolist():
        own = traits.trait[traits.member == member]
        holders = [int((traits.trait == trait).sum()) for trait in own]
        np.mean(np.log(size / np.array(holders)))
        medians = np.nanmedian(figures, axis=0)
        np.nanmedian(np.abs(figures - medians), axis=0)
        neighbours = cities[traits.member] == cities[member]
        [int((neighbours & (traits.trait == trait)).sum()) for trait in own[culture[own]]]
        mine = unit[(member * POSTS_EACH + np.arange(POSTS_EACH)) % _BANK]
        sum(
            float((mine @ unit[:width].T).sum())
            for width in [_BANK] * (size * POSTS_EACH // _BANK) + [size * POSTS_EACH % _BANK]
        )
    return (perf_counter() - started) / _SAMPLE


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(int(sys.argv[1]))))
    else:
        main()
