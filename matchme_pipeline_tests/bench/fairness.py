"""Does anybody envy another's place in others' lists? The engine against TU matching and Nash social welfare.

Envy-freeness as in "Fair Reciprocal Recommendation in Matching Markets" (Tomita, Yokoyama, RecSys 2024): members look
at the k-th place of their list with probability 1/k, and a pair matches where both look and both like. A member envies
another of the same side where they would match more often if they stood in the other side's lists where that member
stands, their own list as it is. All ways fill five places, on the same scores: a pair of score s matches with
probability s/100 where both look. BENCH_FAIR names how many members are drawn (800).

- the engine: mutual lists of five, the allocation's optimum;
- TU matching: the equilibrium with transferable utility (Choo and Siow 2006) by proportional fitting, lists by its
  matching probabilities (Tomita, Togashi, Hashizume and Ohsaka, RecSys 2023);
- Nash social welfare: the product of members' expected matches, one side after the other, by Frank and Wolfe's steps;
- social welfare: the sum likewise, which takes no heed of who gets it;
- best first: everybody's own five best.
"""

import os
from collections.abc import Iterator
from typing import NamedTuple

os.environ["MATCHME_FIRST_WEEK"] = "2026-01-04"

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.database.connection import connect
from matchme_pipeline.matching.engine.allocation import allocate
from matchme_pipeline.matching.engine.allocation_problem import MAX_MATCHES
from matchme_pipeline.matching.engine.fairness import gini
from matchme_pipeline.matching.engine.match_engine import Engine
from matchme_pipeline.matching.rules.vocabulary import GENDERS
from matchme_pipeline.matching.week import weekly_matching
from matchme_pipeline_tests.bench import weekly_run
from matchme_pipeline_tests.bench.many_members import fill
from matchme_pipeline_tests.bench.own_server import own_server, with_tables

# How likely a place is looked at.
LOOKED_AT = 1.0 / np.arange(1, MAX_MATCHES + 1)
# As the paper's own code takes them.
_STEPS, _STEP = 100, 0.1
_TOLERANCE = 1e-9
# Keeps a logarithm's slope finite for who has no chance yet.
_MIN_UTILITY = 1e-6

Table = NDArray[np.float64]


class Lists(NamedTuple):
    """How likely each looks at each: the left side at the right (left, right), the right side at the left."""

    of_left: Table
    of_right: Table


class Figures(NamedTuple):
    """`envious`: the share of members who envy somebody; `envies`: of all ordered pairs of one side."""

    matches: float
    envious: float
    envies: float
    covered: float
    gini: float


def main() -> None:
    """Print the figures of every way of making lists."""
    members = int(os.environ.get("BENCH_FAIR", "800"))
    with own_server() as server:
        url = with_tables(server)
        with connect(url) as connection:
            fill(connection, members, weekly_run.WEEK, weekly_run.MODEL)
            engine = weekly_matching.load_engine(connection, weekly_run.WEEK, weekly_run.MODEL)
    likes = probabilities(engine)
    print(
        f"{likes.shape[0]} men and {likes.shape[1]} women who have somebody to meet, {np.count_nonzero(likes):,} pairs"
    )
    print(f"{'':<22}{'matches':>9}{'envious':>9}{'envies':>9}{'covered':>9}{'Gini':>8}")
    for name, lists in ways(likes):
        one = figures(likes, lists)
        print(
            f"{name:<22}{one.matches:9.1f}{one.envious:9.1%}{one.envies:9.2%}{one.covered:9.1%}{one.gini:8.3f}",
            flush=True,
        )


def probabilities(engine: Engine) -> Table:
    """How likely a man and a woman match where both look, (men, women); 0 for who may not meet."""
    found = engine.candidates([], per_member=len(engine.position))
    table = np.zeros((len(engine.position),) * 2)
    table[found.a, found.b] = table[found.b, found.a] = found.score / 100
    gender = engine.profiles.members.gender
    between = table[np.ix_(gender == GENDERS.index("male"), gender == GENDERS.index("female"))]
    return between[between.any(axis=1)][:, between.any(axis=0)]


