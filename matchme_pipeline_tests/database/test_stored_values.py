"""Whatever PostgreSQL can hold is read, under whatever settings a role has; nothing ends a fetch."""

import json
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matchme_pipeline.database.connection import connect
from matchme_pipeline.database.stored_values import MAX_JSON_DEPTH, UnreadableValue, read_json, read_json_or_none

FIRST, LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
HOSTILE_SETTINGS = {
    "DateStyle": "German, DMY",
    "IntervalStyle": "iso_8601",
    "TimeZone": "Asia/Kathmandu",
    "extra_float_digits": "-10",
    "bytea_output": "escape",
    "client_encoding": "latin1",
    "standard_conforming_strings": "off",
}


@pytest.fixture(params=[{}, HOSTILE_SETTINGS], ids=["usual settings", "settings of the database"])
def url(request, empty_database_url: str) -> Iterator[str]:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        name = connection.info.dbname
        for setting, value in request.param.items():
            connection.execute(f"alter database \"{name}\" set {setting} = '{value}'")
    return empty_database_url


@pytest.mark.parametrize("binary", [False, True])
def test_moments_beyond_the_calendar_are_read_as_its_nearest(url: str, binary: bool):
    values = {
        "'infinity'::timestamptz": LAST,
        "'-infinity'::timestamptz": FIRST,
        "'0044-03-15 BC'::timestamptz": FIRST,
        "'20000-01-01'::timestamptz": LAST,
        "'infinity'::timestamp": LAST.replace(tzinfo=None),
        "'4713-01-01 BC'::timestamp": FIRST.replace(tzinfo=None),
        "'infinity'::date": LAST.date(),
        "'-infinity'::date": FIRST.date(),
        "'0044-03-15 BC'::date": FIRST.date(),
        "'24:00'::time": time.max,
        "make_interval(years => 170000000)": timedelta.max,
        "make_interval(years => -170000000)": timedelta.min,
        "'infinity'::interval": timedelta.max,
        "'2026-03-01 12:30:00.25+00'::timestamptz": datetime(2026, 3, 1, 12, 30, 0, 250_000, UTC),
        "'2026-03-02'::date": date(2026, 3, 2),
        "make_interval(days => 3, secs => 0.5)": timedelta(days=3, seconds=0.5),
        "0.1::float8 / 3": 0.1 / 3,
        r"'\x00ff'::bytea": b"\x00\xff",
        "'نور'::text": "نور",
    }
    with connect(url, vectors=False) as connection:
        for expression, expected in values.items():
            row = connection.execute(f"select {expression}, array[{expression}]", binary=binary).fetchone()
            assert row == (expected, [expected]), expression


@pytest.mark.parametrize("binary", [False, True])
def test_json_that_python_refuses_is_one_unreadable_value(url: str, binary: bool):
    with connect(url, vectors=False) as connection:
        query = "select (repeat('[', 2500) || repeat(']', 2500))::jsonb, '{\"score\": 1e5000, \"low\": -1e5000}'::jsonb"
        row = connection.execute(query, binary=binary).fetchone()
    assert row is not None
    assert isinstance(row[0], UnreadableValue)
    # What is read can be written again.
    assert json.loads(json.dumps(row[1])) == row[1]
    assert math.isfinite(row[1]["score"])
    assert row[1]["low"] < 0


@given(st.integers(0, 3 * MAX_JSON_DEPTH), st.sampled_from(["[", '{"a":']), st.text(max_size=5))
def test_every_depth_is_read_or_named(depth: int, opening: str, text: str):
    closing = {"[": "]", '{"a":': "}"}[opening]
    document = opening * depth + json.dumps(text) + closing * depth
    value = read_json(document)
    if depth <= MAX_JSON_DEPTH:
        assert json.dumps(value) == json.dumps(json.loads(document))
    else:
        assert isinstance(value, UnreadableValue)
        assert read_json_or_none(document) is None


def test_brackets_inside_a_text_are_no_depth():
    assert read_json(json.dumps(["[" * 500 + '"{' * 500])) == ["[" * 500 + '"{' * 500]
