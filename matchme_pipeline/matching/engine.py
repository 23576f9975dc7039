"""The week's matches from what is known of members: filters, candidates, allocation, explanation; pure."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.llm.contracts import SharedInsight
from matchme_pipeline.matching.allocation import MOST_MATCHES, allocate
from matchme_pipeline.matching.candidates import Candidates, find_candidates
from matchme_pipeline.matching.compatibility import WEIGHTS, Calibration, Profiles, centred, factors
from matchme_pipeline.matching.eligibility import distance_km
from matchme_pipeline.matching.explanation import explain
from matchme_pipeline.matching.fairness import gini
from matchme_pipeline.matching.members import MemberRow, as_columns, why_not_matchable
from matchme_pipeline.matching.shared_insights import shared_titles, shared_vectors
from matchme_pipeline.matching.vocabulary import Unknown

Pair = tuple[str, str]


@dataclass(frozen=True)
class Knowledge:
    """What is known of members as of a cutoff; `vectors` are rows of float32 for `vector_ids`."""

    rows: Sequence[MemberRow]
    vector_ids: Sequence[str]
    vectors: NDArray[np.float32]
    dna: Mapping[str, int]
    approved: Mapping[str, Sequence[SharedInsight]]


@dataclass(frozen=True)
class Match:
    """A chosen pair, `a` before `b`, with its score and factors."""

    a: str
    b: str
    score: Decimal
    factors: dict[str, Any]


@dataclass(frozen=True)
class Allocation:
    """The week's new pairs and how they came about."""

    matches: list[Match]
    matchable: int
    not_matchable: Counter[str]
    removed: Counter[str]
    unknown_values: Counter[str]
    eligible_pairs: int
    with_possibilities: int
    covered: int
    gini: float
    largest_list: int
    share_of_upper_bound: float


class Engine:
    """Members of one week, ready to be matched under different exclusions."""

    def __init__(self, knowledge: Knowledge, cutoff: datetime) -> None:
        """Sort out who can be matched as of `cutoff` and bring what is known of them into columns."""
        self.not_matchable: Counter[str] = Counter()
        self.unknown = Unknown()
        self._approved = knowledge.approved
        matchable = []
        for row in knowledge.rows:
            reason = why_not_matchable(row, cutoff)
            if reason is None:
                matchable.append(row)
            else:
                self.not_matchable[reason] += 1
        members = as_columns(matchable, cutoff, self.unknown)
        self.position = {user_id: place for place, user_id in enumerate(members.user_ids)}
        self.profiles = Profiles(
            members,
            centred(self._vectors(knowledge)),
            shared_vectors(members.user_ids, knowledge.approved),
            np.array([knowledge.dna.get(user_id, np.nan) for user_id in members.user_ids], dtype=np.float32),
        )

    def match(self, excluded: Collection[Pair], fixed: Collection[Pair] = ()) -> Allocation:
        """Allocate matches; `excluded` pairs may not meet, `fixed` pairs stand already and take up places."""
        candidates = find_candidates(self.profiles, self._positions([*excluded, *fixed]))
        standing = self._positions(fixed)
        chosen = allocate(len(self.position), candidates.a, candidates.b, candidates.score, standing)
        pairs = [(int(candidates.a[i]), int(candidates.b[i])) for i in chosen]
        return self._report(candidates, self._explained(pairs, candidates.calibration), standing)

    def _vectors(self, knowledge: Knowledge) -> NDArray[np.float32]:
        width = knowledge.vectors.shape[1]
        vectors = np.zeros((len(self.position), width), dtype=np.float32)
        for row, user_id in enumerate(knowledge.vector_ids):
            if user_id in self.position:
                vectors[self.position[user_id]] = knowledge.vectors[row]
        return vectors

    def _positions(self, pairs: Collection[Pair]) -> list[tuple[int, int]]:
        known = self.position
        return sorted((known[a], known[b]) for a, b in pairs if a in known and b in known)

    def _explained(self, pairs: Sequence[tuple[int, int]], calibration: Calibration) -> list[Match]:
        partners: dict[int, list[int]] = defaultdict(list)
        for a, b in pairs:
            partners[a].append(b)
        return [match for a in sorted(partners) for match in self._explain_row(a, sorted(partners[a]), calibration)]

    def _explain_row(self, a: int, others: list[int], calibration: Calibration) -> list[Match]:
        row, columns = self.profiles.rows(slice(a, a + 1)), self._at(np.array(others))
        found = factors(row, columns, distance_km(row.members, columns.members), calibration)
        matches = []
        for place, b in enumerate(others):
            ids = (self.profiles.members.user_ids[a], self.profiles.members.user_ids[b])
            values = {name: float(getattr(found, name)[0, place]) for name in WEIGHTS}
            titles = shared_titles(self._approved.get(ids[0], ()), self._approved.get(ids[1], ()))
            score, explained = explain(values, titles)
            matches.append(Match(*ids, score, explained))
        return matches

    def _at(self, where: NDArray[np.intp]) -> Profiles:
        p = self.profiles
        return Profiles(p.members.rows(where), p.vectors[where], p.shared[where], p.dna[where])

    def _report(self, candidates: Candidates, matches: list[Match], standing: list[tuple[int, int]]) -> Allocation:
        counts = Counter(place for pair in standing for place in pair)
        for match in matches:
            counts.update((self.position[match.a], self.position[match.b]))
        possible = int(np.count_nonzero(candidates.possibilities))
        lists = [counts.get(place, 0) for place in range(len(self.position)) if candidates.possibilities[place] > 0]
        return Allocation(
            matches=matches,
            matchable=len(self.position),
            not_matchable=self.not_matchable,
            removed=candidates.removed,
            unknown_values=self.unknown.values,
            eligible_pairs=candidates.eligible_pairs,
            with_possibilities=possible,
            covered=sum(count > 0 for count in lists),
            gini=gini(lists),
            largest_list=max(lists, default=0),
            share_of_upper_bound=_share_of_upper_bound(candidates, matches),
        )


def _share_of_upper_bound(candidates: Candidates, matches: Sequence[Match]) -> float:
    """The total of the matches against half the sum of everybody's five best: what no allocation can exceed."""
    best: dict[int, list[float]] = defaultdict(list)
    for a, b, score in zip(candidates.a.tolist(), candidates.b.tolist(), candidates.score.tolist(), strict=True):
        best[a].append(score)
        best[b].append(score)
    bound = sum(sum(sorted(scores, reverse=True)[:MOST_MATCHES]) for scores in best.values()) / 2
    return float(sum(match.score for match in matches)) / bound if bound else 1.0
