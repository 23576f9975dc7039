"""Weeks over a real database: as of the cutoff, again, late, in part, and with everything that data can be."""

from datetime import timedelta
from typing import Any

import pytest
from psycopg.sql import SQL, Identifier

from matchme_pipeline.content.canonical import content_hash
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.dna import queries, weekly
from matchme_pipeline.dna.weights import WEIGHTS
from matchme_pipeline.errors import WeekError
from matchme_pipeline_tests.dna.conftest import MODEL, WEEKS, embed_everything, materialise, vector_of
from matchme_pipeline_tests.dna.plain import plain_scores


def history(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        """
        select to_jsonb(h) - 'computed_at' from dna_score_history h order by user_id, week
        """
    ).fetchall()


def shown(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "select to_jsonb(s) - '{id,created_at,updated_at}'::text[] from mysoul_dna_scores s order by user_id"
    ).fetchall()


def test_the_seeded_population_agrees_with_the_plain_definitions(dna_database: Connection) -> None:
    week = WEEKS[-1]
    materialise(dna_database, week)
    texts = dna_database.execute(
        """
        select clerk_user_id, caption from posts
        where created_at < %(cutoff)s and deleted_at is null and is_visible and is_approved
        union all
        select user_id, transcription from voice_introductions
        where created_at < %(cutoff)s and is_active and processing_status = 'completed'
        """,
        {"cutoff": week.cutoff},
    ).fetchall()
    facts = queries.facts_as_of(dna_database, week.cutoff)
    members = set(facts.members["user_id"])
    items = [(user, vector_of(text)) for user, text in texts if user in members and text and content_hash(text)]
    expected = plain_scores(facts, items)

    statement = SQL(
        """
        select user_id, score, tier, seed_state, approved_insights, (percentile_rank * 100)::integer,
            array(select value ->> 'trait' from jsonb_array_elements(rare_traits)),
            array(select value ->> 'behaviour' from jsonb_array_elements(unique_behaviours)),
            {}
        from dna_score_history
        where week = %s
        """
    ).format(SQL(", ").join(SQL("({} * 1000000)::integer").format(Identifier(strand)) for strand in WEIGHTS))
    rows = dna_database.execute(statement, [week.sunday]).fetchall()
    names = ("score", "tier", "seed_state", "approved_insights", "percentile_rank", "rare_traits", "unique_behaviours")
    found = {row[0]: dict(zip((*names, *WEIGHTS), row[1:], strict=True)) for row in rows}
    assert len(found) > 140
    assert sum(not one["seed_state"] for one in found.values()) > 20
    assert found == expected


def test_what_happens_after_the_cutoff_changes_nothing(dna_database: Connection) -> None:
    week = WEEKS[2]
    with_the_future = scores_of(dna_database, week)
    future = {"cutoff": week.cutoff}
    for table, column in (
        ("posts", "created_at"),
        ("voice_introductions", "created_at"),
        ("dna_answers", "created_at"),
        ("islamic_preferences", "created_at"),
    ):
        dna_database.execute(f"delete from {table} where {column} >= %(cutoff)s", future)  # type: ignore[arg-type]
    dna_database.execute("delete from user_insights where created_at >= %(cutoff)s", future)
    dna_database.execute(
        "update user_insights set status = 'pending', reviewed_at = null where reviewed_at >= %(cutoff)s", future
    )
    deleted = dna_database.execute("delete from profiles where created_at >= %(cutoff)s", future).rowcount
    assert deleted > 0
    assert scores_of(dna_database, week) == with_the_future


def test_materialising_again_writes_nothing(dna_database: Connection) -> None:
    for week in WEEKS[:3]:
        materialise(dna_database, week)
    before = versions(dna_database)
    assert materialise(dna_database, WEEKS[2]) == 0
    assert materialise(dna_database, WEEKS[0]) == 0
    assert versions(dna_database) == before


def test_a_missed_week_filled_in_later_gives_the_same_history_as_on_time(dna_database: Connection) -> None:
    for week in WEEKS:
        materialise(dna_database, week)
    on_time, shown_on_time = history(dna_database), shown(dna_database)
    dna_database.execute("truncate dna_score_history, mysoul_dna_scores, trait_distribution, content_originality")
    for number in (1, 3, 4, 2, 0):
        materialise(dna_database, WEEKS[number])
    assert history(dna_database) == on_time
    assert shown(dna_database) == shown_on_time
    changed = [row for (row,) in on_time if row["tier_changed"]]
    assert changed
    assert all(row["previous_tier"] != row["tier"] for row in changed)


