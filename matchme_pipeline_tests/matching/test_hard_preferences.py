"""The hard preferences stand twice, compiled and in SQL: condition by condition they say the same of every pair."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from numpy.typing import NDArray

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.matching import member_queries
from matchme_pipeline.matching.rules.eligibility import FILTERS, eligible_block
from matchme_pipeline.matching.rules.limits import USUAL, Limits
from matchme_pipeline.matching.rules.members import NO_LIMIT, MemberRow, Members, why_not_matchable
from matchme_pipeline.matching.rules.unknown_values import NAMES
from matchme_pipeline.matching.rules.vocabulary import MISSING
from matchme_pipeline.matching.search import hard_preferences
from matchme_pipeline.matching.week import check_queries
from matchme_pipeline.settings import UNKNOWN_MAY_BE_STRICT
from matchme_pipeline_tests.matching.app_rows import populations, save
from matchme_pipeline_tests.matching.made import CUTOFF, STRICT, columns, row

# What states nothing about each filter, by filter.
SILENT: Mapping[str, Mapping[str, float]] = {
    "gender": {"wants_gender": 3},
    "age": {"age_min": 0, "age_max": 200},
    "distance": {"max_distance": NO_LIMIT},
    "education": {"wants_education": 0},
    "marital_status": {"wants_marital": 0},
    "children": {"wants_partner_children": MISSING},
    "religiosity": {"wants_religiosity": 0},
    "sect": {"wants_sect": 0},
    "hijab": {"requires_hijab": 0},
}
PAIRS = hard_preferences.with_preferences(
    f"""
    with members as materialized (
        select p.user_id, o.*
        from matchme_members_as_of(%(as_of)s) p
        /* member_codes */
    )
    select s.user_id, o.user_id, array[{", ".join(f"({one}) is true" for one in hard_preferences.CONDITIONS.values())}]
    from members s
    join members o on o.user_id <> s.user_id
    """
)


class _RollBackError(Exception):
    pass


def alone(name: str, members: Members) -> Members:
    """The members with no wish but those of one filter."""
    silent = {column: value for other, columns in SILENT.items() if other != name for column, value in columns.items()}
    return replace(members, **{column: np.full_like(getattr(members, column), silent[column]) for column in silent})


def by_rule(members: Members) -> dict[str, NDArray[np.bool_]]:
    found = {}
    for name in FILTERS:
        stating = alone(name, members)
        found[name], _ = eligible_block(stating, stating)
    return found


def by_sql(connection: Connection, limits: Limits, members: Members) -> dict[str, NDArray[np.bool_]]:
    place = {user_id: n for n, user_id in enumerate(members.user_ids)}
    found = {name: np.eye(len(place), dtype=bool) for name in hard_preferences.CONDITIONS}
    parameters = {**hard_preferences.parameters(limits, CUTOFF.date()), "as_of": CUTOFF}
    for a, b, holds in connection.execute(PAIRS.encode(), parameters).fetchall():
        if a in place and b in place:
            for name, one in zip(found, holds, strict=True):
                found[name][place[a], place[b]] = one
    return found


def test_sql_and_settings_have_the_filters_of_the_rule_in_its_order():
    assert tuple(hard_preferences.CONDITIONS) == FILTERS == tuple(SILENT)
    # Gender and age are always known.
    assert FILTERS[2:] == UNKNOWN_MAY_BE_STRICT == tuple(NAMES)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(populations())
def test_every_condition_holds_of_the_same_pairs_in_sql_and_compiled(app_database: Connection, rows: list[MemberRow]):
    try:
        with app_database.transaction():
            save(app_database, rows)
            stored = member_queries.members_as_of(app_database, CUTOFF)
            for limits in (USUAL, STRICT):
                matchable = [one for one in stored if why_not_matchable(one, CUTOFF) is None]
                members = columns(*matchable, limits=limits)
                if not len(members):
                    continue
                expected, found = by_rule(members), by_sql(app_database, limits, members)
                for name in FILTERS:
                    np.fill_diagonal(expected[name], True)
                    assert (found[name] == expected[name]).all(), name
            raise _RollBackError
    except _RollBackError:
        pass


UNWANTED = {
    "gender": {"gender_preference": ["male"]},
    "age": {"age_range_max": 20},
    "distance": {"max_distance": 10, "lat": 53.0, "lng": -2.0},
    "education": {"education_preferences": ["Doctorate/PhD"]},
    "marital_status": {"marital_status_preferences": ["Divorced"]},
    "children": {"has_children_preference": "no"},
    "religiosity": {"religiosity_preferences": ["Cultural"]},
    "sect": {"partner_sect_preference": ["shia"]},
    "hijab": {"partner_hijab_required": True},
}


@pytest.mark.parametrize("name", FILTERS)
def test_the_last_look_counts_a_pair_that_breaks_any_one_preference(app_database: Connection, name: str):
    week = date(2026, 1, 11)
    she = row("w", gender="female", has_children=True)
    save(app_database, [she, *(row(one, gender="male", **UNWANTED[name]) for one in "mn")])
    for user_id, other, viewed in (("m", "w", False), ("w", "m", False), ("n", "w", False), ("w", "n", True)):
        app_database.execute(
            """
            insert into weekly_matches (user_id, match_user_id, score, rank, week_start_date, viewed_at)
            values (%s, %s, 50, 1, %s, case when %s then %s::timestamptz end)
            """,
            [user_id, other, week, viewed, CUTOFF + timedelta(days=1)],
        )
    limits = replace(USUAL, strict=frozenset({"hijab"}))
    broken = check_queries.broken_preferences(app_database, CUTOFF, week, limits)
    assert {filter_name for filter_name, pairs in broken.items() if pairs} == {name}
    assert broken[name] == 1
