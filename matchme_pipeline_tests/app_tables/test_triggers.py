"""The app's triggers, which fire on what the pipeline writes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from matchme_pipeline.database import files
from matchme_pipeline.database.connection import Connection

LATER_SCORES = Path(files.app_tables_dir()).parent / "app_layouts" / "mysoul_dna_scores_later.sql"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def later_scores(app_database: Connection) -> Connection:
    app_database.execute(LATER_SCORES.read_text())
    return app_database


def _one(connection: Connection, statement: str, *parameters: object) -> tuple:
    row = connection.execute(statement, parameters).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return row


def _offer(connection: Connection, user: str, count: int) -> list[str]:
    rows = connection.execute(
        "insert into user_insights (clerk_user_id, insight_category, title, description) "
        "select %s, 'values', 'Title', 'Description' from generate_series(1, %s) returning id",
        [user, count],
    ).fetchall()
    return [row[0] for row in rows]


def _review(connection: Connection, insight: str, status: str, at: datetime) -> None:
    connection.execute("update user_insights set status = %s, reviewed_at = %s where id = %s", [status, at, insight])


def test_a_review_earns_points_and_an_approval_earns_more(app_database: Connection):
    first, second = _offer(app_database, "user_a", 2)
    _review(app_database, first, "approved", NOON)
    _review(app_database, second, "rejected", NOON)
    assert _one(
        app_database,
        "select total_points, insights_reviewed, insights_approved, insights_rejected from gamification_progress",
    ) == (25, 2, 1, 1)


def test_only_the_step_out_of_pending_earns_points(app_database: Connection):
    (insight,) = _offer(app_database, "user_a", 1)
    _review(app_database, insight, "approved", NOON)
    _review(app_database, insight, "rejected", NOON)
    app_database.execute(
        "insert into user_insights (clerk_user_id, insight_category, title, description, status) "
        "values ('user_b', 'values', 'Title', 'Description', 'approved')"
    )
    assert app_database.execute("select clerk_user_id, total_points from gamification_progress").fetchall() == [
        ("user_a", 15)
    ]


def test_reviews_on_days_in_a_row_make_a_streak_and_a_gap_ends_it(app_database: Connection):
    insights = _offer(app_database, "user_a", 5)
    for insight, day in zip(insights, (0, 1, 1, 2, 6), strict=True):
        _review(app_database, insight, "approved", NOON + timedelta(days=day))
    assert _one(app_database, "select streak_days, longest_streak, last_review_date from gamification_progress") == (
        1,
        3,
        NOON + timedelta(days=6),
    )


def test_updating_a_row_touches_its_timestamp(app_database: Connection):
    past = datetime(2020, 1, 1, tzinfo=UTC)
    app_database.execute("insert into posts (clerk_user_id, caption, updated_at) values ('user_a', 'x', %s)", [past])
    app_database.execute("insert into profiles (clerk_user_id, updated_at) values ('user_a', %s)", [past])
    app_database.execute("update posts set likes_count = 1")
    app_database.execute("update profiles set bio = 'hello'")
    assert _one(app_database, "select updated_at from posts")[0] > past
    assert _one(app_database, "select updated_at from profiles")[0] > past


def test_posts_and_profiles_can_be_searched(app_database: Connection):
    app_database.execute("insert into posts (clerk_user_id, caption) values ('user_a', 'baking bread')")
    app_database.execute("insert into profiles (clerk_user_id, bio) values ('user_a', 'a quiet baker')")
    app_database.execute("update posts set caption = 'planting roses'")
    assert _one(app_database, "select search_vector @@ to_tsquery('simple', 'roses & !bread') from posts") == (True,)
    assert _one(app_database, "select search_vector @@ to_tsquery('simple', 'baker') from profiles") == (True,)


def test_deleting_a_post_expires_the_cached_originality(app_database: Connection):
    app_database.execute("insert into posts (clerk_user_id, caption) values ('user_a', 'x')")
    app_database.execute("insert into content_similarity_cache (user_id) values ('user_a')")
    assert _one(app_database, "select valid_until > now() from content_similarity_cache") == (True,)
    app_database.execute("update posts set deleted_at = now()")
    assert _one(app_database, "select valid_until <= now() from content_similarity_cache") == (True,)


def test_a_message_becomes_its_conversations_last(app_database: Connection):
    app_database.execute("insert into conversations (user1_clerk_id, user2_clerk_id) values ('user_a', 'user_b')")
    app_database.execute(
        "insert into messages (conversation_id, sender_clerk_id, recipient_clerk_id, content) "
        "select id, 'user_a', 'user_b', 'salaam' from conversations"
    )
    assert _one(app_database, "select last_message_preview, last_message_sender_clerk_id from conversations") == (
        "salaam",
        "user_a",
    )


def test_a_pair_has_one_conversation(app_database: Connection):
    insert = "insert into conversations (user1_clerk_id, user2_clerk_id) values ('user_a', 'user_b')"
    app_database.execute(insert)
    with pytest.raises(psycopg.errors.UniqueViolation):
        app_database.execute(insert)


def test_trait_statistics_compute_frequency_and_idf(app_database: Connection):
    app_database.execute(
        "insert into trait_distribution_stats (trait_key, trait_category, user_count, total_users) "
        "values ('madhab:maliki', 'religious', 5, 40)"
    )
    frequency, idf = _one(app_database, "select frequency, idf_score from trait_distribution_stats")
    assert (float(frequency), float(idf)) == (0.125, 2.079)


def test_the_audits_layout_holds_weighted_points_and_plain_tiers(app_database: Connection):
    app_database.execute(
        "insert into mysoul_dna_scores (user_id, score, rarity_tier, trait_uniqueness_score, cultural_score) "
        "values ('user_a', 88, 'Epic', 35, 5)"
    )
    for column, above in (("trait_uniqueness_score", 36), ("content_score", 16), ("cultural_score", 6)):
        with pytest.raises(psycopg.errors.CheckViolation):
            app_database.execute(f"update mysoul_dna_scores set {column} = {above}")  # type: ignore[arg-type]
    with pytest.raises(psycopg.errors.CheckViolation):
        app_database.execute("update mysoul_dna_scores set rarity_tier = 'EPIC'")


def test_the_later_layout_takes_upper_case_tiers_only(later_scores: Connection):
    later_scores.execute("insert into mysoul_dna_scores (user_id, rarity_tier) values ('user_a', 'EPIC')")
    for tier in ("'Epic'", "default"):
        with pytest.raises(psycopg.errors.CheckViolation):
            later_scores.execute(f"insert into mysoul_dna_scores (user_id, rarity_tier) values ('user_b', {tier})")  # type: ignore[arg-type]


def test_the_later_layouts_trigger_overwrites_the_percentile(later_scores: Connection):
    later_scores.execute(
        "insert into mysoul_dna_scores (user_id, rarity_tier, score) select 'user_' || n, 'COMMON', n "
        "from generate_series(1, 4) n"
    )
    later_scores.execute("update mysoul_dna_scores set score = 50, percentile_rank = 12 where user_id = 'user_2'")
    later_scores.execute("update mysoul_dna_scores set percentile_rank = 12 where user_id = 'user_3'")
    ranks = dict(later_scores.execute("select user_id, percentile_rank::int from mysoul_dna_scores").fetchall())
    assert (ranks["user_2"], ranks["user_3"]) == (100, 12)


def test_the_later_layout_records_history_when_a_score_changes(later_scores: Connection):
    later_scores.execute("insert into mysoul_dna_scores (user_id, rarity_tier, score) values ('user_a', 'COMMON', 10)")
    later_scores.execute("update mysoul_dna_scores set score = 10")
    later_scores.execute("update mysoul_dna_scores set score = 30")
    assert later_scores.execute("select score from mysoul_score_history order by score").fetchall() == [(10,), (30,)]
