"""What is deleted, hidden or edited away leaves every table of ours, with all that only it had brought about."""

import pytest

from matchme_pipeline.content import deletion
from matchme_pipeline.content.canonical import content_hash, locate_quote
from matchme_pipeline.database.connection import Connection
from matchme_pipeline_tests.materialising import WEEKS, materialise, rows_of_every_table

LAST, BEFORE = WEEKS[-1], WEEKS[-2]
# The app's own record of its members; the app empties these itself.
OF_THE_APP = {
    "profiles", "islamic_preferences", "match_preferences", "dna_answers", "personality_assessments",
    "cultural_profiles", "cultural_backgrounds", "posts", "voice_introductions", "gamification_progress",
    "conversations", "messages", "user_city_assignments", "mmagent_conversation_memory", "mmagent_token_usage",
    "mysoul_achievements", "content_similarity_cache", "population_latent",
}  # fmt: skip


def matched_member(connection: Connection) -> str:
    (user_id,) = connection.execute(
        """
        select m.user_id from weekly_matches m join profiles p on p.clerk_user_id = m.user_id
        where m.user_id in (select user_id from insight_sources) and length(p.bio) > 20
        order by 1 limit 1
        """
    ).fetchone() or ("",)
    return str(user_id)


def tables_that_know(connection: Connection, word: str) -> set[str]:
    return {
        table
        for table, rows in rows_of_every_table(connection, OF_THE_APP).items()
        if not table.startswith("seed_") and any(word in row for row in rows)
    }


def one(connection: Connection, statement: str, *parameters: object) -> object:
    row = connection.execute(statement, parameters).fetchone()  # type: ignore[call-overload]
    return row[0] if row else None


def supported_insight(connection: Connection) -> tuple[str, str, str]:
    """An insight that one post of the last week alone supports: its id, the post's id, the quote."""
    row = connection.execute(
        """
        select i.id::text, s.item_id::text, i.source_quote
        from insight_sources s join user_insights i on i.id = s.insight_id join posts p on p.id = s.item_id
        where s.week = %s and (select count(*) from insight_sources o where o.insight_id = i.id) = 1
            and (select count(*) from content_items c where c.content_hash = p.content_hash) = 1
        order by 1 limit 1
        """,
        [LAST.sunday],
    ).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def test_no_table_knows_a_forgotten_member(finished: Connection):
    user_id = matched_member(finished)
    # An administrator, at that: what they did stays on record without their id.
    finished.execute(
        """
        insert into user_roles (user_id, role) values (%(user)s, 'admin');
        insert into api_page_sessions (secret_hash, user_id, expires_at) values ('hash', %(user)s, now());
        insert into api_triggers (dagster_run_id, run_type, week, requested_by)
        values ('run', 'weekly_full', '2026-01-04', %(user)s);
        insert into api_audit (user_id, action, subject, outcome, request_id)
        values (%(user)s, 'discard', 'job', 'ok', 'r1'), ('user_admin', 'look', 'jobs of ' || %(user)s, 'ok', 'r2');
        """.replace("%(user)s", f"'{user_id}'")
    )
    assert len(tables_that_know(finished, user_id)) >= 10
    deletion.forget(finished, [user_id])
    assert tables_that_know(finished, user_id) == set(), "content/deletion_tables.py must name these tables"
    audit = finished.execute("select user_id, action, subject from api_audit order by request_id").fetchall()
    assert audit == [("forgotten", "discard", "job"), ("user_admin", "look", "jobs of forgotten")]


def test_vectors_and_starters_that_only_a_forgotten_member_caused_go_too(finished: Connection):
    user_id = matched_member(finished)
    bio = content_hash(str(one(finished, "select bio from profiles where clerk_user_id = %s", user_id)))
    assert one(finished, "select count(*) from content_embeddings where content_hash = %s", bio) == 1
    keys = [
        key
        for (key,) in finished.execute(
            """
            select chaichat_preview ->> 'cache_key' from weekly_matches where %(u)s in (user_id, match_user_id)
            except
            select chaichat_preview ->> 'cache_key' from weekly_matches where %(u)s not in (user_id, match_user_id)
            """,
            {"u": user_id},
        ).fetchall()
    ]
    assert keys
    deletion.forget(finished, [user_id])
    assert one(finished, "select count(*) from content_embeddings where content_hash = %s", bio) == 0
    assert one(finished, "select count(*) from content_analyses where cache_key = any(%s)", keys) == 0


def test_what_others_need_stays_when_a_member_is_forgotten(finished: Connection):
    user_id = matched_member(finished)
    others = """
        select count(*) from content_items c
        where c.user_id <> %s and c.status = 'ready'
            and exists (select from content_embeddings e where e.content_hash = c.content_hash)
            and exists (select from content_analyses a where a.content_hash = c.content_hash)
    """
    before = one(finished, others, user_id)
    deletion.forget(finished, [user_id])
    assert one(finished, others, user_id) == before
    needed = """
        select count(*) from (
            select unnest(part_hashes) as h from user_embeddings where week = %s
        ) p where not exists (select from content_embeddings e where e.content_hash = p.h)
    """
    assert one(finished, needed, LAST.sunday) == 0


