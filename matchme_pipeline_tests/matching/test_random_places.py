"""Places drawn at random: an even draw among all who may meet, which costs nobody a partner."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.matching.engine.allocation_problem import MAX_MATCHES, RandomPlaces
from matchme_pipeline.matching.engine.match_engine import Allocation, Engine, Knowledge
from matchme_pipeline.matching.engine.random_places import draw
from matchme_pipeline.matching.rules.limits import USUAL
from matchme_pipeline.matching.rules.members import MemberRow
from matchme_pipeline.matching.week import random_place_queries
from matchme_pipeline.settings import load_settings
from matchme_pipeline_tests.matching.app_rows import populations
from matchme_pipeline_tests.matching.made import CUTOFF, row
from matchme_pipeline_tests.matching.test_engine import may_meet
from matchme_pipeline_tests.matching.test_weeks import WEEK, lists, publish, save_population

MATCH_WEEK = date(2026, 1, 11)
OFTEN = replace(USUAL, random_share=0.2)


def engine_of(rows: list[MemberRow]) -> Engine:
    return Engine(Knowledge(rows, [], np.zeros((0, 8), np.float32), {}, {}), CUTOFF)


@st.composite
def men_and_women(draw_from: st.DrawFn) -> list[MemberRow]:
    """Men and women with ages and wished-for ages, so that some have few partners and some have none."""
    rows = []
    for number in range(draw_from(st.integers(0, 24))):
        low = draw_from(st.integers(18, 45))
        rows.append(
            row(
                f"user_{number:02d}",
                gender="male" if number % 2 else "female",
                birthdate=date(2026 - draw_from(st.integers(19, 60)), 1, 1),
                age_range_min=low,
                age_range_max=low + draw_from(st.integers(2, 40)),
            )
        )
    return rows


def pairs_of(allocation: Allocation) -> set[tuple[str, str]]:
    return {(match.a, match.b) for match in allocation.matches}


@settings(max_examples=80, deadline=None)
@given(men_and_women(), st.integers(0, 50), st.randoms(use_true_random=False))
def test_drawn_places_keep_lists_coverage_and_hard_preferences(rows: list[MemberRow], weeks: int, random: Any):
    engine = engine_of(rows)
    allowed = may_meet(rows)
    excluded = {pair for pair in allowed if random.random() < 0.1}
    without = engine.match(excluded)
    done = engine.match(excluded, at_random=RandomPlaces(MATCH_WEEK + timedelta(weeks=weeks), 0.2))
    assert done.covered == without.covered
    shown = pairs_of(done)
    assert set(done.random_places) <= shown <= allowed - excluded
    sizes = np.bincount([engine.position[user_id] for pair in shown for user_id in pair], minlength=1)
    assert sizes.max(initial=0) <= MAX_MATCHES
    assert all(0 < probability <= 1 for probability in done.random_places.values())


@settings(max_examples=60, deadline=None)
@given(populations(), st.integers(0, 50))
def test_whoever_members_look_for_a_draw_leaves_nobody_without_a_partner(rows: list[MemberRow], weeks: int):
    engine = engine_of(rows)
    done = engine.match([], at_random=RandomPlaces(MATCH_WEEK + timedelta(weeks=weeks), 0.2))
    assert done.covered >= engine.match([]).covered
    assert pairs_of(done) <= may_meet(rows)
    assert done.largest_list <= MAX_MATCHES


@settings(max_examples=40, deadline=None)
@given(men_and_women(), st.randoms(use_true_random=False))
def test_a_drawn_pair_that_stands_already_is_not_drawn_again_and_changes_nobodys_probability(
    rows: list[MemberRow], random: Any
):
    engine, places = engine_of(rows), RandomPlaces(MATCH_WEEK, 0.2)
    first = engine.match([], at_random=places)
    fixed = {pair for pair in pairs_of(first) if random.random() < 0.3}
    again = engine.match([], fixed, at_random=places)
    assert not pairs_of(again) & fixed
    kept = {pair: chance for pair, chance in first.random_places.items() if pair not in fixed}
    shared = set(kept) & set(again.random_places)
    assert {pair: again.random_places[pair] for pair in shared} == {pair: kept[pair] for pair in shared}
    assert set(again.random_places) <= set(first.random_places) | (may_meet(rows) - pairs_of(first))


def test_a_draw_is_even_and_its_probability_is_what_it_says():
    rows = [row(f"user_{number:02d}", gender="male" if number % 3 else "female") for number in range(18)]
    engine = engine_of(rows)
    found = engine.candidates([])
    nobody, weeks = np.zeros((0, 2), np.intp), 3_000
    times = np.zeros((18, 18))
    for number in range(weeks):
        drawn = draw(engine.profiles, found, nobody, nobody, RandomPlaces(MATCH_WEEK + timedelta(weeks=number), 0.2))
        times[drawn.a, drawn.b] += 1 / drawn.probability
    eligible = np.zeros((18, 18), dtype=bool)
    eligible[found.a, found.b] = True
    assert eligible.sum() == 72
    assert (times[~eligible] == 0).all()
    # 1 / probability of each draw adds up to 1 a week; five standard errors of a mean of 3,000 draws around 0.11.
    assert np.abs(times[eligible] / weeks - 1).max() < 5 * np.sqrt(8 / weeks)


def test_who_leaves_moves_nobody_elses_draw():
    rows = [row(f"user_{number:02d}", gender="male" if number % 2 else "female") for number in range(40)]
    places = RandomPlaces(MATCH_WEEK, 0.2)
    before = engine_of(rows).match([], at_random=places).random_places
    gone = sorted(before)[0][0]
    after = engine_of([one for one in rows if one.user_id != gone]).match([], at_random=places).random_places
    assert len(before) > 2
    assert {pair for pair in before if gone not in pair} <= set(after)


def test_no_place_is_drawn_where_the_share_is_nothing():
    rows = [row(f"user_{number:02d}", gender="male" if number % 2 else "female") for number in range(40)]
    engine = engine_of(rows)
    done = engine.match([], at_random=RandomPlaces(MATCH_WEEK, 0))
    assert not done.random_places
    assert pairs_of(done) == pairs_of(engine.match([]))


@pytest.mark.parametrize("share", ["-0.01", "0.21", "nan", "much"])
def test_a_share_that_is_none_is_refused_by_name(share: str):
    with pytest.raises(ConfigurationError, match="MATCHME_RANDOM_PLACES"):
        load_settings(env_file=None, environment={"MATCHME_RANDOM_PLACES": share})


def test_a_week_made_again_keeps_its_drawn_places_and_what_was_seen_of_them(app_database: Connection):
    rows = [row(f"user_{number:02d}", gender="male" if number % 2 else "female") for number in range(60)]
    save_population(app_database, rows, 1)
    publish(app_database, OFTEN)
    drawn = kept(app_database)
    assert len(drawn) > 3
    assert set(drawn) <= {(a, b) for a, own in lists(app_database).items() for b in own}
    publish(app_database, OFTEN)
    assert kept(app_database) == drawn
    one, other = sorted(drawn)[0]
    app_database.execute(
        "update weekly_matches set viewed_at = now() where user_id = %s and match_user_id = %s", [other, one]
    )
    publish(app_database, OFTEN)
    assert kept(app_database) == drawn
    publish(app_database, replace(USUAL, random_share=0.0))
    assert kept(app_database) == {(one, other): drawn[one, other]}


def kept(connection: Connection) -> dict[tuple[str, str], float]:
    return {
        (a, b): probability
        for a, b, probability in connection.execute(
            "select user_id, match_user_id, chosen_probability from match_random_places where match_week = %s",
            [WEEK.match_week],
        ).fetchall()
    }


def test_members_cannot_read_which_places_were_drawn(app_database: Connection):
    random_place_queries.replace_random_places(app_database, MATCH_WEEK, {("user_b", "user_a"): 0.1}, ())
    with app_database.transaction(force_rollback=True):
        app_database.execute("set local role authenticated")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app_database.execute("select * from match_random_places")
