"""A week's learning: train a version, judge an earlier one on later weeks, decide which version scores."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.matching import model_queries
from matchme_pipeline.matching.engine.learned_values import Learned
from matchme_pipeline.matching.learning import promotion
from matchme_pipeline.matching.learning.judging import Comparison, compare
from matchme_pipeline.matching.learning.promotion import Exposure
from matchme_pipeline.matching.learning.shown_sides import AnsweredPairs, answered_pairs
from matchme_pipeline.matching.learning.tendencies import Floats
from matchme_pipeline.matching.learning.versions import Trained, train
from matchme_pipeline.matching.match_models import decision_queries, training_queries
from matchme_pipeline.matching.match_models.decision_queries import WeekModel
from matchme_pipeline.matching.match_models.training_queries import Seen, match_week_of, week_number
from matchme_pipeline.matching.model_queries import StoredVersion
from matchme_pipeline.matching.rules.weights import ALGORITHM_VERSION
from matchme_pipeline.week import WEEK, Week

# The exposure of the week's members under the version in use, and under another version.
Exposures = Callable[[Learned | None, Learned], tuple[Exposure, Exposure]]


@dataclass(frozen=True)
class LearnedWeek:
    """The result of a week's learning; `comparison` is the evaluation of `judged`."""

    seen: Seen
    trained: Trained | None
    is_new: bool
    decided: WeekModel
    judged: date | None = None
    comparison: Comparison | None = None


def learn_week(connection: Connection, week: Week, model: str, least_pairs: int, exposures: Exposures) -> LearnedWeek:
    """Train on the data as of the week's cutoff, and decide which version scores the week.

    `model` is that of the members' vectors. The decision for a published week does not change.
    """
    seen = training_queries.outcomes_as_of(connection, week, model)
    trained = train(seen.sides)
    is_new = trained is not None and _save(connection, week, seen, trained)
    known = decision_queries.week_model(connection, week.sunday)
    if decision_queries.is_published(connection, week.match_week):
        return LearnedWeek(seen, trained, is_new, known or WeekModel(week.sunday, None, "recorded", ()))
    return _decide(connection, week, _Trial(connection, seen), least_pairs, exposures, (seen, trained, is_new))


def _save(connection: Connection, week: Week, seen: Seen, trained: Trained) -> bool:
    found = trained.tendencies
    differs = np.flatnonzero((found.likes != 0) | (found.liked != 0))
    stored = StoredVersion(
        week=week.sunday,
        state="shadow",
        state_by="pipeline",
        factors_version=trained.version.factors_version,
        first_match_week=seen.match_weeks[0],
        last_match_week=seen.match_weeks[-1],
        shown_pairs=trained.shown_pairs,
        answers=trained.answers,
        mutual_pairs=trained.mutual_pairs,
        coefficients=trained.version.as_json(),
        judged_week=None,
        figures={},
        reasons=(),
    )
    rows = [(seen.user_ids[place], float(found.likes[place]), float(found.liked[place])) for place in differs.tolist()]
    return model_queries.save_version(connection, stored, rows)


def _decide(
    connection: Connection,
    week: Week,
    trial: "_Trial",
    least_pairs: int,
    exposures: Exposures,
    learned: tuple[Seen, Trained | None, bool],
) -> LearnedWeek:
    """Roll back a version that has fallen; otherwise promote a challenger that meets the rules; otherwise change
    nothing.
    """
    used, is_pinned = decision_queries.in_use(connection, week.sunday)
    champion = model_queries.version_of(connection, used) if used else None
    with connection.transaction():
        if champion and not is_pinned:
            why = _rollback_reason(week, champion, trial)
            if why:
                decided = WeekModel(week.sunday, None, "rolled_back", [why])
                decision_queries.record_decision(connection, decided)
                return LearnedWeek(*learned, decided)
        challenger = _challenger(connection, week, used, least_pairs)
        if challenger is None or is_pinned:
            reason = "An operator has pinned it." if is_pinned else "No other version can be judged yet."
            decided = WeekModel(week.sunday, used, "kept", [reason])
            decision_queries.record_decision(connection, decided)
            return LearnedWeek(*learned, decided)
        comparison = trial.comparison(challenger, champion, challenger.week)
        reasons = promotion.reasons_against(challenger.shown_pairs, least_pairs, comparison)
        if not reasons:
            reasons = _unfairness(connection, week, champion, challenger, exposures)
        decided = _decision(week, used, challenger.week, reasons)
        decision_queries.record_comparison(connection, challenger.week, week.sunday, comparison, decided.reasons)
        decision_queries.record_decision(connection, decided)
    return LearnedWeek(*learned, decided, challenger.week, comparison)