def test_a_past_week_never_overwrites_what_is_current(dna_database: Connection) -> None:
    materialise(dna_database, WEEKS[3])
    current = shown(dna_database)
    materialise(dna_database, WEEKS[1])
    assert {row["last_calculated_at"] for (row,) in shown(dna_database)} == {WEEKS[3].cutoff.isoformat()}
    # The tier's history may now reach further back; the scores are the newest week's.
    assert [(row["user_id"], row["score"]) for (row,) in shown(dna_database)] == [
        (row["user_id"], row["score"]) for (row,) in current
    ]


def test_a_member_who_deletes_or_hides_themselves_is_in_no_later_result(dna_database: Connection) -> None:
    for week in WEEKS[:2]:
        materialise(dna_database, week)
    gone, hidden = [
        user
        for (user,) in dna_database.execute(
            "select user_id from dna_score_history where week = %s order by score desc, user_id limit 2",
            [WEEKS[1].sunday],
        )
    ]
    dna_database.execute("update profiles set deleted_at = now() where clerk_user_id = %s", [gone])
    dna_database.execute("update profiles set profile_visibility = 'hidden' where clerk_user_id = %s", [hidden])
    materialise(dna_database, WEEKS[1])
    left = dna_database.execute(
        "select user_id from dna_score_history where week = %s and user_id = any(%s)", [WEEKS[1].sunday, [gone, hidden]]
    ).fetchall()
    assert left == []
    assert dna_database.execute("select 1 from mysoul_dna_scores where user_id = %s", [gone]).fetchall() == []
    assert dna_database.execute("select 1 from content_originality where user_id = %s and week = %s",
                                [gone, WEEKS[1].sunday]).fetchall() == []  # fmt: skip


def test_recalculating_a_few_members_gives_what_the_full_pass_would(dna_database: Connection) -> None:
    for week in WEEKS[:3]:
        materialise(dna_database, week)
    week = WEEKS[2]
    users = [
        user
        for (user,) in dna_database.execute(
            "select clerk_user_id from user_insights where status = 'pending' and created_at < %s group by 1 "
            "order by count(*) desc, 1 limit 3",
            [week.cutoff],
        )
    ]
    dna_database.execute(
        "update user_insights set status = 'approved', reviewed_at = %s where clerk_user_id = any(%s)",
        [week.cutoff - timedelta(hours=1), users],
    )
    dna_database.execute("update profiles set bio = repeat('words ', 20) where clerk_user_id = %s", [users[0]])
    others_before = [row for row in history(dna_database) if row[0]["user_id"] not in users]
    assert weekly.recalculate(dna_database, week, users) == len(users)
    assert [row for row in history(dna_database) if row[0]["user_id"] not in users] == others_before
    alone = [row for row in history(dna_database) if row[0]["user_id"] in users]
    alone_shown = [row for row in shown(dna_database) if row[0]["user_id"] in users]
    materialise(dna_database, week)
    assert [row for row in history(dna_database) if row[0]["user_id"] in users] == alone
    assert [row for row in shown(dna_database) if row[0]["user_id"] in users] == alone_shown


def test_recalculating_a_week_without_scores_says_so(dna_database: Connection) -> None:
    with pytest.raises(WeekError, match="has no dna_scores yet"):
        weekly.recalculate(dna_database, WEEKS[0], ["user_1"])


def test_scores_without_a_distribution_say_so(dna_database: Connection) -> None:
    with pytest.raises(WeekError, match="has no trait_distribution yet"):
        weekly.dna_scores(dna_database, WEEKS[0])


