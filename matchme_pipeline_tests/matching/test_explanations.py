"""Explanations as columns say what Python's own rounding and formatting say of each pair."""

import json
import uuid
from datetime import date
from decimal import Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from matchme_pipeline.database import binary_fields
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import copy_fields
from matchme_pipeline.matching.engine.matches import Match, as_matches
from matchme_pipeline.matching.rules.explanation import contributions, explanations
from matchme_pipeline.matching.rules.unknown_values import NAMES
from matchme_pipeline.matching.rules.weights import SOFT_PREFERENCES, WEIGHTS

TITLES: list[tuple[str, ...]] = [(), ("Loves hiking",), ('Äpfel "und" mehr', "b", "c", "d", "e")]
# Exact halves of a ten-thousandth and of a percent, and their neighbours, besides any value.
step = st.integers(0, 20_000).map(lambda n: n / 20_000)
value = st.one_of(
    st.floats(0, 1), step, st.tuples(step, st.booleans()).map(lambda given: float(np.nextafter(*map(float, given))))
)
pair = st.tuples(
    st.lists(value.map(lambda v: min(1.0, max(0.0, v))), min_size=len(WEIGHTS), max_size=len(WEIGHTS)),
    st.integers(0, len(TITLES) - 1),
    st.booleans(),
    st.integers(0, 2 ** len(NAMES) - 1),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(pair, min_size=1, max_size=6))
def test_every_pair_has_the_values_that_python_rounds_and_the_words_of_its_values(pairs: list[tuple]):
    values = np.array([own for own, *_ in pairs])
    columns = (np.array([own[place] for own in pairs]) for place in (1, 2, 3))
    shared, compared, bits = columns
    made = explanations(values, shared.astype(np.int32), TITLES, compared.astype(bool), bits.astype(np.uint8))
    written = [json.loads(own) for own in made.json(np.arange(len(pairs)))]
    hundredths = contributions(values).tolist()
    for (own, title, is_compared, missing), parts, found in zip(pairs, hundredths, written, strict=True):
        by_name = dict(zip(WEIGHTS, own, strict=True))
        named = [name for place, name in enumerate(NAMES) if missing >> place & 1]
        assert [factor["name"] for factor in found["factors"]] == list(WEIGHTS)
        assert [factor["value"] for factor in found["factors"]] == [round(number, 4) for number in own]
        assert [factor["contribution"] for factor in found["factors"]] == [part / 100 for part in parts]
        assert [factor["weight"] for factor in found["factors"]] == list(WEIGHTS.values())
        assert found["score"] == sum(parts) / 100
        assert found["shared"] == list(TITLES[title])
        assert found["not_stated"] == named
        assert found["vector_similarity"] == round(by_name["similarity"], 4)
        points = sum(WEIGHTS[wish] * by_name[wish] for wish in SOFT_PREFERENCES)
        assert found["preferences_match"] == round(points / sum(WEIGHTS[wish] for wish in SOFT_PREFERENCES), 4)
        said = {factor["name"]: factor["sentence"] for factor in found["factors"]}
        assert (f"{by_name['similarity']:.0%} of possible matches" in said["similarity"]) == is_compared
        assert said["similarity"].startswith("You write about life in similar") == (
            is_compared and by_name["similarity"] >= 0.5
        )
        assert all(f"{NAMES[name]} not stated" in said["stated"].casefold() for name in named)
        assert said["shared"].endswith(f"{', '.join(TITLES[title][:4])}.") or not TITLES[title]
        assert ("close." in said["dna"]) == (by_name["dna"] >= 0.85)


def test_pairs_of_one_block_and_of_many_are_written_alike():
    values = np.random.default_rng(1).random((50, len(WEIGHTS)))
    numbers = np.arange(50)
    made = explanations(values, (numbers % 3).astype(np.int32), TITLES, numbers % 2 == 0, (numbers % 128).astype("u1"))
    together = made.json(numbers)
    assert [made.json(np.array([n]))[0] for n in numbers.tolist()] == together
    assert made.json(numbers[::-1]) == together[::-1]


def test_matches_that_are_objects_and_matches_that_are_columns_are_one_thing():
    given_ones = [
        Match("b", "c", Decimal("12.34"), {"score": 12.34}, 5.5),
        Match("a", "d", Decimal("0.07"), {"score": 0.07}),
    ]
    columns = as_matches(given_ones)
    assert list(columns) == given_ones
    assert as_matches(columns) is columns
    assert (columns[1], columns[-1], len(columns[:1])) == (given_ones[1], given_ones[1], 1)
    assert list(columns.pairs()) == [("b", "c"), ("a", "d")]
    assert columns.worst_first.tolist() == [-5.5, -0.07]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(), max_size=5))
def test_ids_are_those_of_uuid5(names: list[str]):
    namespace = uuid.UUID("b3d6a4f0-40a2-4d4c-9b0d-2f0a6f1f8a77")
    expected = [binary_fields.uuid(uuid.uuid5(namespace, name)) for name in names]
    assert binary_fields.uuids_of_names(namespace, names) == expected


def test_fields_arrive_as_the_values_that_they_were(app_database: Connection):
    names = ("number", "day", "id", "spoken", "score", "factors")
    rows = [
        (n, date(1999, 12, 31 - n), uuid.UUID(int=7**n), "ä" * n, Decimal(score).scaleb(-2), {"a": [n, "ü"]})
        for n, score in enumerate([0, 7, 100, 9_999, 10_000, -5, 123_456])
    ]
    app_database.execute(
        "create temporary table kinds (number integer, day date, id uuid, spoken text, score numeric, factors jsonb)"
    )
    numbers, days, ids, texts, scores, documents = zip(*rows, strict=True)
    block = [
        map(binary_fields.integer, numbers),
        map(binary_fields.day, days),
        map(binary_fields.uuid, ids),
        map(binary_fields.text, texts),
        (binary_fields.hundredths(int(score * 100)) for score in scores),
        (binary_fields.document(json.dumps(own).encode()) for own in documents),
    ]
    nothing = [[binary_fields.NULL]] * len(names)
    assert copy_fields(app_database, "kinds", names, [block, nothing]) == len(rows) + 1
    found = app_database.execute("select * from kinds where number is not null order by number").fetchall()
    assert found == rows
    assert [str(row[4]) for row in found] == ["0.00", "0.07", "1.00", "99.99", "100.00", "-0.05", "1234.56"]
    assert app_database.execute("select count(*) from kinds where kinds is null").fetchone() == (1,)
