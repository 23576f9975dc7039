"""Single rules at their borders."""

import xml.etree.ElementTree as ElementTree
from dataclasses import fields
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from matchme_pipeline.api.functions.contract import contract
from matchme_pipeline.api.queries.app_dna import StrandScores
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.dna import plots, wording
from matchme_pipeline.dna.fixed_point import FULL, MICRO, divide_half_up, micro, share_below
from matchme_pipeline.dna.originality import ItemSums, originality
from matchme_pipeline.dna.queries.vectors import copy_numbered_vectors
from matchme_pipeline.dna.score import tiers, weighted, whole_points
from matchme_pipeline.dna.text import fold_typos, identifies, is_one_edit, normalise
from matchme_pipeline.dna.weights import APP_NAMES, STRAND_NAMES, TIERS, TRAIT_FIELDS, WEIGHTS
from matchme_pipeline_tests.dna.plain import HABITS, edits

_WORDS = st.text(alphabet="abc", max_size=6)
_POINTS = st.lists(st.integers(0, FULL), min_size=len(WEIGHTS), max_size=len(WEIGHTS))


def strands(points: list[int]) -> dict[str, np.ndarray]:
    return {name: np.array([value]) for name, value in zip(WEIGHTS, points, strict=True)}


def test_weights_add_up_and_tiers_reach_a_hundred() -> None:
    assert sum(WEIGHTS.values()) == 100
    assert list(TIERS.values()) == [40, 60, 80, 95, 100]


def test_every_list_of_strands_is_that_of_the_weights(app_database: Connection) -> None:
    columns = app_database.execute(
        "select array_agg(column_name::text) from information_schema.columns where table_name = 'dna_score_history'"
    ).fetchall()[0][0]
    app_keys = app_database.execute(
        "select array(select jsonb_object_keys(matchme_app_breakdown(%s, null)))",
        [Jsonb({strand: {"score": 1, "weight": 1} for strand in WEIGHTS})],
    ).fetchall()[0][0]
    in_app = set(APP_NAMES.values())
    lists = {
        "STRAND_NAMES in dna/weights.py": (list(STRAND_NAMES), list(WEIGHTS)),
        "APP_NAMES in dna/weights.py": (list(APP_NAMES), list(WEIGHTS)),
        "StrandScores in api/queries/app_dna.py": ([field.name for field in fields(StrandScores)], list(WEIGHTS)),
        "the columns of dna_score_history": (set(columns) & set(WEIGHTS), set(WEIGHTS)),
        "the keys of matchme_app_breakdown (create it anew in a migration)": (set(app_keys), in_app),
        "ComponentScores in api/functions/contract.yaml": (
            set(contract()["schemas"]["ComponentScores"]["required"]),
            in_app,
        ),
        "ComponentBreakdown in api/functions/contract.yaml": (
            set(contract()["schemas"]["ComponentBreakdown"]["required"]),
            in_app,
        ),
    }
    for place, (found, expected) in lists.items():
        assert found == expected, f"{place} must list the strands of WEIGHTS"


def test_tiers_change_exactly_at_their_borders() -> None:
    scores = [0, 40, 41, 60, 61, 80, 81, 95, 96, 100]
    names = ["Common", "Uncommon", "Rare", "Epic", "Legendary"]
    assert tiers(scores).tolist() == [name for name in names for _ in range(2)]


@given(_POINTS)
def test_the_score_is_the_exact_sum_rounded_once(points: list[int]) -> None:
    exact = sum(Fraction(w * p, 100 * MICRO) for w, p in zip(WEIGHTS.values(), points, strict=True))
    score = int(weighted(strands(points))[0])
    assert exact - Fraction(1, 2) < score <= exact + Fraction(1, 2)


@given(_POINTS)
def test_whole_points_add_up_to_the_score_within_their_weights(points: list[int]) -> None:
    score = weighted(strands(points))
    shown = whole_points(strands(points), score)
    assert sum(int(value[0]) for value in shown.values()) == score[0]
    assert all(0 <= shown[name][0] <= weight for name, weight in WEIGHTS.items())


def test_micro_points_take_halves_up_whatever_the_noise() -> None:
    half = 0.1953125
    noisy = np.array([half, np.nextafter(half, 0), np.nextafter(half, 1), -1.0, 100.0000001])
    assert micro(noisy).tolist() == [195_313, 195_313, 195_313, 0, FULL]
    assert divide_half_up(np.array([1, 2, 3, 5]), 2).tolist() == [1, 1, 2, 3]


def test_share_below_counts_the_smaller_and_the_equal_others() -> None:
    below, equal = share_below(np.array([5, 1, 5, 9]))
    assert below.tolist() == [1, 0, 1, 3]
    assert equal.tolist() == [1, 0, 1, 0]


