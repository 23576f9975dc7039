"""Tendencies and the pair model, on made-up members whose truth is known."""

from typing import NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from matchme_pipeline.matching.learning.pair_model import PairModel, learn
from matchme_pipeline.matching.learning.tendencies import Answers, fit


class Evenings(NamedTuple):
    """Everybody of one side meets everybody of the other, evening by evening; each answers about each."""

    members: int
    a: np.ndarray
    b: np.ndarray
    factors: np.ndarray
    a_likes: np.ndarray
    b_likes: np.ndarray

    def answers(self, where: np.ndarray) -> tuple[Answers, np.ndarray]:
        liker = np.concatenate([self.a[where], self.b[where]])
        shown = np.concatenate([self.b[where], self.a[where]])
        liked = np.concatenate([self.a_likes[where], self.b_likes[where]])
        rank = np.zeros(len(liker), dtype=np.intp)
        return Answers(liker, shown, liked, rank), np.tile(self.factors[where], (2, 1))


def evenings(seed: int, spread: float = 0.9, pull: float = 0.8, number: int = 21) -> Evenings:
    rng = np.random.default_rng(seed)
    a, b, members = [], [], 0
    for _ in range(number):
        size = int(rng.integers(10, 19))
        for one in range(size):
            for other in range(size):
                a.append(members + one)
                b.append(members + size + other)
        members += 2 * size
    a, b = np.array(a, dtype=np.intp), np.array(b, dtype=np.intp)
    factors = rng.random((len(a), 3))
    likes, liked = rng.normal(0, spread, members), rng.normal(0, spread, members)

    def answer(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        odds = -0.4 + likes[one] + liked[other] + pull * (factors[:, 0] - 0.5)
        return rng.random(len(one)) < 1 / (1 + np.exp(-odds))

    return Evenings(members, a, b, factors, answer(a, b), answer(b, a))


def learned(seen: Evenings, where: np.ndarray) -> PairModel:
    answers, factors = seen.answers(where)
    model = learn(seen.members, answers, factors)
    assert model is not None
    return model


def halves(seen: Evenings, seed: int) -> np.ndarray:
    return np.random.default_rng([seed, 1]).random(len(seen.a)) < 0.5


def test_the_first_half_of_the_answers_predicts_mutual_interest_in_the_second():
    areas = []
    for seed in range(4):
        seen = evenings(seed)
        first = halves(seen, seed)
        model = learned(seen, first)
        chance = model.mutual_chance(seen.factors[~first], seen.a[~first], seen.b[~first])
        mutual = (seen.a_likes & seen.b_likes)[~first]
        areas.append(roc_auc_score(mutual, chance))
        # Calibrated: as many are foretold as there are.
        assert abs(chance.mean() - mutual.mean()) < 0.04
    assert np.mean(areas) > 0.66


def test_the_model_orders_later_dates_better_than_counted_rates():
    """How often each was liked and likes, counted on the first half, is what a model must beat."""
    leads = []
    for seed in range(4):
        seen = evenings(seed, spread=1.2)
        first = halves(seen, seed)
        answers, _ = seen.answers(first)
        likes, liked = (
            (np.bincount(member, answers.liked, seen.members) + answers.liked.mean())
            / (np.bincount(member, minlength=seen.members) + 1)
            for member in (answers.liker, answers.shown)
        )
        a, b, factors = seen.a[~first], seen.b[~first], seen.factors[~first]
        mutual = (seen.a_likes & seen.b_likes)[~first]
        counted = roc_auc_score(mutual, likes[a] * liked[a] * likes[b] * liked[b])
        leads.append(roc_auc_score(mutual, learned(seen, first).mutual_chance(factors, a, b)) - counted)
    assert np.mean(leads) > 0.005


def test_members_who_were_shown_unsuitable_partners_do_not_count_as_choosy():
    random = np.random.default_rng(8)
    members, rows = 400, 16_000
    liker, shown = random.integers(0, members // 2, rows), random.integers(members // 2, members, rows)
    # Half of the likers are shown suitable partners; all of them like equally readily.
    suits = np.where(liker % 2 == 0, 0.8, 0.2) + random.normal(0, 0.1, rows)
    liked = random.random(rows) < 1 / (1 + np.exp(-3 * (suits - 0.5)))
    _, keep = np.unique(liker * members + shown, return_index=True)
    answers = Answers(liker[keep], shown[keep], liked[keep], np.zeros(len(keep), dtype=np.intp))
    model = learn(members, answers, suits[keep, None])
    assert model is not None
    raw, _ = fit(members, answers.ordered())
    even, odd = np.arange(0, members // 2, 2), np.arange(1, members // 2, 2)
    gap = lambda likes: abs(likes[even].mean() - likes[odd].mean())  # noqa: E731
    assert gap(model.tendencies.likes) < gap(raw.likes) / 2


def test_answers_of_chance_alone_teach_next_to_nothing():
    for seed in range(4):
        seen = evenings(seed, spread=0.0, pull=0.0)
        first = halves(seen, seed)
        model = learned(seen, first)
        chance = model.mutual_chance(seen.factors[~first], seen.a[~first], seen.b[~first])
        mutual = (seen.a_likes & seen.b_likes)[~first]
        # No worse than the population's rate by more than a hair.
        assert log_loss(mutual, chance) < log_loss(mutual, np.full(len(mutual), mutual.mean())) + 0.01
        assert model.tendencies.likes_variance < 0.15
        assert model.tendencies.liked_variance < 0.15


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1), st.floats(0, 1))
def test_a_better_factor_never_lowers_the_chance_and_both_sides_have_one_value(seed: int, low: float, high: float):
    seen = evenings(seed % 7, number=3)
    model = learned(seen, np.ones(len(seen.a), dtype=bool))
    low, high = sorted((low, high))
    worse, better = np.full((1, 3), low), np.full((1, 3), high)
    a, b = seen.a[:1], seen.b[:1]
    assert model.mutual_chance(worse, a, b) <= model.mutual_chance(better, a, b)
    assert abs(model.mutual_chance(worse, a, b) - model.mutual_chance(worse, b, a)) < 1e-12
    assert (model.factors >= 0).all()
    assert model.tendency >= 0


def test_the_order_of_the_answers_changes_nothing():
    seen = evenings(3, number=4)
    answers, factors = seen.answers(np.ones(len(seen.a), dtype=bool))
    order = np.random.default_rng(0).permutation(len(answers.liker))
    mixed = Answers(*(column[order] for column in answers))
    one, other = learn(seen.members, answers, factors), learn(seen.members, mixed, factors[order])
    assert one is not None
    assert other is not None
    assert (one.intercept, one.tendency, one.calibration) == (other.intercept, other.tendency, other.calibration)
    assert (one.factors == other.factors).all()
    assert (one.tendencies.liked == other.tendencies.liked).all()


def test_answers_that_are_all_alike_teach_nothing():
    seen = evenings(1, number=2)
    answers, factors = seen.answers(np.ones(len(seen.a), dtype=bool))
    assert learn(seen.members, answers._replace(liked=np.ones(len(answers.liked), dtype=bool)), factors) is None
    assert learn(seen.members, Answers(*(column[:0] for column in answers)), factors[:0]) is None


def test_a_newcomer_has_the_populations_prior():
    seen = evenings(2)
    answers, _ = seen.answers(np.ones(len(seen.a), dtype=bool))
    tendencies, _ = fit(seen.members + 1, answers.ordered())
    assert tendencies.likes[-1] == tendencies.liked[-1] == 0.0


def test_one_who_is_shown_to_choosy_members_is_not_held_the_less_popular():
    rng = np.random.default_rng(5)
    members = 202
    liker = np.arange(200, dtype=np.intp)
    likers = np.concatenate([liker, np.tile(liker, 10)])
    # Member 200 is shown to the choosy alone, 201 to the others; both are as popular in truth.
    shown = np.concatenate([np.where(np.repeat([True, False], 100), 200, 201), rng.integers(0, 200, 2000)])
    odds = np.where(np.tile(np.repeat([True, False], 100), 11), -2.0, 1.0)
    liked = rng.random(len(likers)) < 1 / (1 + np.exp(-odds))
    answers = Answers(likers, shown.astype(np.intp), liked, np.zeros(len(likers), dtype=np.intp))
    _, keep = np.unique(answers.liker * members + answers.shown, return_index=True)
    answers = Answers(*(column[keep] for column in answers)).ordered()
    tendencies, _ = fit(members, answers)
    raw = [answers.liked[answers.shown == member].mean() for member in (200, 201)]
    assert raw[1] - raw[0] > 0.4
    assert abs(tendencies.liked[201] - tendencies.liked[200]) < 0.5


def test_the_ranks_pull_is_not_taken_for_popularity():
    rng = np.random.default_rng(6)
    members, rows = 400, 12_000
    liker = rng.integers(0, members, rows)
    shown = rng.integers(0, members, rows)
    # Half of the members are always shown first, half fifth; ranks pull, members do not differ.
    rank = np.where(shown % 2 == 0, 1, 5)
    mixed = rng.random(rows) < 0.3
    rank = np.where(mixed, 6 - rank, rank)
    liked = rng.random(rows) < 1 / (1 + np.exp(-np.where(rank == 1, 0.8, -0.8)))
    _, keep = np.unique(liker * members + shown, return_index=True)
    answers = Answers(liker[keep], shown[keep], liked[keep], rank[keep]).ordered()
    corrected, _ = fit(members, answers)
    raw, _ = fit(members, answers._replace(rank=np.zeros(len(keep), dtype=np.intp)))
    first, fifth = np.arange(members) % 2 == 0, np.arange(members) % 2 == 1
    gap = lambda found: abs(found.liked[first].mean() - found.liked[fifth].mean())  # noqa: E731
    assert gap(corrected) < gap(raw) / 2


def test_a_ring_of_one_in_a_hundred_barely_moves_the_others():
    """Two in a hundred at most of the chance, for pairs without a ring's member, at the 95th percentile."""
    seen = evenings(4)
    everything = np.ones(len(seen.a), dtype=bool)
    answers, factors = seen.answers(everything)
    honest = learn(seen.members, answers, factors)
    ring = np.arange(0, seen.members, 100)
    a, b = (side.reshape(-1) for side in np.meshgrid(ring, ring))
    a, b = a[a != b], b[a != b]
    inside = Answers(a, b, np.ones(len(a), dtype=bool), np.zeros(len(a), dtype=np.intp))
    together = Answers(*(np.concatenate([x, y]) for x, y in zip(answers, inside, strict=True)))
    # Beside the ring, one member passes everybody.
    together = together._replace(liked=together.liked & (together.liker != 55))
    poisoned = learn(seen.members, together, np.concatenate([factors, np.ones((len(a), 3))]))
    assert honest is not None
    assert poisoned is not None
    others = ~np.isin(seen.a, [*ring, 55]) & ~np.isin(seen.b, [*ring, 55])
    moved = [model.mutual_chance(seen.factors[others], seen.a[others], seen.b[others]) for model in (honest, poisoned)]
    assert np.quantile(np.abs(moved[0] - moved[1]), 0.95) < 0.02
