"""The pipeline alone writes scores: members cannot, what was overwritten is restored, achievements are written once."""

from typing import Any

import pytest

from matchme_pipeline.database import files
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.dna import queries, weekly
from matchme_pipeline.dna.queries.results import WrittenScores
from matchme_pipeline.week import Week
from matchme_pipeline_tests.dna.conftest import WEEKS, materialise

LAYOUTS = files.app_tables_dir().parent / "app_layouts"


@pytest.fixture(params=["audit", "later"])
def scored(request: pytest.FixtureRequest, dna_database: Connection) -> Connection:
    """Three weeks of scores, in each layout."""
    if request.param == "later":
        dna_database.execute((LAYOUTS / "mysoul_dna_scores_later.sql").read_text("utf-8"))  # type: ignore[arg-type]
    for week in WEEKS[:3]:
        materialise(dna_database, week)
    return dna_database


def score_again(connection: Connection, week: Week) -> WrittenScores:
    table, _, _ = weekly.dna_scores(connection, week)
    return queries.replace_scores(connection, week.sunday, table)


def shown(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "select user_id, score, rarity_tier, last_calculated_at from mysoul_dna_scores order by 1"
    ).fetchall()


def achievements(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "select id, user_id, achievement_type, achievement_data, earned_at, viewed from mysoul_achievements order by 1"
    ).fetchall()


def test_a_score_that_somebody_overwrote_is_restored_and_counted(scored: Connection):
    before = shown(scored)
    assert score_again(scored, WEEKS[2]) == WrittenScores(0, 0, 0)
    members = [row[0] for row in before[:3]]
    scored.execute(
        "update mysoul_dna_scores set score = 99, last_calculated_at = now() where user_id = any(%s)", [members]
    )
    assert score_again(scored, WEEKS[2]) == WrittenScores(0, 3, 0)
    assert shown(scored) == before


def test_a_score_shown_between_weeks_is_nobody_elses(scored: Connection):
    week = WEEKS[2]
    before = shown(scored)
    table, _, _ = weekly.dna_scores(scored, week)
    members = [row[0] for row in before[:4]]
    assert queries.show_between_weeks(scored, week.sunday, table, members, week.cutoff.replace(hour=9)) == 4
    assert score_again(scored, week).restored == 0
    assert shown(scored) == before


def test_achievements_are_written_once_and_what_was_viewed_stays_viewed(scored: Connection):
    first = achievements(scored)
    assert {"tier_upgrade", "score_milestone", "rare_trait_discovered"} <= {row[2] for row in first}
    assert not any(row[5] for row in first)
    scored.execute("update mysoul_achievements set viewed = true")
    scored.execute(
        "insert into mysoul_achievements (user_id, achievement_type) values (%s, 'streak_achievement')", [first[0][1]]
    )
    for week in WEEKS[:3]:
        assert score_again(scored, week).achievements == 0
    after = achievements(scored)
    assert [row[:5] for row in after if row[2] != "streak_achievement"] == [row[:5] for row in first]
    assert len(after) == len(first) + 1
    assert all(row[5] for row in after if row[2] != "streak_achievement")


def test_a_week_that_comes_late_leaves_the_achievements_of_weeks_in_order(dna_database: Connection):
    for week in (WEEKS[0], WEEKS[2], WEEKS[1], WEEKS[2]):
        materialise(dna_database, week)
    late = achievements(dna_database)
    dna_database.execute("delete from mysoul_achievements")
    dna_database.execute("delete from dna_score_history")
    for week in WEEKS[:3]:
        materialise(dna_database, week)
    assert achievements(dna_database) == late


def test_a_tier_upgrade_says_from_where_to_where(scored: Connection):
    rows = scored.execute(
        """
        select a.achievement_data ->> 'from', a.achievement_data ->> 'to', upper(h.previous_tier), upper(h.tier)
        from mysoul_achievements a
        join dna_score_history h on h.user_id = a.user_id
            and (h.week + 7 + time '02:00') at time zone 'UTC' = a.earned_at
        where a.achievement_type = 'tier_upgrade'
        """
    ).fetchall()
    assert rows
    assert all(row[:2] == row[2:] for row in rows)
