"""A week's match quality over the tables: what it counts, what is too few, late as on time."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from dagster import AssetKey

from matchme_pipeline.content import deletion
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.matching.match_quality import quality_queries, weekly_quality
from matchme_pipeline.matching.match_quality.cells import MIN_GROUP, OTHERS
from matchme_pipeline.matching.match_quality.quality import MIN_RANDOM_PAIRS, Quality
from matchme_pipeline.matching.match_quality.trend import NOT_ENOUGH, falls
from matchme_pipeline.matching.outcomes import outcome_queries
from matchme_pipeline.matching.rules.limits import USUAL
from matchme_pipeline.matching.rules.weights import ALGORITHM_VERSION, WEIGHTS
from matchme_pipeline.week import Week
from matchme_pipeline_tests.materialising import WEEKS, changed_tables, materialise, rows_of_every_table

FIRST, SECOND, THIRD = WEEKS[:3]
PAIRS = 80
SEEN_AT = FIRST.cutoff + timedelta(hours=5)


@pytest.fixture
def shown(app_database: Connection) -> Connection:
    """Eighty pairs of members who have all seen each other; those with the forty highest scores like each other."""
    for number in range(PAIRS):
        for gender in ("male", "female"):
            app_database.execute(
                """
                insert into profiles (
                    clerk_user_id, gender, birthdate, onboarding_completed, last_active_at, created_at
                )
                values (%s, %s, %s, true, %s, %s)
                """,
                [
                    f"{gender}_{number:02d}",
                    gender,
                    date(1996 if number % 2 else 1980, 1, 1),
                    FIRST.cutoff,
                    FIRST.cutoff - timedelta(days=3 if number < 8 else 100),
                ],
            )
        for one, other in pair(number), pair(number)[::-1]:
            show(app_database, one, other, score=number + 10, rank=1 + number % 5)
    answer(app_database, range(PAIRS), SEEN_AT, liked=range(40, PAIRS))
    return app_database


def pair(number: int) -> tuple[str, str]:
    return f"male_{number:02d}", f"female_{number:02d}"


def show(connection: Connection, one: str, other: str, score: float, rank: int) -> None:
    values = ", ".join(f'{{"value": {score / 100}}}' for _ in WEIGHTS)
    connection.execute(
        """
        insert into weekly_matches (
            id, user_id, match_user_id, score, rank, week_start_date, compatibility_factors, embedding_model
        )
        values (gen_random_uuid(), %s, %s, %s, %s, %s, %s, 'm')
        """,
        [
            *(one, other, score, rank, FIRST.match_week),
            f'{{"version": "{ALGORITHM_VERSION}", "factors": [{values}]}}',
        ],
    )


def answer(connection: Connection, numbers: range, at: Any, liked: range) -> None:
    for number in numbers:
        connection.execute(
            """
            update weekly_matches set viewed_at = %s, actioned_at = %s, action = %s
            where (user_id, match_user_id) in ((%s, %s), (%s, %s))
            """,
            [at, at, "liked" if number in liked else "passed", *pair(number), *pair(number)[::-1]],
        )


def measured(connection: Connection, week: Week = SECOND) -> Quality:
    outcome_queries.replace_outcomes(connection, week)
    found = weekly_quality.measure_week(connection, week, USUAL)
    quality_queries.save_quality(connection, week.sunday, found)
    return found


def test_a_score_that_tells_who_likes_each_other_has_an_auc_of_one(shown: Connection):
    found = measured(shown)
    assert (found.shown_pairs, found.seen_pairs, found.mutual_pairs) == (PAIRS, PAIRS, 40)
    assert found.auc is not None
    assert (found.auc.value, found.auc.low, found.auc.high) == (1.0, 1.0, 1.0)
    assert found.mutual_share is not None
    assert found.mutual_share.low < found.mutual_share.value == 0.5 < found.mutual_share.high
    assert found.base_log_loss == pytest.approx(np.log(2))
    assert [(band.points, band.pairs, band.mutual) for band in found.bands] == [
        *((points, 10, 0) for points in (10, 20, 30, 40)),
        *((points, 10, 10) for points in (50, 60, 70, 80)),
    ]
    # Bands below 50 say 14.5 to 44.5 and nobody likes; those above say 54.5 to 84.5 and everybody does.
    assert found.calibration_error == pytest.approx(0.30)


def test_the_funnel_is_counted_by_rank_score_factor_and_time_with_us(shown: Connection):
    found = measured(shown)
    cells = {(cell.kind, cell.cell): cell.counts for cell in found.funnel}
    assert cells["rank", "3"] == {
        **dict.fromkeys(("shown", "viewed", "engaged"), 32),
        **dict.fromkeys(("liked", "mutual"), 16),
        **dict.fromkeys(("conversation", "replied", "talking"), 0),
    }
    assert cells["time with us", "first week"]["shown"] == 16
    assert cells["time with us", "12 to 26 weeks"]["shown"] == 2 * PAIRS - 16
    for kind in ("score", *(f"factor {name}" for name in WEIGHTS)):
        likes = [cell.counts["liked"] for cell in found.funnel if cell.kind == kind]
        assert sum(likes) == PAIRS
        assert likes == sorted(likes)
        assert sum(cell.counts["shown"] for cell in found.funnel if cell.kind == kind) == 2 * PAIRS


def test_exposure_is_counted_by_gender_age_and_city_and_small_groups_are_pooled(shown: Connection):
    for city in ("london", "dubai"):
        shown.execute(
            "insert into city_clusters (city_key, city_name, region, timezone) values (%s, 'x', 'x', 'UTC')", [city]
        )
    for number in range(MIN_GROUP + 1):
        shown.execute(
            "insert into user_city_assignments (clerk_user_id, city_key, created_at, assignment_method)"
            " values (%s, %s, %s, 'manual')",
            [pair(number)[0], "london" if number < MIN_GROUP else "dubai", FIRST.cutoff - timedelta(days=2)],
        )
    shown.execute(
        """
        insert into profiles (clerk_user_id, gender, birthdate, onboarding_completed, created_at)
        values ('alone', 'female', '1996-01-01', true, %s)
        """,
        [FIRST.cutoff - timedelta(days=2)],
    )
    found = measured(shown)
    cells = {(cell.kind, cell.cell): (cell.members, cell.covered) for cell in found.exposure}
    assert cells["everybody", "everybody"] == (2 * PAIRS + 1, 2 * PAIRS)
    assert cells["gender", "female"] == (PAIRS + 1, PAIRS)
    assert cells["city", "london"] == (MIN_GROUP, MIN_GROUP)
    assert cells["city", OTHERS] == (1, 1)
    assert ("city", "dubai") not in cells


def test_drawn_places_tell_what_everybody_who_may_meet_would_do(shown: Connection):
    for number in range(MIN_RANDOM_PAIRS):
        # Ten pairs that like each other were drawn with 0.5, twenty that do not with 0.25.
        place, probability = (40 + number, 0.5) if number < 10 else (number, 0.25)
        shown.execute(
            "insert into match_random_places values (%s, %s, %s, %s)", [FIRST.match_week, *pair(place), probability]
        )
    found = measured(shown)
    assert (found.drawn_pairs, found.drawn_seen_pairs) == (MIN_RANDOM_PAIRS, MIN_RANDOM_PAIRS)
    assert found.drawn_share is not None
    assert found.chosen_share is not None
    assert found.drawn_share.value == pytest.approx(10 * 2 / (10 * 2 + 20 * 4))
    assert found.chosen_share.value == pytest.approx(30 / (PAIRS - MIN_RANDOM_PAIRS))
    assert found.drawn_share.high < found.chosen_share.value
    kept = shown.execute("select count(*) from match_outcomes where chosen_at_random").fetchone()
    assert kept == (2 * MIN_RANDOM_PAIRS,)


def test_too_few_outcomes_give_no_figure(shown: Connection):
    shown.execute("update weekly_matches set viewed_at = null, actioned_at = null where score >= 50")
    found = measured(shown)
    assert (found.seen_pairs, found.auc, found.log_loss, found.mutual_share, found.drawn_share) == (
        *(40, None, None, None, None),
    )
    row = quality_queries.stored_quality(shown, [SECOND.sunday])[SECOND.sunday]
    assert (row["auc"], row["drawn_share"], row["shown_pairs"]) == (None, None, PAIRS)


def test_a_week_without_matches_has_a_row_of_nothing(app_database: Connection):
    found = measured(app_database)
    assert (found.shown_pairs, found.members, found.coverage, list(found.funnel)) == (0, 0, None, [])
    assert measured(app_database) == found


def test_late_equals_on_time_and_again_changes_nothing(shown: Connection):
    measured(shown)
    measured(shown, THIRD)
    before = rows_of_every_table(shown)
    answer(shown, range(20), THIRD.cutoff, liked=range(20))
    shown.execute("update weekly_matches set viewed_at = %s, actioned_at = %s where score < 30", [SEEN_AT, SEEN_AT])
    shown.execute("update weekly_matches set action = 'passed' where score < 30")
    for week in (SECOND, THIRD):
        outcome_queries.replace_outcomes(shown, week)
        found = weekly_quality.measure_week(shown, week, USUAL)
        assert quality_queries.save_quality(shown, week.sunday, found) == 0
    assert set(changed_tables(before, rows_of_every_table(shown))) <= {"weekly_matches"}


def test_what_is_done_after_the_cutoff_counts_for_later_weeks_alone(shown: Connection):
    shown.execute("update weekly_matches set viewed_at = %s, actioned_at = %s", [SECOND.cutoff, SECOND.cutoff])
    assert measured(shown).seen_pairs == 0


def test_who_is_forgotten_leaves_no_drawn_place_and_no_figure_names_anybody(shown: Connection):
    shown.execute("insert into match_random_places values (%s, %s, %s, 0.1)", [FIRST.match_week, *pair(1)])
    shown.execute("insert into match_random_places values (%s, %s, %s, 0.1)", [FIRST.match_week, *pair(2)])
    measured(shown)
    deletion.forget(shown, [pair(1)[0], pair(2)[1]])
    assert shown.execute("select count(*) from match_random_places").fetchone() == (0,)
    everywhere = rows_of_every_table(shown)
    assert everywhere["match_quality_cells"]
    assert not any("male_" in row for row in everywhere["match_quality"] + everywhere["match_quality_cells"])
    assert measured(shown).shown_pairs == PAIRS - 2


def row(auc: float | None = 0.6, coverage: float | None = 0.95, width: float = 0.02) -> dict[str, Any]:
    around = {"auc_low": None, "auc_high": None} if auc is None else {"auc_low": auc - width, "auc_high": auc + width}
    return {"auc": auc, **around, "coverage": coverage}


def test_a_fall_is_told_and_chance_is_not():
    before = [row(0.62), row(0.58), row(0.6), row(0.6)]
    assert falls(row(0.59), before) == []
    assert falls(row(0.57, width=0.05), before) == []
    (finding,) = falls(row(0.57), before)
    assert "AUC 0.570 (0.550 to 0.590) against 0.600" in finding
    assert falls(row(coverage=0.905), before) == []
    (finding,) = falls(row(coverage=0.89), before)
    assert "89.0% against 95.0%" in finding


def test_nothing_falls_without_weeks_before_or_figures():
    assert falls(row(0.1, coverage=0.01), [row()]) == []
    assert falls(row(None, None), [row(), row(), row()]) == []
    assert falls(row(), [row(None, None)] * 3) == []
    assert falls(row(0.6), [row(None), row(None), row(None)]) == []


def test_the_asset_measures_and_its_check_never_fails_a_week(finished_url: str):
    result = materialise(finished_url, WEEKS[-1], "match_outcomes", "match_quality")
    assert result.success
    (materialised,) = result.asset_materializations_for_node("match_quality")
    with connect(finished_url) as connection:
        (kept,) = quality_queries.stored_quality(connection, [WEEKS[-1].sunday]).values()
        assert len(quality_queries.stored_cells(connection, WEEKS[-1].sunday))
    assert materialised.metadata["items"].value == kept["shown_pairs"] > 0
    assert materialised.metadata["coverage"].value == kept["coverage"] > 0.9
    for name in ("calibration", "funnel", "exposure", "summary"):
        assert materialised.metadata[name].value
    (check,) = [e for e in result.get_asset_check_evaluations() if e.asset_key == AssetKey("match_quality")]
    assert check.passed
    assert (check.description == NOT_ENOUGH) == (kept["auc"] is None)
