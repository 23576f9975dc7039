"""Members review what the pipeline offered them: once, within the week, and with the app's points."""

from datetime import UTC, datetime, timedelta

import pytest

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.population.reviews import review_insights
from matchme_pipeline.population.seed import seed_population
from matchme_pipeline_tests.population.conftest import FIRST_WEEK, SEED

CUTOFF = datetime(2026, 1, 25, 2, tzinfo=UTC)


@pytest.fixture
def offered(app_database: Connection) -> Connection:
    """A population of which everyone was offered four insights in the week before the cutoff, and four long ago."""
    seed_population(app_database, users=150, weeks=4, first_week=FIRST_WEEK, seed=SEED)
    app_database.execute("truncate user_insights, gamification_progress cascade")
    for at in (CUTOFF - timedelta(hours=1), CUTOFF - timedelta(days=8)):
        app_database.execute(
            "insert into user_insights "
            "(id, clerk_user_id, insight_category, title, description, source_quote, created_at) "
            "select md5(clerk_user_id || n || %s)::uuid, clerk_user_id, 'values', 'Title', 'Words', 'quote', %s "
            "from profiles, generate_series(1, 4) n",
            [str(at), at],
        )
    return app_database


def _insights(connection: Connection) -> list[tuple]:
    return connection.execute("select id, status, reviewed_at, created_at from user_insights order by id").fetchall()


def test_most_are_approved_some_rejected_some_left(offered: Connection):
    report = review_insights(offered, week_cutoff=CUTOFF, seed=SEED)
    statuses = [row[1] for row in _insights(offered) if row[3] > CUTOFF - timedelta(days=7)]
    assert report.offered >= 0.9 * len(statuses)
    assert report.reviewed == len(statuses) - statuses.count("pending")
    assert 0.5 < statuses.count("approved") / len(statuses) < 0.7
    assert 0.08 < statuses.count("rejected") / len(statuses) < 0.22


def test_only_the_week_that_closed_is_reviewed(offered: Connection):
    review_insights(offered, week_cutoff=CUTOFF, seed=SEED)
    assert {row[1] for row in _insights(offered) if row[3] <= CUTOFF - timedelta(days=7)} == {"pending"}


def test_reviews_come_in_the_six_days_after_the_cutoff(offered: Connection):
    review_insights(offered, week_cutoff=CUTOFF, seed=SEED)
    times = [row[2] for row in _insights(offered) if row[1] != "pending"]
    assert min(times) >= CUTOFF + timedelta(hours=1)
    assert max(times) <= CUTOFF + timedelta(days=6)


def test_reviewing_again_changes_nothing(offered: Connection):
    review_insights(offered, week_cutoff=CUTOFF, seed=SEED)
    before = _insights(offered), offered.execute("select * from gamification_progress order by 2").fetchall()
    assert review_insights(offered, week_cutoff=CUTOFF, seed=SEED).reviewed == 0
    assert before == (_insights(offered), offered.execute("select * from gamification_progress order by 2").fetchall())


def test_another_seed_reviews_otherwise(offered: Connection):
    with offered.transaction(force_rollback=True):
        review_insights(offered, week_cutoff=CUTOFF, seed=SEED)
        first = [row[1] for row in _insights(offered)]
    review_insights(offered, week_cutoff=CUTOFF, seed=SEED + 1)
    assert first != [row[1] for row in _insights(offered)]


def test_the_apps_trigger_awards_the_points(offered: Connection):
    report = review_insights(offered, week_cutoff=CUTOFF, seed=SEED)
    row = offered.execute(
        "select sum(insights_reviewed)::int, sum(insights_approved)::int, sum(total_points)::int "
        "from gamification_progress"
    ).fetchone()
    approved = sum(status == "approved" for _, status, _, _ in _insights(offered))
    assert row == (report.reviewed, approved, 10 * report.reviewed + 5 * approved)


def test_a_member_who_deleted_themselves_reviews_nothing(offered: Connection):
    offered.execute("update profiles set deleted_at = %s", [CUTOFF])
    assert review_insights(offered, week_cutoff=CUTOFF, seed=SEED).offered == 0