@given(_WORDS, _WORDS)
def test_one_edit_is_the_textbooks_distance_of_one(a: str, b: str) -> None:
    assert is_one_edit(a, b) == (edits(a, b) == 1)


@given(st.sets(st.text(alphabet="ab", min_size=4, max_size=7), max_size=8), st.sets(_WORDS, max_size=5))
def test_typos_fold_into_the_most_frequent_neighbour(solid: set[str], rare: set[str]) -> None:
    counts = {value: 3 + len(value) % 3 for value in solid}
    folded = fold_typos(rare - solid, counts)
    for value in rare - solid:
        near = sorted((o for o in solid if edits(value, o) == 1), key=lambda o: (-counts[o], o))
        assert folded.get(value) == (near[0] if near and len(value) >= 5 else None)


@pytest.mark.parametrize(
    ("raw", "meant"),
    [
        ("  Café-Owner ", "cafe owner"),
        ("ＴＥＡＣＨＥＲ", "teacher"),
        ("N/A", None),
        ("", None),
        (3, None),
        (None, None),
    ],
)
def test_text_is_normalised(raw: object, meant: str | None) -> None:
    assert normalise(raw) == meant


@pytest.mark.parametrize("raw", ["me@example.com", "07700 900 123", "+44 (0)20 7946 0000", "www.me", "x" * 41])
def test_what_identifies_is_no_trait(raw: str) -> None:
    assert identifies(raw)


def test_identifying_columns_are_not_among_the_traits() -> None:
    columns = {field.column for field in TRAIT_FIELDS}
    assert not columns & {"first_name", "last_name", "bio", "notes", "hometown", "location", "status_text", "birthdate"}
    assert not any(column.startswith("partner_") for column in columns)


def test_vectors_without_length_or_number_are_left_out_and_counted() -> None:
    sums = ItemSums(2, 4)
    vectors = np.array([[1, 0, 0, 0], [0, 0, 0, 0], [np.nan, 1, 0, 0], [0, 1, 0, 0]], dtype=np.float32)
    sums.add(np.array([0, 0, 1, -1]), vectors)
    assert sums.unusable == 2
    assert sums.items.tolist() == [1, 0]


def test_opposite_content_is_wholly_original_and_the_same_content_not_at_all() -> None:
    def score_of(other: list[float]) -> list[float]:
        sums = ItemSums(2, 2)
        own = np.tile(np.array([1, 0], dtype=np.float32), (10, 1))
        sums.add(np.zeros(10, dtype=np.int64), own)
        sums.add(np.ones(10, dtype=np.int64), np.tile(np.array(other, dtype=np.float32), (10, 1)))
        return list(originality(pd.Series(["a", "b"]), sums)["score"])

    assert score_of([1, 0]) == [0, 0]
    assert score_of([0, 1]) == [100, 100]
    assert score_of([-1, 0]) == [100, 100]
    assert score_of([1, 1]) == pytest.approx([29.289322] * 2, abs=1e-9)


def test_every_habit_has_its_words() -> None:
    for habit in HABITS:
        assert wording.unique_behaviour(habit, 0.5, 0.25).startswith("You stand out in ")
    assert wording.seed_state(1) == "Approve 1 more insight to get your score; it takes 5."


def test_pictures_are_well_formed_with_any_label() -> None:
    for svg in (
        plots.bars("a < b & c", {"<x>": 3, "": 0}),
        plots.lines("t", ["1"], {"a&b": [0.0]}),
        plots.bars("", {}),
    ):
        assert ElementTree.fromstring(svg).tag.endswith("svg")


def test_numbered_vectors_arrive_as_they_were_sent(app_database: Connection) -> None:
    app_database.execute("create table sent (number integer, vector vector(1536))")
    expected = np.random.default_rng(0).normal(size=(3, 1536)).astype(np.float32)
    for number, vector in enumerate(expected):
        app_database.execute("insert into sent values (%s, %s)", [number * 70_000, vector])
    copy = "copy (select number, vector from sent where number < %s order by number) to stdout (format binary)"
    numbers, vectors = copy_numbered_vectors(app_database, copy, [10**6])
    assert numbers.tolist() == [0, 70_000, 140_000]
    assert (vectors == expected).all()
    none, empty = copy_numbered_vectors(app_database, copy, [-1])
    assert (len(none), empty.shape) == (0, (0, 1536))
    with pytest.raises(ValueError, match="not of one integer and one vector"):
        copy_numbered_vectors(app_database, "copy (select 1, 2) to stdout (format binary)")
