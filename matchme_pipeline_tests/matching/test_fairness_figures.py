"""The envy that the bench reports is the published definition's, counted member by member."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from matchme_pipeline_tests.bench import fairness


def expected(
    likes: np.ndarray, own_list: np.ndarray, lists_of_others: np.ndarray, member: int, stands_as: int
) -> float:
    """Matches of `member` where the others look at them as they look at `stands_as`."""
    return sum(
        likes[member, other] * own_list[other] * lists_of_others[other, stands_as] for other in range(likes.shape[1])
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 7), st.integers(1, 7))
def test_envy_is_what_the_definition_says_member_by_member(seed: int, left: int, right: int):
    rng = np.random.default_rng(seed)
    likes = rng.random((left, right)) * (rng.random((left, right)) < 0.7)
    for _, lists in fairness.ways(likes):
        for side in (lists, fairness.Lists(*lists[::-1])):
            table = likes if side is lists else likes.T
            plain = [
                [
                    expected(table, side.of_left[i], side.of_right, i, k)
                    > expected(table, side.of_left[i], side.of_right, i, i) + 1e-9
                    for k in range(len(table))
                ]
                for i in range(len(table))
            ]
            assert fairness.envy(table, side).tolist() == plain


def test_the_equilibrium_leaves_nobody_with_more_than_one_partner_in_sum():
    likes = np.random.default_rng(2).random((6, 4))
    matched = fairness.tu_matching(likes)
    assert matched.sum(axis=1).max() <= 1
    assert matched.sum(axis=0).max() <= 1


def test_nash_welfare_leaves_less_envy_than_the_sum():
    likes = np.random.default_rng(4).random((12, 9))
    nash, total = (fairness.figures(likes, fairness.welfare(likes, alpha)) for alpha in (0.0, 1.0))
    assert nash.envies < total.envies
