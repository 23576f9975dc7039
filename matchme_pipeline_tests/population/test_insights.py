"""The insights that the app had before the pipeline: the members' own words, reviewed over time."""

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.population.seed import seed_population
from matchme_pipeline_tests.databases import copy_database
from matchme_pipeline_tests.population.conftest import FIRST_WEEK, SEED, Seeded

START = f"timestamptz '{FIRST_WEEK} 02:00+00'"
POINTS = """
    select clerk_user_id, total_points, insights_reviewed, insights_approved, insights_rejected, streak_days,
        longest_streak, last_review_date
    from gamification_progress
    order by clerk_user_id
"""


def _none(seeded: Seeded, statement: str) -> None:
    assert seeded.connection.execute(statement).fetchall() == []  # type: ignore[arg-type]


def test_every_quote_stands_word_for_word_in_something_shared_before(seeded: Seeded):
    _none(
        seeded,
        """
        select i.id
        from user_insights i
        where not exists (
            select from posts p
            where p.clerk_user_id = i.clerk_user_id and p.created_at < i.created_at
                and p.deleted_at is null and position(i.source_quote in p.caption) > 0
        )
        and not exists (
            select from voice_introductions v
            where v.user_id = i.clerk_user_id and v.created_at < i.created_at
                and position(i.source_quote in v.transcription) > 0
        )
        """,
    )


def test_members_have_up_to_nine_in_all_five_categories(seeded: Seeded):
    rows = seeded.connection.execute("select count(*) from user_insights group by clerk_user_id").fetchall()
    assert max(row[0] for row in rows) == 9
    categories = seeded.connection.execute("select distinct insight_category from user_insights").fetchall()
    assert len(categories) == 5
    _none(seeded, "select 1 from user_insights group by clerk_user_id, source_quote having count(*) > 1")


def test_pending_ones_and_no_others_lack_a_review(seeded: Seeded):
    _none(seeded, "select 1 from user_insights where (status = 'pending') <> (reviewed_at is null)")
    _none(seeded, "select 1 from user_insights where reviewed_at < created_at")
    statuses = dict(seeded.connection.execute("select status, count(*) from user_insights group by 1").fetchall())
    assert statuses["approved"] > statuses["pending"] > 0
    assert statuses["rejected"] > 0


def test_they_were_found_before_or_early_in_the_first_week(seeded: Seeded):
    early = f"select count(*) filter (where created_at < {START}), count(*) from user_insights"
    before, total = seeded.connection.execute(early).fetchone() or (0, 0)  # type: ignore[arg-type]
    assert 0.3 * total < before < total
    _none(seeded, f"select 1 from user_insights where created_at > {START} + interval '2 weeks'")


def test_half_of_the_members_have_five_approved_by_the_third_week(seeded: Seeded):
    row = seeded.connection.execute(
        f"""
        select avg((approved >= 5)::integer)
        from (
            select count(i.id) filter (where i.status = 'approved' and i.reviewed_at < {START} + interval '3 weeks')
                as approved
            from profiles p
            left join user_insights i using (clerk_user_id)
            where p.created_at < {START} + interval '3 weeks'
            group by p.clerk_user_id
        ) members
        """  # type: ignore[arg-type]
    ).fetchone()
    assert row is not None
    assert 0.45 < row[0] < 0.8


def test_points_are_those_that_the_reviews_would_have_earned(
    app_database: Connection, postgres_url: str, app_template: str
):
    arguments = {"users": 80, "weeks": 3, "first_week": FIRST_WEEK, "seed": SEED}
    seed_population(app_database, **arguments)  # type: ignore[arg-type]
    with connect(copy_database(postgres_url, "seeded_unreviewed", app_template)) as replay:
        seed_population(replay, **arguments)  # type: ignore[arg-type]
        reviewed = replay.execute(
            "select status, reviewed_at, id from user_insights where status <> 'pending' order by reviewed_at"
        ).fetchall()
        replay.execute("truncate gamification_progress")
        replay.execute("update user_insights set status = 'pending', reviewed_at = null")
        replay.execute("set time zone 'UTC'")
        with replay.cursor() as cursor:
            cursor.executemany("update user_insights set status = %s, reviewed_at = %s where id = %s", reviewed)
        expected = replay.execute(POINTS).fetchall()
    assert len(expected) > 40
    assert app_database.execute(POINTS).fetchall() == expected
