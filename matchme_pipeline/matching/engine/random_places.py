"""Gives a small share of places to partners drawn at random, a control group that the score is compared with.

Every member draws with probability `share` / 2 x places, because a pair fills a place in two lists. The partner is a
uniform draw among all eligible partners. Random pairs get a bonus that exceeds every score, so the allocation selects
them first, except where a member would then have no match: list sizes, coverage and hard preferences do not change.

A draw is a hash of the match week and the two ids. It is the same in every run and does not depend on other members.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.engine.allocation import Allocated
from matchme_pipeline.matching.engine.allocation_problem import MAX_MATCHES, PLACE_VALUES, RandomPlaces
from matchme_pipeline.matching.engine.candidates import Candidates, met_before
from matchme_pipeline.matching.engine.pair_scan import have_met
from matchme_pipeline.matching.rules.compatibility import Profiles, factors
from matchme_pipeline.matching.rules.eligibility import ELIGIBLE, eligible_pairs, first_failed_filter
from matchme_pipeline.matching.rules.explanation import contributions
from matchme_pipeline.matching.rules.jit import entry, rule
from matchme_pipeline.matching.rules.member_records import Records

# A random pair takes at most one place from another pair of either member: each is worth at most 100 points and two
# places.
RANDOM_PAIR_POINTS = 2 * (100 + 2 * PLACE_VALUES[0]) + 1
_SALT = "random-places-1"
_HUNDREDTHS = 100
_NOBODY = -1
# The constants of splitmix64 (Steele, Lea and Flood 2014).
_STEP, _FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_HIGHEST = np.uint64(0xFFFFFFFFFFFFFFFF)
_BY_30, _BY_27, _BY_31 = np.uint64(30), np.uint64(27), np.uint64(31)


@dataclass(frozen=True)
class RandomPairs:
    """Random pairs (`a` < `b`, positions), each once, ordered, with the probability of the draw."""

    a: NDArray[np.intp]
    b: NDArray[np.intp]
    probability: NDArray[np.float64]
    members: int

    def allocate(
        self,
        a: NDArray[np.intp],
        b: NDArray[np.intp],
        points: NDArray[np.float32],
        solve: Callable[[NDArray[np.float32]], Allocated],
    ) -> tuple[Allocated, "RandomPairs | None"]:
        """Solve the allocation of the pairs (a[n], b[n]) with random pairs first; returns also the pairs that count.

        If the bound does not prove that as many members are served as without random pairs, the allocation is solved
        without them too. If that serves more members, no pair counts as random.
        """
        done = solve(self.first(a, b, points))
        if done.reached.served < done.bound.served:
            without = solve(points)
            if without.reached.served > done.reached.served:
                return without, None
        return done, self

    def first(self, a: NDArray[np.intp], b: NDArray[np.intp], points: NDArray[np.float32]) -> NDArray[np.float32]:
        """The values of pairs of positions (a[n], b[n]), a < b, that put random pairs before all others."""
        is_random = np.isin(a * self.members + b, self.a * self.members + self.b)
        return np.where(is_random, points + np.float32(RANDOM_PAIR_POINTS), points)

    def among(self, a: NDArray[np.intp], b: NDArray[np.intp], user_ids: Sequence[str]) -> dict[tuple[str, str], float]:
        """The probabilities of the random pairs among the pairs (a[n], b[n]), by their members' ids."""
        kept = np.isin(self.a * self.members + self.b, a * self.members + b)
        pairs = zip(self.a[kept].tolist(), self.b[kept].tolist(), self.probability[kept].tolist(), strict=True)
        return {(user_ids[one], user_ids[other]): probability for one, other, probability in pairs}


def draw_among(
    profiles: Profiles,
    found: Candidates,
    excluded: NDArray[np.intp],
    touched: NDArray[np.intp],
    places: RandomPlaces,
) -> tuple[Candidates, RandomPairs]:
    """The candidates including the random pairs, and the draws; see `draw`."""
    random_pairs = draw(profiles, found, excluded, touched, places)
    return with_random_pairs(found, random_pairs, touched, profiles), random_pairs