def test_odd_data_is_handled_by_rule_and_counted(dna_database: Connection) -> None:
    week = WEEKS[1]
    users = [u for (u,) in dna_database.execute("select clerk_user_id from profiles order by 1 limit 12").fetchall()]
    dna_database.execute("update profiles set deleted_at = null, profile_visibility = 'members', "
                         "created_at = '2025-01-01' where clerk_user_id = any(%s)", [users])  # fmt: skip
    blank = """
        update profiles
        set bio = null, religion = '"a string"', languages = null, hobbies = array[null, '']::text[],
            dietary_preferences = '{}', education_level = '', occupation = 'call me on 07700 900 123', height = null
        where clerk_user_id = %s
    """
    dna_database.execute(blank, [users[0]])
    dna_database.execute("update profiles set created_at = null where clerk_user_id = %s", [users[1]])
    dna_database.execute("update profiles set created_at = '-infinity' where clerk_user_id = %s", [users[2]])
    dna_database.execute("update profiles set religion = '[1, 2]' where clerk_user_id = %s", [users[3]])
    dna_database.execute('update profiles set religion = \'{"sect": {"a": 1}}\' where clerk_user_id = %s', [users[4]])
    odd_dates = ["-infinity", "1912-06-23", None, "infinity", "2024-05-05"]
    for at in odd_dates:
        dna_database.execute(
            "insert into posts (clerk_user_id, caption, categories, depth_level, created_at) "
            "values (%s, 'x', null, null, %s)",
            [users[5], at],
        )
    dna_database.execute(
        """
        insert into user_insights (
            clerk_user_id, insight_category, title, description, status, reviewed_at, created_at
        )
        values
            (%(u)s, 'values', 't', 'd', 'approved', null, '2025-02-01'),
            (%(u)s, 'values', 't', 'd', 'approved', '-infinity', '2025-02-01'),
            (%(u)s, 'values', 't', 'd', 'approved', '2025-01-02', '2025-02-01')
        """,
        {"u": users[5]},
    )
    question = dna_database.execute("select id from dna_questionnaires where type = 'multiChoice' limit 1").fetchone()
    assert question is not None
    dna_database.execute("delete from dna_answers where clerk_user_id = any(%s)", [users])
    for user, answer in zip(users, ['"not an option"', "null", "{}", "[[]]", "true", '{"value": null}'], strict=False):
        dna_database.execute(
            "insert into dna_answers (question_id, clerk_user_id, answer, created_at) "
            "values (%s, %s, %s, '2025-02-01')",
            [question[0], user, answer],
        )
    embed_everything(dna_database)
    materialise(dna_database, week)
    table, found, _ = weekly.dna_scores(dna_database, week)
    assert set(users) <= set(table["user_id"])
    by_user = table.set_index("user_id")
    assert by_user.loc[users[1], "behavioural"] == 0
    assert "not known" in by_user.loc[users[1], "component_breakdown"]["behavioural"]["sentence"]
    assert found["malformed_religion"] >= 3
    assert found["posts_without_possible_date"] == 3
    assert found["reviews_without_possible_date"] == 2
    assert found["reviews_before_their_insight"] == 1
    assert found["unknown_joining_dates"] == 2
    assert found["posts_before_joining"] >= 1
    assert found["answers_outside_options"] >= 4
    assert found["identifying_or_prose"] >= 1
    assert not any("07700" in key for key in queries.trait_distribution(dna_database, week.sunday)["trait_key"])


def test_a_week_without_content_items_sees_the_same_items_as_one_with(dna_database: Connection) -> None:
    without, left_out = weekly.content_originality(dna_database, WEEKS[3], MODEL)
    rows = dna_database.execute(
        "select id, clerk_user_id, created_at, caption from posts where created_at < %s", [WEEKS[1].cutoff]
    ).fetchall()
    for post, user, at, caption in rows:
        digest = content_hash(caption)
        dna_database.execute(
            "insert into content_items (item_type, item_id, user_id, week, shared_at, content_hash, status) "
            "values ('post', %s, %s, %s, %s, %s, %s)",
            [post, user, WEEKS[0].sunday, at, digest, "ready" if digest else "skipped"],
        )
    again, _ = weekly.content_originality(dna_database, WEEKS[3], MODEL)
    assert without.equals(again)
    assert left_out == {"items_without_vector": 0, "unusable_vectors": 0}
    other, left_out = weekly.content_originality(dna_database, WEEKS[3], "another-model")
    assert left_out["items_without_vector"] > 500
    assert set(other["score"]) == {50.0}


def scores_of(connection: Connection, week: Any) -> list[dict[str, Any]]:
    """A week's result without keeping it."""
    _, shares, _ = weekly.trait_distribution(connection, week)
    queries.replace_distribution(connection, week.sunday, shares)
    own, _ = weekly.content_originality(connection, week, MODEL)
    queries.replace_originality(connection, week.sunday, own, MODEL)
    table, _, _ = weekly.dna_scores(connection, week)
    return [{k: str(v) for k, v in row.items()} for row in table.drop(columns="member").to_dict("records")]


def versions(connection: Connection) -> list[tuple[Any, ...]]:
    """The physical versions of all rows: an update that changes nothing would still show."""
    return [
        row
        for table in ("trait_distribution", "content_originality", "dna_score_history", "mysoul_dna_scores")
        for row in connection.execute(
            f"select '{table}', ctid::text, xmin::text from {table} order by 2"  # type: ignore[arg-type]
        ).fetchall()
    ]
