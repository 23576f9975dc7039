"""The measures by hand, against scikit-learn, and as laws that hold always."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.metrics import roc_auc_score

from matchme_pipeline.matching.learning.evaluation import Ranking
from matchme_pipeline.matching.match_quality.measures import (
    Band,
    base_log_loss,
    expected_calibration_error,
    intervals,
    log_loss,
    reliability,
    resampled,
    weighted_share,
)

ONCE = np.ones(4)


def flags(*values: int) -> np.ndarray:
    return np.array(values, dtype=bool)


def floats(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def auc(score: np.ndarray, mutual: np.ndarray, weights: np.ndarray) -> float:
    return Ranking(score).auc(mutual, weights)


def test_auc_counts_pairs_of_pairs_by_hand():
    # Mutual: 80 and 60; others: 70 and 60. Of four comparisons 80 wins two, 60 loses one and ties one.
    assert auc(floats(80, 60, 70, 60), flags(1, 1, 0, 0), ONCE) == pytest.approx(2.5 / 4)


def test_auc_of_weights_is_that_of_repeated_pairs():
    # 80 counts twice: of six comparisons 80 wins four, 60 loses one and ties one.
    assert auc(floats(80, 60, 70, 60), flags(1, 1, 0, 0), floats(2, 1, 1, 1)) == pytest.approx(4.5 / 6)


def test_log_loss_by_hand():
    expected = -(np.log(0.8) + np.log(0.4) + np.log(0.5) + np.log(0.9)) / 4
    assert log_loss(floats(80, 60, 50, 10), flags(1, 0, 1, 0), ONCE) == pytest.approx(expected)
    assert base_log_loss(flags(1, 0, 0, 0)) == pytest.approx(-(0.25 * np.log(0.25) + 0.75 * np.log(0.75)))


def test_calibration_by_hand():
    bands = reliability(floats(72, 78, 100, 8), flags(1, 0, 1, 0))
    assert bands == [Band(0, 1, 0, 8.0), Band(70, 2, 1, 75.0), Band(90, 1, 1, 100.0)]
    assert expected_calibration_error(bands) == pytest.approx((0.08 + 2 * 0.25 + 0) / 4)


def test_pairs_that_were_drawn_seldom_stand_for_more():
    # A pair drawn with 0.1 stands for ten, one with 0.5 for two.
    assert weighted_share(flags(1, 0, 0, 0), floats(0.5, 0.1, 0.5, 0.5), ONCE) == pytest.approx(2 / 16)


def test_a_pair_counts_as_often_as_both_its_members_were_drawn():
    a, b = np.array([0, 0, 1, 4]), np.array([1, 2, 2, 9])
    for weights in resampled(a, b, 50):
        # Of three members that make all three pairs, with counts x, y, z: xy, xz, yz.
        xy, xz, yz = weights[:3]
        counts = [n for n in range(6) if n * n * yz == xy * xz]
        assert counts
        assert (weights >= 0).all()
        assert (weights == weights.round()).all()


pairs = st.integers(2, 60).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 10_000).map(lambda points: points / 100), min_size=n, max_size=n),
        st.lists(st.booleans(), min_size=n, max_size=n),
    )
)


@settings(max_examples=150, deadline=None)
@given(pairs)
def test_the_measures_are_those_of_scikit_learn(drawn: tuple[list[float], list[bool]]):
    score, mutual = np.array(drawn[0]), np.array(drawn[1])
    once = np.ones(len(score))
    if mutual.any() and not mutual.all():
        assert auc(score, mutual, once) == pytest.approx(roc_auc_score(mutual, score), abs=1e-12)
    else:
        assert np.isnan(auc(score, mutual, once))
    chance = np.clip(score / 100, 1e-6, 1 - 1e-6)
    assert log_loss(score, mutual, once) == pytest.approx(sklearn_log_loss(mutual, chance, labels=[False, True]))


@settings(max_examples=150, deadline=None)
@given(pairs, st.integers(1, 5))
def test_a_figure_of_everything_twice_is_the_same_and_a_mirrored_score_mirrors_the_auc(
    drawn: tuple[list[float], list[bool]], times: int
):
    score, mutual = np.array(drawn[0]), np.array(drawn[1])
    once = np.ones(len(score))
    if mutual.any() and not mutual.all():
        assert auc(score, mutual, once * times) == pytest.approx(auc(score, mutual, once))
        assert auc(100 - score, mutual, once) == pytest.approx(1 - auc(score, mutual, once))
        assert 0 <= auc(score, mutual, once) <= 1
    bands = reliability(score, mutual)
    assert sum(band.pairs for band in bands) == len(score)
    assert sum(band.mutual for band in bands) == mutual.sum()
    assert all(band.points <= band.mean_score + 1e-9 and band.mean_score <= band.points + 10 for band in bands)
    assert 0 <= expected_calibration_error(bands) <= 1


def test_an_interval_holds_what_members_vary_and_is_the_same_every_time():
    random = np.random.default_rng(1)
    a, b = random.integers(0, 150, 600), 150 + random.integers(0, 150, 600)
    mutual = random.random(600) < 0.3
    # One member who likes everybody makes the share vary by that member.
    mutual[a == 3] = True

    def share(weights: np.ndarray) -> float:
        return weighted_share(mutual, np.ones(600), weights)

    first, again = (intervals(a, b, {"share": share})["share"] for _ in range(2))
    assert first == again
    assert first.low < first.value < first.high
    plain = 1.96 * np.sqrt(first.value * (1 - first.value) / 600)
    assert first.high - first.low > 2 * plain


def test_a_figure_without_a_value_has_no_interval():
    a, b = np.array([0, 1]), np.array([2, 3])
    assert intervals(a, b, {"auc": lambda weights: auc(floats(1, 2), flags(1, 1), weights)}) == {}
    nobody = np.zeros(0, dtype=np.intp)
    assert intervals(nobody, nobody, {"auc": lambda weights: auc(floats(), flags(), weights)}) == {}