def ways(likes: Table) -> Iterator[tuple[str, Lists]]:
    """Lists of five, made in several ways."""
    yield "the engine", allocated(likes)
    yield "TU matching", by_value(tu_matching(likes))
    yield "Nash social welfare", welfare(likes, alpha=0.0)
    yield "social welfare", welfare(likes, alpha=1.0)
    yield "best first", by_value(likes)


def figures(likes: Table, lists: Lists) -> Figures:
    """What is measured of lists."""
    matches = likes * lists.of_left * lists.of_right.T
    envies = np.concatenate([envy(likes, lists).ravel(), envy(likes.T, Lists(*lists[::-1])).ravel()])
    envious = np.concatenate([envy(likes, lists).any(axis=1), envy(likes.T, Lists(*lists[::-1])).any(axis=1)])
    expected = np.concatenate([matches.sum(axis=1), matches.sum(axis=0)])
    return Figures(
        matches=float(matches.sum()),
        envious=float(envious.mean()),
        envies=float(envies.mean()),
        covered=float((expected > 0).mean()),
        gini=gini(expected.tolist()),
    )


def envy(likes: Table, lists: Lists) -> NDArray[np.bool_]:
    """Who of the left side (row) envies whom (column)."""
    # Row i, column k: what i would match, if the right side looked at i where it looks at k.
    instead = (likes * lists.of_left) @ lists.of_right
    return np.asarray(instead > np.diag(instead)[:, None] + _TOLERANCE)


def allocated(likes: Table) -> Lists:
    """The engine's mutual lists, each by score."""
    left, right = np.nonzero(likes)
    n = likes.shape[0]
    chosen = allocate(sum(likes.shape), left, n + right, (100 * likes[left, right]).astype(np.float32)).chosen
    shown = np.zeros(likes.shape)
    shown[left[chosen], right[chosen]] = likes[left[chosen], right[chosen]]
    return by_value(shown)


def by_value(values: Table) -> Lists:
    """Everybody's five best by `values`; who has no value is in no list."""
    return Lists(_first_five(values), _first_five(values.T))


def tu_matching(likes: Table, beta: float = 1.0, rounds: int = 2_000) -> Table:
    """The matching probabilities of the equilibrium: m = k sqrt(alone_left alone_right), each side adding up to 1."""
    # Each likes the other with the root of what both together do.
    surplus = np.where(likes > 0, np.exp(2 * np.sqrt(likes) / (2 * beta)), 0.0)
    left, right = np.ones(likes.shape[0]), np.ones(likes.shape[1])
    for _ in range(rounds):
        half = surplus @ right / 2
        left = np.sqrt(1 + half**2) - half
        half = surplus.T @ left / 2
        right = np.sqrt(1 + half**2) - half
    return np.asarray(surplus * left[:, None] * right[None, :])


def welfare(likes: Table, alpha: float) -> Lists:
    """Lists, drawn by lot, that raise both sides' welfare in turn: the sum (alpha 1) or the product (alpha 0).

    The right side's lists are the left side's opportunities, and the other way round.
    """
    lists = Lists(*(np.full(shape, LOOKED_AT.sum() / shape[1]) for shape in (likes.shape, likes.T.shape)))
    for _ in range(_STEPS):
        right = lists.of_right + _STEP * (_best_answer(likes, lists, alpha) - lists.of_right)
        lists = Lists(lists.of_left, right)
        other = Lists(lists.of_right, lists.of_left)
        left = lists.of_left + _STEP * (_best_answer(likes.T, other, alpha) - lists.of_left)
        lists = Lists(left, lists.of_right)
    return lists


def _best_answer(likes: Table, lists: Lists, alpha: float) -> Table:
    """The right side's lists that raise the left side's welfare most from where it is: by the gradient, best first."""
    gain = likes * lists.of_left
    own = np.maximum((gain * lists.of_right.T).sum(axis=1), _MIN_UTILITY)
    return _first_five((gain * own[:, None] ** (alpha - 1.0)).T)


def _first_five(values: Table) -> Table:
    """How likely each place is looked at where every row is listed by `values`, the best five, positive ones alone."""
    order = np.argsort(-values, axis=1, kind="stable")[:, :MAX_MATCHES]
    looked = np.zeros(values.shape)
    np.put_along_axis(looked, order, LOOKED_AT[: order.shape[1]], axis=1)
    return np.where(values > 0, looked, 0.0)


if __name__ == "__main__":
    main()
