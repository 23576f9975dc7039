"""Members who live through weeks in memory: they are matched, they answer by their latent truth, the outcomes are kept.

The engine, the learning and the decisions are the product's; what is written are the outcomes alone. A member's answers
are those of the seeded population (`population/match_answers.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import copy_rows
from matchme_pipeline.matching import model_queries
from matchme_pipeline.matching.engine.candidates import Candidates
from matchme_pipeline.matching.engine.exposure import exposure
from matchme_pipeline.matching.engine.learned_values import Learned
from matchme_pipeline.matching.engine.match_engine import Engine
from matchme_pipeline.matching.learning.promotion import Exposure
from matchme_pipeline.matching.match_models.weekly_learning import LearnedWeek, learn_week
from matchme_pipeline.matching.rules.compatibility import factors
from matchme_pipeline.matching.rules.weights import ALGORITHM_VERSION
from matchme_pipeline.population.latent import Latent
from matchme_pipeline.population.match_answer_queries import Action, ShownRow
from matchme_pipeline.population.match_answers import decide
from matchme_pipeline.week import WEEK, Week
from matchme_pipeline_tests.bench import weekly_run

FIRST = date(2026, 1, 4)
MIN_PAIRS = 2_000
Answer = Callable[[list[ShownRow], Week], list[Action]]


def weeks(number: int) -> list[Week]:
    """So many weeks, from the first."""
    return [Week(FIRST + n * WEEK, is_first=n == 0) for n in range(number)]


def by_truth(truth: Mapping[str, Latent], seed: int) -> Answer:
    """Members who answer by their latent truth, by popularity and selectivity, and by chance."""
    return lambda shown, week: decide(shown, truth, seed, week)


@dataclass(frozen=True)
class ShownWeek:
    """What a week showed and what came of it: its candidates' chosen pairs, which became mutual, and lists."""

    candidates: Candidates
    a: NDArray[np.intp]
    b: NDArray[np.intp]
    score: NDArray[np.float64]
    mutual: NDArray[np.bool_]
    exposure: Exposure
    with_possibilities: int
    version: date | None


@dataclass
class Life:
    """Members of one engine, week after week; with a connection they are learned from."""

    engine: Engine
    answer: Answer
    connection: Connection | None = None
    met: set[tuple[int, int]] = field(default_factory=set)
    learned: list[LearnedWeek] = field(default_factory=list)
    waiting: list[tuple[object, ...]] = field(default_factory=list)

    def live(self, week: Week) -> ShownWeek:
        """Learn from what is known, show the week, and let members answer until the next."""
        learned = self._learn(week) if self.connection is not None else None
        found = self.engine.candidates_for(learned, self._met())
        values = found.score if learned is None else learned.values(self.engine.pair_features, found)
        chosen, _ = self.engine.allocate(found, (), None if learned is None else values)
        a, b = found.a[chosen], found.b[chosen]
        own = factors(self.engine.profiles, a, b, found.calibration)
        order = values[chosen]
        mutual = self._answer(week, a, b, _ranks(a, b, order), own, found.score[chosen])
        self.met |= set(zip(a.tolist(), b.tolist(), strict=True))
        members = self.engine.profiles.members
        even = exposure(members, np.stack([a, b], axis=1), found.possibilities > 0)
        possible = int(np.count_nonzero(found.possibilities))
        score = found.score[chosen].astype(np.float64)
        return ShownWeek(
            replace(found, a=a, b=b, score=found.score[chosen]),
            a,
            b,
            score,
            mutual,
            even,
            possible,
            learned.week if learned else None,
        )

    def _met(self) -> NDArray[np.intp]:
        return np.array(sorted(self.met), dtype=np.intp).reshape(-1, 2)

    def _learn(self, week: Week) -> Learned | None:
        assert self.connection is not None
        columns = dict(_COLUMNS)
        copy_rows(
            self.connection,
            "match_outcomes",
            list(columns),
            list(columns.values()),
            ((week.sunday, *row) for row in self.waiting),
        )
        self.waiting = []
        # What members write does not change, so neither do their vectors.
        self.connection.execute("update user_embeddings set week = %s where week <> %s", [week.sunday, week.sunday])
        self.learned.append(learn_week(self.connection, week, weekly_run.MODEL, MIN_PAIRS, self._exposures))
        return model_queries.learned_of_week(self.connection, week.sunday)

    def _exposures(self, now: Learned | None, then: Learned) -> tuple[Exposure, Exposure]:
        def under(learned: Learned | None) -> Exposure:
            found = self.engine.candidates_for(learned, self._met())
            values = None if learned is None else learned.values(self.engine.pair_features, found)
            chosen, _ = self.engine.allocate(found, (), values)
            pairs = np.stack([found.a[chosen], found.b[chosen]], axis=1)
            return exposure(self.engine.profiles.members, pairs, found.possibilities > 0)

        return under(now), under(then)

    def _answer(
        self,
        week: Week,
        a: NDArray[np.intp],
        b: NDArray[np.intp],
        ranks: tuple[NDArray[np.intp], NDArray[np.intp]],
        own: NDArray[np.float64],
        score: NDArray[np.float32],
    ) -> NDArray[np.bool_]:
        """Which pairs become mutual; the outcomes wait for the next week's cutoff."""
        ids, age = self.engine.profiles.members.user_ids, self.engine.profiles.members.age
        sides = [
            (ids[one], ids[other], rank, abs(int(age[one]) - int(age[other])), pair)
            for ones, others, rankings in ((a, b, ranks[0]), (b, a, ranks[1]))
            for pair, (one, other, rank) in enumerate(
                zip(ones.tolist(), others.tolist(), rankings.tolist(), strict=True)
            )
        ]
        actions = {
            (action.user_id, action.match_user_id): action.action
            for action in self.answer([ShownRow(*side[:4]) for side in sides], week)
        }
        likes = np.zeros((2, len(a)), dtype=bool)
        for number, (one, other, rank, _, pair) in enumerate(sides):
            action = actions.get((one, other))
            likes[number // len(a), pair] = action == "liked"
            did = ((one, other) in actions, action is not None, action == "liked", action == "passed")
            points = Decimal(round(100 * float(score[pair]))).scaleb(-2)
            values = np.round(own[pair], 4).tolist()
            self.waiting.append(
                (week.match_week, one, other, rank, points, ALGORITHM_VERSION, values, *did, *(False,) * 3, 0, 0, False)
            )
        return likes[0] & likes[1]


_COLUMNS = (
    ("week", "date"),
    ("match_week", "date"),
    ("user_id", "text"),
    ("match_user_id", "text"),
    ("rank", "int4"),
    ("score", "numeric"),
    ("factors_version", "text"),
    ("factors", "float4[]"),
    *((name, "bool") for name in ("viewed", "engaged", "liked", "passed", "began", "partner_began", "replied")),
    ("messages_sent", "int4"),
    ("messages_received", "int4"),
    ("reported", "bool"),
)


def _ranks(
    a: NDArray[np.intp], b: NDArray[np.intp], value: NDArray[np.float32]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Each pair's rank in the list of `a` and in that of `b`, the best value first."""
    members, partners = np.concatenate([a, b]), np.concatenate([b, a])
    order = np.lexsort((partners, -np.concatenate([value, value]), members))
    begins = np.flatnonzero(np.concatenate([[True], np.diff(members[order]) > 0]))
    counts = np.diff(np.concatenate([begins, [len(order)]]))
    ranks = np.empty(len(order), dtype=np.intp)
    ranks[order] = np.arange(len(order)) - np.repeat(begins, counts) + 1
    return ranks[: len(a)], ranks[len(a) :]
