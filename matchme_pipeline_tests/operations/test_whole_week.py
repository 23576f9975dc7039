"""The whole week over a real database: what stands in the tables afterwards, and what doing it again changes."""

import pytest
from dagster import DagsterInstance
from psycopg.conninfo import conninfo_to_dict

from matchme_pipeline.content.canonical import canonical_text
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline_tests.databases import copy_database, drop_database
from matchme_pipeline_tests.materialising import (
    WEEKS,
    changed_tables,
    materialise,
    rows_of_every_table,
)

LAST = WEEKS[-1]
# What a late week must give as well: all but the times at which rows were written.
TIMELESS = {
    "user_insights": "id, clerk_user_id, insight_category, title, source_quote, confidence_score, status, created_at",
    "insight_sources": "insight_id, item_type, item_id, user_id, week, content_hash, cache_key",
    "user_embeddings": "user_id, week, model, input_hash, embedding::text",
    "content_originality": "user_id, week, score, percentile, mean_similarity, own_items, other_items",
    "trait_distribution": "week, trait_key, user_count, total_users, idf",
    "dna_score_history": "user_id, week, score, tier, previous_score, change, percentile_rank, component_breakdown",
    "mysoul_dna_scores": "user_id, score, rarity_tier",
}


def one(connection: Connection, statement: str, *parameters: object) -> object:
    row = connection.execute(statement, parameters).fetchone()
    assert row is not None
    return row[0]


def test_every_stage_left_rows_for_every_week(finished: Connection):
    for week in WEEKS:
        for table in ("content_items", "insight_sources", "user_embeddings", "trait_distribution", "dna_score_history"):
            assert one(finished, f"select count(*) from {table} where week = %s", week.sunday) > 0, (table, week)
        assert one(finished, "select count(*) from weekly_matches where week_start_date = %s", week.match_week) > 0


def test_every_insight_quotes_its_members_own_words(finished: Connection):
    rows = finished.execute(
        """
        select i.source_quote, coalesce(p.caption, v.transcription),
            coalesce(p.clerk_user_id, v.user_id) = i.clerk_user_id
        from insight_sources s
        join user_insights i on i.id = s.insight_id
        left join posts p on s.item_type = 'post' and p.id = s.item_id
        left join voice_introductions v on s.item_type = 'voice_introduction' and v.id = s.item_id
        """
    ).fetchall()
    assert len(rows) > 300
    assert all(own and quote in canonical_text(text) for quote, text, own in rows)


def test_every_match_is_mutual_and_nobody_has_more_than_five(finished: Connection):
    assert (
        one(
            finished,
            """
            select count(*) from weekly_matches m where not exists (
                select from weekly_matches o
                where o.user_id = m.match_user_id and o.match_user_id = m.user_id
                    and o.week_start_date = m.week_start_date and o.score = m.score
                    and o.chaichat_preview = m.chaichat_preview
            )
            """,
        )
        == 0
    )
    largest = "select max(n) from (select count(*) as n from weekly_matches group by user_id, week_start_date) t"
    assert one(finished, largest) <= 5


def test_nobody_meets_the_same_person_twice(finished: Connection):
    pairs = "select count(*), count(distinct (user_id, match_user_id)) from weekly_matches"
    total, distinct = finished.execute(pairs).fetchone() or (0, 1)
    assert total == distinct > 0


def test_no_match_joins_people_who_already_talk(finished: Connection):
    assert (
        one(
            finished,
            """
            select count(*) from weekly_matches m join conversations c
                on c.user1_clerk_id = least(m.user_id, m.match_user_id)
                and c.user2_clerk_id = greatest(m.user_id, m.match_user_id)
                and c.created_at < m.week_start_date + interval '2 hours'
            """,
        )
        == 0
    )


def test_the_factors_of_a_match_add_up_to_its_score(finished: Connection):
    assert (
        one(
            finished,
            """
            select count(*) from weekly_matches
            where score <> (
                select sum((f ->> 'contribution')::numeric)
                from jsonb_array_elements(compatibility_factors -> 'factors') f
            )
            """,
        )
        == 0
    )


def test_previews_build_on_insights_that_the_two_have_approved(finished: Connection):
    strangers = """
        select count(*)
        from weekly_matches m
        cross join jsonb_array_elements_text(m.chaichat_preview -> 'insights_used') u (id)
        left join user_insights i on i.id = u.id::uuid and i.clerk_user_id in (m.user_id, m.match_user_id)
            and i.status = 'approved'
        where i.id is null
    """
    assert one(finished, strangers) == 0
    assert one(finished, "select count(*) from weekly_matches where chaichat_preview is null") == 0
    used = "select count(*) from weekly_matches where jsonb_array_length(chaichat_preview -> 'insights_used') > 0"
    assert one(finished, used) > 0


def test_one_history_row_a_run_with_the_ledgers_figures(finished: Connection):
    rows = finished.execute(
        """
        select h.run_type, h.status, h.completed_jobs = h.total_jobs, h.tokens_used = coalesce(sum(l.input_tokens), 0),
            h.cost_usd = coalesce(sum(l.cost_usd), 0), count(l.id) > 0, h.publishes_matches
        from batch_run_history h left join llm_calls l on l.dagster_run_id = h.dagster_run_id
        group by h.id
        """
    ).fetchall()
    assert len(rows) == len(WEEKS)
    assert set(rows) == {("weekly_full", "completed", True, True, True, True, True)}


def test_doing_a_past_and_the_last_week_again_changes_no_row(finished: Connection, finished_url: str):
    before = rows_of_every_table(finished)
    for week in (WEEKS[1], LAST):
        assert materialise(finished_url, week).success
    assert changed_tables(before, rows_of_every_table(finished)) == []


@pytest.mark.parametrize(
    "asset", ["post_hashes", "content_insights", "user_embeddings", "dna_scores", "weekly_matches"]
)
def test_one_asset_alone_changes_no_row(finished: Connection, finished_url: str, asset: str):
    before = rows_of_every_table(finished)
    assert materialise(finished_url, LAST, asset).success
    assert changed_tables(before, rows_of_every_table(finished)) == []


def test_a_single_assets_run_is_a_run_of_its_own(finished: Connection, finished_url: str):
    with DagsterInstance.ephemeral() as instance:
        result = materialise(finished_url, LAST, "post_hashes", instance=instance)
    rows = finished.execute(
        "select week, status, publishes_matches from batch_run_history where dagster_run_id = %s", [result.run_id]
    ).fetchall()
    assert rows == [(LAST.sunday, "completed", False)]


def test_a_missed_week_materialised_late_gives_what_it_would_have_given(postgres_url: str, small_url: str):
    """Weeks 1, 3 and then 2 by backfill, against all three in order; nobody reviews in between."""
    first, second, third = WEEKS[:3]
    assert materialise(small_url, first).success
    in_order = copy_database(postgres_url, "weeks_in_order", conninfo_to_dict(small_url)["dbname"])
    for week in (second, third):
        assert materialise(in_order, week).success
    for week in (third, second):
        assert materialise(small_url, week).success
    for table, columns in TIMELESS.items():
        statement = f"select {columns} from {table} order by 1, 2, 3"
        with connect(in_order) as one_by_one, connect(small_url) as late:
            assert late.execute(statement).fetchall() == one_by_one.execute(statement).fetchall(), table
    drop_database(postgres_url, "weeks_in_order")