def draw(
    profiles: Profiles,
    found: Candidates,
    excluded: NDArray[np.intp],
    touched: NDArray[np.intp],
    places: RandomPlaces,
) -> RandomPairs:
    """Draw pairs among all eligible ones; `excluded` pairs cannot be drawn, `touched` ones can and are already shown.

    `found` is the result of a scan without the excluded and the touched pairs.
    """
    members = profiles.members
    n = len(members)
    possible = found.possibilities + _touched_possibilities(profiles, excluded, touched)
    chance = places.share / 2 * np.minimum(possible, MAX_MATCHES)
    keys = member_keys(members.user_ids, places.match_week)
    drawing = np.flatnonzero(_uniform(keys) < chance)
    partners = np.full(len(drawing), _NOBODY, dtype=np.intp)
    draw_partners(
        profiles.records(), members.gender, members.wants_gender, keys, *met_before(excluded, n), drawing, partners
    )
    drawing, partners = drawing[partners != _NOBODY], partners[partners != _NOBODY]
    low, high = np.minimum(drawing, partners), np.maximum(drawing, partners)
    a, b = (side.astype(np.intp) for side in np.divmod(np.unique(low * n + high), max(n, 1)))
    one, other = chance[a] / np.maximum(possible[a], 1), chance[b] / np.maximum(possible[b], 1)
    return RandomPairs(a, b, one + other - one * other, n)


def with_random_pairs(
    found: Candidates, random_pairs: RandomPairs, touched: NDArray[np.intp], profiles: Profiles
) -> Candidates:
    """The candidates including the random pairs; a `touched` pair is already shown and is not a candidate."""
    n = max(len(profiles.members), 1)
    keys, wanted = found.a * n + found.b, random_pairs.a * n + random_pairs.b
    missing = ~np.isin(wanted, np.concatenate([keys, touched.min(axis=1) * n + touched.max(axis=1)]))
    a, b = random_pairs.a[missing], random_pairs.b[missing]
    points = contributions(factors(profiles, a, b, found.calibration)).sum(axis=1) / _HUNDREDTHS
    places = np.searchsorted(keys, wanted[missing])
    return replace(
        found,
        a=np.insert(found.a, places, a),
        b=np.insert(found.b, places, b),
        score=np.insert(found.score, places, points.astype(np.float32)),
    )


def member_keys(user_ids: Sequence[str], match_week: date) -> NDArray[np.uint64]:
    """A number for each member and match week, evenly spread over 64 bits."""
    named = (f"{_SALT}|{match_week}|{user_id}".encode() for user_id in user_ids)
    return np.frombuffer(b"".join(blake2b(name, digest_size=8).digest() for name in named), dtype="<u8").astype(
        np.uint64
    )


def _uniform(keys: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Numbers from 0 to 1, independent of the order in which partners are drawn."""
    return np.asarray((keys >> np.uint64(11)) / 2.0**53, dtype=np.float64)


def _touched_possibilities(
    profiles: Profiles, excluded: NDArray[np.intp], touched: NDArray[np.intp]
) -> NDArray[np.int64]:
    """How many of each member's touched partners could have been drawn when the week was first computed."""
    n = len(profiles.members)
    low, high = touched.min(axis=1), touched.max(axis=1)
    apart = np.isin(low * n + high, excluded.min(axis=1) * n + excluded.max(axis=1))
    able = ~apart & eligible_pairs(profiles.members, low, high)
    return np.bincount(np.concatenate([low[able], high[able]]), minlength=n).astype(np.int64)


@entry
def draw_partners(
    records: Records,
    gender: NDArray[np.int8],
    wants_gender: NDArray[np.int8],
    keys: NDArray[np.uint64],
    met_starts: NDArray[np.intp],
    met: NDArray[np.intp],
    drawing: NDArray[np.intp],
    partners: NDArray[np.intp],
) -> None:
    """Fill `partners`: of all eligible partners of drawing[i], the one with the lowest hash."""
    for i in range(len(drawing)):
        a = drawing[i]
        lowest = _HIGHEST
        for b in range(len(records)):
            if not ((wants_gender[a] >> gender[b]) & (wants_gender[b] >> gender[a]) & 1) or a == b:
                continue
            key = mixed(keys[a] ^ mixed(keys[b]))
            if (
                key < lowest
                and first_failed_filter(records[a], records[b]) == ELIGIBLE
                and not have_met(met_starts, met, a, b)
            ):
                lowest = key
                partners[i] = b


@rule
def mixed(number: np.uint64) -> np.uint64:
    """The output function of splitmix64: every bit of the number moves every bit of the result."""
    number = number + _STEP
    number = (number ^ (number >> _BY_30)) * _FIRST
    number = (number ^ (number >> _BY_27)) * _SECOND
    return number ^ (number >> _BY_31)
