"""Main profiles: what members share shows through, what only one of them has does not; candidates by learned values."""

import numpy as np
import pytest

from matchme_pipeline.matching.engine.candidates import Calibration, Candidates
from matchme_pipeline.matching.engine.learned_values import best_of_either
from matchme_pipeline.matching.learning.profile_space import main_profiles, profile_similarity
from matchme_pipeline.matching.rules.quantised_vectors import VectorRows, centre_of, centred

MEMBERS, DIMENSIONS, THEMES = 900, 256, 12


def vectors_and_truth(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of members with a few themes each and much noise, and how much each pair's themes agree."""
    random = np.random.default_rng(seed)
    themes = random.random((MEMBERS, THEMES)) * (random.random((MEMBERS, THEMES)) < 0.3)
    directions = random.normal(size=(THEMES, DIMENSIONS)) / DIMENSIONS**0.5
    vectors = themes @ directions + 1.5 * random.normal(size=(MEMBERS, DIMENSIONS)) / DIMENSIONS**0.5
    themes -= themes.mean(axis=0)
    return vectors.astype(np.float32), themes @ themes.T


def held(vectors: np.ndarray) -> np.ndarray:
    rows = VectorRows(vectors, np.arange(len(vectors)))
    return centred(rows, centre_of(rows)).quantised


def test_main_profiles_tell_shared_themes_better_than_whole_vectors():
    vectors, truth = vectors_and_truth()
    whole = held(vectors)
    a, b = np.triu_indices(MEMBERS, 1)
    by_whole = np.corrcoef((whole[a] / 32_000 * (whole[b] / 32_000)).sum(axis=1), truth[a, b])[0, 1]
    by_main = np.corrcoef(profile_similarity(main_profiles(whole), a, b), truth[a, b])[0, 1]
    assert by_main > by_whole + 0.02


def test_a_member_without_a_vector_is_neutral_and_both_sides_agree():
    vectors, _ = vectors_and_truth()
    vectors[5] = 0
    profiles = main_profiles(held(vectors))
    everyone = np.arange(MEMBERS)
    assert (profile_similarity(profiles, everyone, np.full(MEMBERS, 5)) == 0.5).all()
    other = np.random.default_rng(1).permutation(MEMBERS)
    similarity = profile_similarity(profiles, everyone, other)
    assert (similarity == profile_similarity(profiles, other, everyone)).all()
    assert similarity.min() >= 0
    assert similarity.max() <= 1


@pytest.mark.parametrize("members", [0, 1, 2, 9, 25])
def test_few_members_give_finite_profiles(members: int):
    vectors, _ = vectors_and_truth()
    profiles = main_profiles(held(vectors[:members]))
    assert len(profiles) == members
    assert np.isfinite(profiles).all()


def test_noise_has_few_main_directions_and_themes_have_theirs():
    vectors, _ = vectors_and_truth()
    noise = np.random.default_rng(3).normal(size=vectors.shape).astype(np.float32)
    assert main_profiles(held(noise)).shape[1] <= 2
    assert main_profiles(held(vectors)).shape[1] == THEMES


def test_the_order_of_members_does_not_matter():
    vectors, _ = vectors_and_truth()
    order = np.random.default_rng(2).permutation(MEMBERS)
    a, b = np.arange(MEMBERS - 1), np.arange(1, MEMBERS)
    place = np.argsort(order)
    straight = profile_similarity(main_profiles(held(vectors)), a, b)
    shuffled = profile_similarity(main_profiles(held(vectors[order])), place[a], place[b])
    assert straight == pytest.approx(shuffled, abs=1e-3)


@pytest.mark.parametrize("kept", [1, 3, 50])
def test_a_candidate_stays_where_it_is_among_the_best_of_either_member(kept: int):
    random = np.random.default_rng(kept)
    members = 40
    a, b = np.nonzero(np.triu(random.random((members, members)) < 0.5, 1))
    values = random.integers(0, 101, len(a)).astype(np.float32)
    found = Candidates(a, b, values, np.ones(members, np.int64), len(a), 0.0, Calibration(0, 1))
    stay = set(best_of_either(members, found, values, kept).tolist())
    for n, (one, other) in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
        better = [np.count_nonzero(((a == member) | (b == member)) & (values > values[n])) for member in (one, other)]
        assert (n in stay) == (min(better) < kept)


def test_no_candidate_at_all_is_no_error():
    none = np.zeros(0, dtype=np.intp)
    found = Candidates(none, none, none.astype(np.float32), np.zeros(3, np.int64), 0, 0.0, Calibration(0, 1))
    assert not len(best_of_either(3, found, none.astype(np.float32), 60))
