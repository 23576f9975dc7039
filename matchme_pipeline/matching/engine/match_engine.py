"""The week's matches from members' data: filters, candidates, allocation, explanation; pure."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.llm.contracts import SharedInsight
from matchme_pipeline.matching.engine.allocation import Allocated, allocate
from matchme_pipeline.matching.engine.allocation_problem import MAX_MATCHES, RandomPlaces
from matchme_pipeline.matching.engine.fairness import gini
from matchme_pipeline.matching.engine.matches import Match, Matches, as_matches
from matchme_pipeline.matching.rules.explanation import contributions
from matchme_pipeline.matching.rules.limits import USUAL, Limits
from matchme_pipeline.matching.rules.member_columns import MatchableMembers, matchable_members
from matchme_pipeline.matching.rules.members import MemberRow, unknown_shares
from matchme_pipeline.matching.rules.shared_insights import Approved, titles_of
from matchme_pipeline.matching.rules.week_findings import WeekFigures
from matchme_pipeline.matching.rules.weights import WEIGHTS

if TYPE_CHECKING:
    from matchme_pipeline.matching.engine.candidates import Candidates
    from matchme_pipeline.matching.engine.fan_out import FanOut
    from matchme_pipeline.matching.engine.learned_values import Learned
    from matchme_pipeline.matching.engine.pair_features import PairFeatures
    from matchme_pipeline.matching.engine.random_places import RandomPairs
    from matchme_pipeline.matching.rules.compatibility import Calibration

Pair = tuple[str, str]
# Pairs as positions of members, (pairs, 2).
Positions = NDArray[np.intp]
_HUNDREDTHS = 100
# Rounding the parts to hundredths, and a score to float32, changes it by less than this many hundredths.
_ROUNDED_AWAY = len(WEIGHTS) / 2 + 0.5


@dataclass(frozen=True)
class Knowledge:
    """Members' data as of a cutoff; `vectors` are rows of float32 for `vector_ids`.

    `rows`: all members as objects, or those who can be matched as columns.
    """

    rows: Sequence[MemberRow] | MatchableMembers
    vector_ids: Sequence[str]
    vectors: NDArray[np.float32]
    dna: Mapping[str, float]
    approved: Approved | Mapping[str, Sequence[SharedInsight]]


@dataclass(frozen=True)
class Allocation:
    """The week's new pairs and figures about them.

    `lists_by_size`: numbers of members with possible partners by the length of their lists. `places_left_empty`: places
    that only pairs below the minimum score could fill.
    """

    matches: Sequence[Match]
    matchable: int
    not_matchable: Counter[str]
    removed: Counter[str]
    unknown_values: Counter[str]
    eligible_pairs: int
    with_possibilities: int
    covered: int
    gini: float
    largest_list: int
    lists_by_size: Mapping[str, int]
    mean_score: float
    share_of_optimum: float
    share_of_upper_bound: float
    places_left_empty: int
    calibration: "Calibration"
    # Of the matchable members, by attribute, 0 to 1.
    unknown_shares: dict[str, float]
    # Of the new pairs that were drawn at random, the probability of the draw.
    random_places: Mapping[Pair, float]

    @property
    def figures(self) -> WeekFigures:
        """The figures that decide whether the week is unusual."""
        return WeekFigures(
            self.matchable + sum(self.not_matchable.values()),
            self.matchable,
            self.with_possibilities,
            self.eligible_pairs,
            self.not_matchable,
            self.removed,
            self.unknown_shares,
        )


class Engine:
    """Members of one week, ready to be matched under different exclusions."""

    def __init__(
        self,
        knowledge: Knowledge,
        cutoff: datetime,
        limits: Limits = USUAL,
        centre: NDArray[np.float64] | None = None,
    ) -> None:
        """Select the matchable members as of `cutoff` and convert their data to columns.

        Members whose values cannot be computed with are left out, and `broken` names them.

        `centre` is subtracted from vectors; the default is their own mean.
        """
        self.limits = limits
        # Where candidates are searched for; None: in threads of this process.
        self.fan_out: FanOut | None = None
        given = knowledge.rows
        able = given if isinstance(given, MatchableMembers) else matchable_members(given, cutoff, limits)
        self.not_matchable, self.unknown, self.broken = able.not_matchable, able.unknown, able.broken
        members = able.members
        self._titles = titles_of(members.user_ids, knowledge.approved)
        self.position = {user_id: place for place, user_id in enumerate(members.user_ids)}
        # numba takes a third of a second to load; only a process that matches needs it.
        from matchme_pipeline.matching.rules.compatibility import Profiles
        from matchme_pipeline.matching.rules.quantised_vectors import VectorRows, centre_of, centred

        row_of = np.full(len(members), -1, dtype=np.intp)
        for number, user_id in enumerate(knowledge.vector_ids):
            if user_id in self.position:
                row_of[self.position[user_id]] = number
        vectors = VectorRows(knowledge.vectors, row_of)
        self.centre = centre_of(vectors) if centre is None else centre
        self.profiles = Profiles(
            members,
            centred(vectors, self.centre),
            self._titles.themes(),
            np.array([knowledge.dna.get(user_id, np.nan) for user_id in members.user_ids], dtype=np.float32),
        )

    def match(
        self,
        excluded: Collection[Pair] | Positions,
        touched: Collection[Pair] = (),
        learned: "Learned | None" = None,
        at_random: RandomPlaces | None = None,
    ) -> Allocation:
        """Allocate matches; `excluded` pairs are ineligible, `touched` pairs take up places.

        The value of a pair is that of `learned`, or its score by default; pairs drawn `at_random` come first.
        """
        apart, places = self.positions(excluded), self.positions(touched)
        found = self.candidates_for(learned, np.concatenate([apart, places]))
        random_pairs = None
        if at_random is not None and at_random.share:
            from matchme_pipeline.matching.engine import random_places

            found, random_pairs = random_places.draw_among(self.profiles, found, apart, places, at_random)
        values = None if learned is None else learned.values(self.pair_features, found)
        return self.allocate(found, places, values, random_pairs)[1]

    def allocate(
        self,
        candidates: "Candidates",
        touched: Collection[Pair] | Positions = (),
        values: NDArray[np.float32] | None = None,
        random_pairs: "RandomPairs | None" = None,
    ) -> tuple[NDArray[np.intp], Allocation]:
        """Select among `candidates`: the numbers of the selected pairs, ascending, and the result.

        `values`: each candidate's value, 0 to 100 points, instead of its score; random pairs come first.
        """
        places = self.positions(touched)
        good = self.good_enough(candidates)
        a, b, score = candidates.a[good], candidates.b[good], (candidates.score if values is None else values)[good]

        def solve(points: NDArray[np.float32]) -> Allocated:
            return allocate(len(self.position), a, b, points, places, side=self.profiles.members.gender == 0)

        done, random_pairs = (solve(score), None) if random_pairs is None else random_pairs.allocate(a, b, score, solve)
        chosen = good[done.chosen]
        allocation = self._report(candidates, chosen, places, good, done, random_pairs)
        if values is not None:
            worth = values[chosen].astype(np.float64)
            allocation = replace(allocation, matches=replace(as_matches(allocation.matches), values=worth))
        return chosen, allocation

    @cached_property
    def pair_features(self) -> "PairFeatures":
        """What a learned version looks at in pairs."""
        from matchme_pipeline.matching.engine.pair_features import PairFeatures

        return PairFeatures(self.profiles, self._titles)

    def good_enough(self, candidates: "Candidates") -> NDArray[np.intp]:
        """The numbers of candidates whose displayed score reaches the minimum score."""
        least = self.limits.least_score
        if least is None:
            return np.arange(len(candidates.a))
        from matchme_pipeline.matching.rules.compatibility import factors

        # In decimals: 1.1 points are 110 hundredths, but 1.1 * 100 as floats is a little more.
        hundredths = float(Decimal(str(least)) * _HUNDREDTHS)
        shown = candidates.score.astype(np.float64) * _HUNDREDTHS
        # The displayed score is the sum of rounded parts.
        near = np.flatnonzero(np.abs(shown - hundredths) < _ROUNDED_AWAY)
        values = factors(self.profiles, candidates.a[near], candidates.b[near], candidates.calibration)
        shown[near] = contributions(values).sum(axis=1)
        return np.flatnonzero(shown >= hundredths)

    def candidates(
        self,
        excluded: Collection[Pair] | Positions,
        per_member: int | None = None,
        advance: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> "Candidates":
        """The `per_member` best candidates of every member; by default as many as the allocation uses.

        `advance` reports progress as in `find_candidates`.
        """
        from matchme_pipeline.matching.engine.candidates import CANDIDATES_PER_MEMBER, find_candidates

        return find_candidates(
            self.profiles,
            self.positions(excluded),
            per_member or CANDIDATES_PER_MEMBER,
            fan_out=self.fan_out,
            advance=advance,
        )

    def candidates_for(self, learned: "Learned | None", excluded: Collection[Pair] | Positions) -> "Candidates":
        """The candidates of the allocation: the best by `learned`, or by the score."""
        if learned is None:
            return self.candidates(excluded)
        from matchme_pipeline.matching.engine.candidates import CANDIDATES_PER_MEMBER
        from matchme_pipeline.matching.engine.learned_values import SCANNED_PER_MEMBER

        return learned.best(self.pair_features, self.candidates(excluded, SCANNED_PER_MEMBER), CANDIDATES_PER_MEMBER)

    def explained(self, a: NDArray[np.intp], b: NDArray[np.intp], calibration: "Calibration") -> Matches:
        """The pairs of positions (a[n], b[n]) with their scores and factors."""
        from matchme_pipeline.matching.engine.explaining import explained

        return explained(self.profiles, self._titles, a, b, calibration)

    def positions(self, pairs: Collection[Pair] | Positions) -> Positions:
        """The positions of pairs of matchable members, (pairs, 2); positions stay unchanged."""
        if isinstance(pairs, np.ndarray):
            return pairs
        known = self.position
        both = sorted((known[a], known[b]) for a, b in pairs if a in known and b in known)
        return np.array(both, dtype=np.intp).reshape(-1, 2)

    def _report(
        self,
        candidates: "Candidates",
        chosen: NDArray[np.intp],
        touched: Positions,
        good: NDArray[np.intp],
        done: Allocated,
        random_pairs: "RandomPairs | None",
    ) -> Allocation:
        a, b = candidates.a[chosen], candidates.b[chosen]
        shown = np.concatenate([a, b, touched.reshape(-1)])
        possible = candidates.possibilities > 0
        everyone = np.bincount(shown, minlength=len(self.position))
        lists = everyone[possible]
        sizes = np.bincount(lists, minlength=MAX_MATCHES + 1)
        below = np.ones(len(candidates.a), dtype=bool)
        below[good] = False
        unused = np.bincount(np.concatenate([candidates.a[below], candidates.b[below]]), minlength=len(everyone))
        return Allocation(
            matches=self.explained(a, b, candidates.calibration),
            matchable=len(self.position),
            not_matchable=self.not_matchable,
            removed=candidates.removed,
            unknown_values=self.unknown.values,
            eligible_pairs=candidates.eligible_pairs,
            with_possibilities=len(lists),
            covered=int(np.count_nonzero(lists)),
            gini=gini(lists.tolist()),
            largest_list=int(lists.max(initial=0)),
            lists_by_size={str(size): int(count) for size, count in enumerate(sizes)},
            mean_score=float(candidates.score[chosen].mean(dtype=np.float64)) if len(chosen) else 0.0,
            share_of_optimum=done.share_of_optimum,
            places_left_empty=int(np.minimum(unused, np.maximum(MAX_MATCHES - everyone, 0)).sum()),
            share_of_upper_bound=_share_of_upper_bound(candidates, chosen),
            calibration=candidates.calibration,
            unknown_shares=unknown_shares(self.profiles.members),
            random_places={} if random_pairs is None else random_pairs.among(a, b, self.profiles.members.user_ids),
        )


def _share_of_upper_bound(candidates: "Candidates", chosen: NDArray[np.intp]) -> float:
    total = float(candidates.score[chosen].sum(dtype=np.float64))
    return total / candidates.upper_bound if candidates.upper_bound else 1.0