def _decision(week: Week, used: date | None, challenger: date, reasons: list[str]) -> WeekModel:
    if reasons:
        return WeekModel(week.sunday, used, "kept", reasons)
    than = f"version {used}" if used else "the untrained score"
    return WeekModel(week.sunday, challenger, "promoted", [f"It beats {than} on weeks that neither was trained on."])


def _rollback_reason(week: Week, champion: StoredVersion, trial: "_Trial") -> str:
    """Why the version in use is rolled back; empty if it is not."""
    if champion.factors_version != ALGORITHM_VERSION:
        return f"It was trained on factors of {champion.factors_version}; they are {ALGORITHM_VERSION} now."
    first = max(champion.week, (week.match_week - (promotion.WATCHED_WEEKS + 1) * WEEK))
    comparison = trial.comparison(champion, None, first)
    if comparison is None or not promotion.has_fallen(comparison):
        return ""
    return (
        f"Version {champion.week} has fallen below the untrained score: log loss {comparison.challenger_loss:.4f} "
        f"against {comparison.champion_loss:.4f} on {comparison.pairs:,} pairs."
    )


def _challenger(connection: Connection, week: Week, used: date | None, least_pairs: int) -> StoredVersion | None:
    """The oldest version that may still be judged, with enough data: it has the most later weeks."""
    # By the state of that week: a version that came into use later was not in use then.
    others = {one.version for one in decision_queries.week_models(connection) if one.week < week.sunday}
    found = [
        stored
        for stored in model_queries.versions(connection)
        if (used or date.min) < stored.week < week.sunday
        and stored.week >= week.sunday - promotion.COMPARED_WEEKS * WEEK
        and stored.week not in others
        and stored.factors_version == ALGORITHM_VERSION
    ]
    enough = [stored for stored in found if stored.shown_pairs >= least_pairs]
    return min(enough or found, key=lambda stored: stored.week, default=None)


def _unfairness(
    connection: Connection, week: Week, champion: StoredVersion | None, challenger: StoredVersion, exposures: Exposures
) -> list[str]:
    now = model_queries.learned_as_of(connection, champion, week.sunday) if champion else None
    then = model_queries.learned_as_of(connection, challenger, week.sunday)
    if then is None:
        raise LookupError(f"Version {challenger.week} has left no tendencies, though it was trained.")
    return promotion.exposure_reasons(*exposures(now, then))


class _Trial:
    """The pairs with two answers, and each version's forecasts from the data before each week."""

    def __init__(self, connection: Connection, seen: Seen) -> None:
        self.connection, self.seen = connection, seen
        self.pairs = answered_pairs(seen.sides)
        self.place = {user_id: number for number, user_id in enumerate(seen.user_ids)}
        self.tendencies: dict[int, tuple[float, Floats, Floats]] = {}

    def comparison(self, challenger: StoredVersion, champion: StoredVersion | None, after: date) -> Comparison | None:
        """The comparison of the challenger with the champion (None: the untrained score) on weeks shown after `after`.

        None for too few pairs of either kind.
        """
        pairs = self.pairs.at(self.pairs.week > week_number(after))
        if min(int(pairs.mutual.sum()), int((~pairs.mutual).sum())) < promotion.MIN_MUTUAL:
            return None
        theirs = self._chances(champion, pairs) if champion else challenger.version.untrained_chance(pairs.score)
        return compare(pairs.a, pairs.b, pairs.mutual, theirs, self._chances(challenger, pairs))

    def _chances(self, stored: StoredVersion, pairs: AnsweredPairs) -> Floats:
        chances = np.empty(len(pairs.a))
        for number in np.unique(pairs.week).tolist():
            rows = np.flatnonzero(pairs.week == number)
            model = stored.version.with_members(*self._as_of(number))
            chances[rows] = model.mutual_chance(pairs.features[rows], pairs.a[rows], pairs.b[rows])
        return chances

    def _as_of(self, number: int) -> tuple[float, Floats, Floats]:
        """The tendencies that were known when the match week was scored: its week is the one before."""
        if number not in self.tendencies:
            found = model_queries.tendencies_as_of(self.connection, match_week_of(number) - WEEK)
            base, by_id = found if found else (0.0, {})
            likes, liked = np.zeros(len(self.place)), np.zeros(len(self.place))
            for user_id, (own_likes, own_liked) in by_id.items():
                if user_id in self.place:
                    likes[self.place[user_id]], liked[self.place[user_id]] = own_likes, own_liked
            self.tendencies[number] = base, likes, liked
        return self.tendencies[number]