def test_a_member_whose_profile_is_gone_is_forgotten_as_well(finished: Connection):
    user_id = matched_member(finished)
    finished.execute("delete from profiles where clerk_user_id = %s", [user_id])
    deletion.sweep(finished)
    assert tables_that_know(finished, user_id) - {"user_insights", "batch_processing_queue"} == set()
    assert tables_that_know(finished, user_id) == set(), "content/deletion_tables.py must name these tables"


def test_forgetting_again_finds_nothing(finished: Connection):
    user_id = matched_member(finished)
    finished.execute("update profiles set deleted_at = now() where clerk_user_id = %s", [user_id])
    assert deletion.sweep(finished)
    assert deletion.sweep(finished) == {}


@pytest.mark.parametrize(
    "gone",
    [
        "update posts set deleted_at = now() where id = %s",
        "update posts set is_visible = false where id = %s",
        "update posts set is_approved = false where id = %s",
        "delete from posts where id = %s",
    ],
)
def test_a_post_that_nobody_sees_takes_its_insights_answers_and_vectors_along(finished: Connection, gone: str):
    insight_id, post_id, _ = supported_insight(finished)
    digest = one(finished, "select content_hash from posts where id = %s", post_id)
    finished.execute(gone, [post_id])  # type: ignore[call-overload]
    deletion.sweep(finished)
    assert one(finished, "select count(*) from user_insights where id = %s", insight_id) == 0
    assert one(finished, "select count(*) from content_items where item_id = %s", post_id) == 0
    for table in ("content_analyses", "content_embeddings"):
        assert one(finished, f"select count(*) from {table} where content_hash = %s", digest) == 0
    assert one(finished, "select count(*) from posts where id = %s and embedding is not null", post_id) == 0


def test_starters_built_on_a_lost_insight_are_emptied(finished: Connection):
    row = finished.execute(
        """
        select s.item_id, u.id from weekly_matches m
        cross join jsonb_array_elements_text(m.chaichat_preview -> 'insights_used') u (id)
        join insight_sources s on s.insight_id = u.id::uuid and s.item_type = 'post'
        where (select count(*) from insight_sources o where o.insight_id = s.insight_id) = 1
        order by 1 limit 1
        """
    ).fetchone()
    assert row is not None
    finished.execute("update posts set deleted_at = now() where id = %s", [row[0]])
    deletion.sweep(finished)
    built = "select count(*) from weekly_matches where chaichat_preview -> 'insights_used' ? %s"
    assert one(finished, built, row[1]) == 0
    assert one(finished, "select count(*) from weekly_matches where chaichat_preview is null") != 0


def test_the_earliest_that_is_left_becomes_the_original(finished: Connection):
    (original, digest) = finished.execute(
        "select duplicate_of, content_hash from content_items where duplicate_of is not null order by 1 limit 1"
    ).fetchone() or (None, None)
    finished.execute("update posts set deleted_at = now() where id = %s", [original])
    finished.execute("update voice_introductions set is_active = false where id = %s", [original])
    deletion.sweep(finished)
    assert one(finished, "select count(*) from content_items where duplicate_of = %s", original) == 0
    left = finished.execute(
        "select item_id, duplicate_of from content_items where content_hash = %s order by shared_at, item_id", [digest]
    ).fetchall()
    assert [pointer for _, pointer in left] == [None] + [left[0][0]] * (len(left) - 1)


def test_words_that_are_edited_away_take_their_insight_along(finished: Connection, finished_url: str):
    insight_id, post_id, _ = supported_insight(finished)
    finished.execute("update posts set caption = 'All about lighthouses now, by the sea.' where id = %s", [post_id])
    assert materialise(finished_url, LAST, "post_hashes", "content_insights").success
    assert one(finished, "select count(*) from user_insights where id = %s", insight_id) == 0
    assert one(finished, "select processing_status from posts where id = %s", post_id) == "completed"


def test_an_edit_that_keeps_the_quote_keeps_insight_and_review(finished: Connection, finished_url: str):
    insight_id, post_id, quote = supported_insight(finished)
    finished.execute("update user_insights set status = 'approved', reviewed_at = now() where id = %s", [insight_id])
    finished.execute("update posts set caption = caption || ' (edited)' where id = %s", [post_id])
    assert materialise(finished_url, LAST, "post_hashes", "content_insights").success
    assert one(finished, "select status from user_insights where id = %s", insight_id) == "approved"
    caption = str(one(finished, "select caption from posts where id = %s", post_id))
    assert locate_quote(caption, quote) is not None


def test_a_post_that_is_shown_again_is_analysed_again(finished: Connection, finished_url: str):
    insight_id, post_id, _ = supported_insight(finished)
    finished.execute("update posts set is_visible = false where id = %s", [post_id])
    assert materialise(finished_url, BEFORE, "post_hashes").success
    assert one(finished, "select count(*) from user_insights where id = %s", insight_id) == 0
    finished.execute("update posts set is_visible = true where id = %s", [post_id])
    assert materialise(finished_url, LAST, "post_hashes", "content_insights").success
    assert one(finished, "select count(*) from user_insights where id = %s", insight_id) == 1
    assert one(finished, "select processing_status from posts where id = %s", post_id) == "completed"
