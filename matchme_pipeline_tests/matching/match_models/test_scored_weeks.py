"""A version in use moves whom members are shown; what they read stays that of the untrained score."""

from dataclasses import replace
from typing import Any

import pytest

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.matching import model_queries
from matchme_pipeline.matching.learning.features import FEATURES
from matchme_pipeline.matching.learning.versions import Version
from matchme_pipeline.matching.match_models import decision_queries
from matchme_pipeline.matching.model_queries import StoredVersion
from matchme_pipeline.settings import process_settings
from matchme_pipeline_tests.materialising import WEEKS, materialise, rows_of_every_table

TRAINED, SCORED = WEEKS[1].sunday, WEEKS[-1]
VERSION = Version(
    intercept=-1.0,
    coefficients={**dict.fromkeys(FEATURES, 0.0), "tendency": 1.0},
    calibration=(0.0, 1.0),
    untrained=(-2.0, 0.0),
    base=-1.0,
    rank_effects=(0.0,),
    likes_variance=1.0,
    liked_variance=1.0,
)


def keep(connection: Connection, version: Version = VERSION) -> None:
    """A version of which half of the members like, and are liked by, everybody, and the others nobody."""
    ids = [row[0] for row in connection.execute("select clerk_user_id from profiles order by 1")]
    stored = StoredVersion(
        week=TRAINED,
        state="shadow",
        state_by="pipeline",
        factors_version=version.factors_version,
        first_match_week=TRAINED,
        last_match_week=TRAINED,
        shown_pairs=3_000,
        answers=4_000,
        mutual_pairs=300,
        coefficients=version.as_json(),
        judged_week=None,
        figures={},
        reasons=(),
    )
    sign = {user_id: 2.0 if number % 2 else -2.0 for number, user_id in enumerate(ids)}
    model_queries.save_version(connection, stored, [(user_id, own, own) for user_id, own in sign.items()])


def forget_the_week(connection: Connection) -> None:
    connection.execute("delete from weekly_matches where week_start_date = %s", [SCORED.match_week])
    connection.execute("delete from match_week_models where week = %s", [SCORED.sunday])


def shown(connection: Connection) -> dict[tuple[str, str], tuple[int, Any, Any]]:
    rows = connection.execute(
        "select user_id, match_user_id, rank, score, compatibility_factors from weekly_matches "
        "where week_start_date = %s",
        [SCORED.match_week],
    ).fetchall()
    return {(a, b): (rank, score, factors) for a, b, rank, score, factors in rows}


def test_a_version_moves_whom_members_are_shown_and_nothing_that_they_read(finished_url: str):
    with connect(finished_url) as connection:
        before = shown(connection)
        forget_the_week(connection)
        keep(connection)
        decision_queries.set_active(connection, TRAINED, "somebody", "pinned")
    assert materialise(finished_url, SCORED, "match_models", "weekly_matches").success
    with connect(finished_url) as connection:
        after = shown(connection)
        assert after.keys() != before.keys()
        assert decision_queries.week_model(connection, SCORED.sunday).version == TRAINED
        for pair in after.keys() & before.keys():
            assert after[pair][1:] == before[pair][1:]
        for _, score, factors in after.values():
            assert round(sum(factor["contribution"] for factor in factors["factors"]), 2) == float(score)
            assert "tendenc" not in str(factors)
            assert "value" not in factors
        liked = dict(connection.execute("select user_id, liked from match_tendencies").fetchall())
        # Popular members and who likes many meet first: the value, not the score, orders a list.
        for member in {a for a, _ in after}:
            own = [liked[b] for (a, b), _ in sorted(after.items(), key=lambda one: one[1][0]) if a == member]
            assert own == sorted(own, reverse=True)
        # Whatever is in use now, a re-run of the week uses what scored it.
        everything = rows_of_every_table(connection)
        decision_queries.set_active(connection, None, "somebody")
    assert materialise(finished_url, SCORED, "match_models", "weekly_matches").success
    with connect(finished_url) as connection:
        assert rows_of_every_table(connection)["weekly_matches"] == everything["weekly_matches"]
        assert rows_of_every_table(connection)["match_week_models"] == everything["match_week_models"]


def test_without_answers_and_with_learning_off_a_week_is_what_it_was(
    finished_url: str, monkeypatch: pytest.MonkeyPatch
):
    with connect(finished_url) as connection:
        before = shown(connection)
        assert {row[0] for row in connection.execute("select version from match_week_models")} == {None}
        keep(connection)
        decision_queries.set_active(connection, TRAINED, "somebody")
        forget_the_week(connection)
    monkeypatch.setenv("MATCHME_LEARNING", "false")
    process_settings.cache_clear()
    try:
        assert materialise(finished_url, SCORED, "match_models", "weekly_matches").success
    finally:
        monkeypatch.delenv("MATCHME_LEARNING")
        process_settings.cache_clear()
    with connect(finished_url) as connection:
        assert shown(connection) == before
        assert decision_queries.week_model(connection, SCORED.sunday).version is None


def test_a_version_of_other_factors_scores_nobody(app_database: Connection):
    keep(app_database, replace(VERSION, factors_version="c4"))
    decision_queries.record_decision(app_database, decision_queries.WeekModel(SCORED.sunday, TRAINED, "promoted", ()))
    assert model_queries.learned_of_week(app_database, SCORED.sunday) is None
