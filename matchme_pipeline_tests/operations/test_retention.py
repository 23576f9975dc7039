"""Retention: old weeks lose what can be computed again, and a week that runs late gives the rows that it had."""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dagster import DagsterInstance

from matchme_pipeline.content import deletion
from matchme_pipeline.database import files
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.definitions import defs
from matchme_pipeline.llm.store import batch_queries
from matchme_pipeline.operations import retention
from matchme_pipeline.settings import Settings, load_settings
from matchme_pipeline_tests.materialising import WEEKS, changed_tables, materialise, rows_of_every_table

FIRST, LAST = WEEKS[0], WEEKS[-1]
# Tables that tell when something was computed, beside what retention itself removes.
TIMED = {"batch_run_history", "schema_migrations", "matching_reports", "week_reports", "past_vector_parts"}


@pytest.fixture
def kept_shortly(finished_url: str, tmp_path: Path) -> Settings:
    return load_settings(
        None,
        {
            "MATCHME_DATABASE_URL": finished_url,
            "MATCHME_HOME": str(tmp_path),
            "MATCHME_KEEP_VECTOR_WEEKS": "2",
            "MATCHME_KEEP_OUTCOME_WEEKS": "2",
            "MATCHME_KEEP_JOB_WEEKS": "4",
        },
    )


def vectors(connection: Connection) -> list[tuple[object, ...]]:
    return connection.execute(
        "select user_id, week, model, embedding::text, items, input_hash, part_hashes "
        "from user_embeddings order by 1, 2"
    ).fetchall()


def test_a_week_that_runs_late_after_retention_gives_the_same_rows(finished_url: str, kept_shortly: Settings):
    with connect(finished_url) as connection:
        before, rows = vectors(connection), rows_of_every_table(connection, TIMED)
        connection.execute("insert into llm_departures (tokens, left_at) values (1, now() - interval '2 days')")
        connection.execute(
            "insert into api_audit (asked_at, user_id, action, subject, outcome, request_id) "
            "values (now() - interval '2 years', 'user_a', 'read', 's', 'done', 'r')"
        )
        last_seen = "select match_week, max(week) from match_outcomes group by match_week order by match_week"
        observed = connection.execute(last_seen).fetchall()
        now = datetime.now(UTC)
        removed = retention.apply_rules(connection, kept_shortly, now)
        assert removed["member_vectors"] > 100
        assert removed["finished_jobs"] > 100
        assert (removed["llm_departures"], removed["api_audit"]) == (1, 1)
        assert {week for _, week, *_ in vectors(connection)} == {LAST.sunday}
        changed = changed_tables(rows, rows_of_every_table(connection, TIMED))
        assert changed == ["batch_processing_queue", "match_outcomes", "user_embeddings"]
        assert removed["passing_outcomes"] > 100
        assert connection.execute(last_seen).fetchall() == observed
        assert not any(retention.apply_rules(connection, kept_shortly, now).values())
        calls = connection.execute("select count(*) from llm_calls").fetchone()
    for week in WEEKS:
        assert materialise(finished_url, week).success
    with connect(finished_url) as connection:
        assert vectors(connection) == before
        again = rows_of_every_table(connection, TIMED)
        assert changed_tables(rows, again) == ["batch_processing_queue", "user_embeddings"]
        assert connection.execute("select count(*) from llm_calls").fetchone() == calls


def test_a_week_at_work_and_recent_weeks_are_left_alone(finished_url: str, kept_shortly: Settings):
    with connect(finished_url) as connection:
        all_weeks = {week for _, week, *_ in vectors(connection)}
        retention.apply_rules(connection, kept_shortly, LAST.cutoff)
        kept = {week for _, week, *_ in vectors(connection)}
        assert {week.sunday for week in WEEKS[-2:]} <= kept < all_weeks
        connection.execute("update batch_run_history set status = 'running' where week = %s", [WEEKS[-2].sunday])
        retention.apply_rules(connection, kept_shortly, datetime.now(UTC))
        assert {week for _, week, *_ in vectors(connection)} == {week.sunday for week in WEEKS[-2:]}


def test_a_forgotten_member_takes_the_texts_of_removed_weeks_along(finished_url: str, kept_shortly: Settings):
    with connect(finished_url) as connection:
        row = connection.execute(
            "select user_id from user_embeddings where week = %s order by 1", [FIRST.sunday]
        ).fetchone()
        assert row is not None
        # A biography that has been rewritten: only the first week's vector names its text.
        connection.execute(
            "insert into content_embeddings (content_hash, model, embedding) "
            "select 'of an old biography', model, embedding from content_embeddings limit 1"
        )
        connection.execute(
            "update user_embeddings set part_hashes = part_hashes || 'of an old biography'::text "
            "where week = %s and user_id = %s",
            [FIRST.sunday, row[0]],
        )
        retention.apply_rules(connection, kept_shortly, datetime.now(UTC))
        count = "select count(*) from content_embeddings where content_hash = 'of an old biography'"
        assert connection.execute(count).fetchone() == (1,)
        deletion.forget(connection, [row[0]])
        assert connection.execute(count).fetchone() == (0,)
        assert connection.execute("select count(*) from past_vector_parts where user_id = %s", row).fetchone() == (0,)


def test_old_batches_reservations_and_requests_go_unless_something_waits_for_them(
    app_database: Connection, kept_shortly: Settings
):
    now = datetime.now(UTC)
    for age, status in ((400, "read"), (400, "lost"), (400, "submitted"), (0, "read")):
        app_database.execute(
            "insert into llm_batches (id, kind, stage, model, status, requests, created_at) "
            "values (gen_random_uuid(), 'chat', 'old', 'm', %s, '{}', %s)",
            [status, now - timedelta(days=age)],
        )
    for _ in range(batch_queries.NEWEST_BATCHES - 1):
        app_database.execute(
            "insert into llm_batches (id, kind, stage, model, status, requests, created_at) "
            "values (gen_random_uuid(), 'chat', 'old', 'm', 'read', '{}', %s)",
            [now - timedelta(days=300)],
        )
    for hours in (-30, 1):
        app_database.execute(
            "insert into llm_budget_holdings (holder, usd, held_until) values (gen_random_uuid(), 1, %s)",
            [now + timedelta(hours=hours)],
        )
    for age, state in ((400, "launched"), (400, "failed"), (400, "launching"), (1, "launched")):
        app_database.execute(
            "insert into api_triggers (dagster_run_id, run_type, week, requested_by, requested_at, state) "
            "values (gen_random_uuid(), 'weekly_full', %s, 'user_a', %s, %s)",
            [FIRST.sunday, now - timedelta(days=age), state],
        )
    removed = retention.apply_rules(app_database, kept_shortly, now)
    assert (removed["read_batches"], removed["budget_holdings"], removed["api_triggers"]) == (2, 1, 2)
    # The newest of a stage stay, however old: they tell how long a batch takes.
    left = app_database.execute("select status, count(*) from llm_batches group by status order by status").fetchall()
    assert left == [("read", batch_queries.NEWEST_BATCHES), ("submitted", 1)]
    assert app_database.execute("select count(*) from llm_budget_holdings").fetchone() == (1,)
    states = app_database.execute("select state from api_triggers order by requested_at").fetchall()
    assert states == [("launching",), ("launched",)]


def test_the_docs_say_of_every_table_what_removes_its_rows(app_database: Connection):
    of_app = {
        name
        for file in files.app_tables_dir().glob("*.sql")
        for name in re.findall(r"create table (\w+)", file.read_text("utf-8"))
    }
    tables = {name for (name,) in app_database.execute("select tablename from pg_tables where schemaname = 'public'")}
    page = (Path(__file__).parents[2] / "docs" / "deployment.md").read_text("utf-8")
    section = page.partition("| table | a week adds | what removes it |")[2].partition("## ")[0]
    named = [name for line in section.splitlines() for name in re.findall(r"`(\w+)`", line.partition(" | ")[0])]
    assert sorted(named) == sorted(tables - of_app)


def test_output_of_old_runs_goes_and_that_of_new_ones_stays(app_database: Connection, kept_shortly: Settings):
    folders = [kept_shortly.home / "dagster" / name / "compute_logs" for name in ("old", "new")]
    for folder, days in zip(folders, (100, 1), strict=True):
        folder.mkdir(parents=True)
        (folder / "step.out").write_text("said")
        at = (datetime.now(UTC) - timedelta(days=days)).timestamp()
        for path in (folder / "step.out", folder):
            os.utime(path, (at, at))
    assert retention.apply_rules(app_database, kept_shortly, datetime.now(UTC))["compute_logs"] == 1
    assert [folder.exists() for folder in folders] == [False, True]


def test_the_job_says_what_it_removed_and_how_large_the_tables_are(
    app_database: Connection, app_database_url: str, monkeypatch: pytest.MonkeyPatch
):
    from matchme_pipeline import settings

    monkeypatch.setenv("MATCHME_DATABASE_URL", app_database_url)
    settings.process_settings.cache_clear()
    with DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def(retention.RETENTION_JOB).execute_in_process(instance=instance)
    settings.process_settings.cache_clear()
    (output,) = [event.step_output_data for event in result.all_events if event.is_successful_output]
    assert {f"removed_{rule.name}" for rule in retention.RULES} < output.metadata.keys()
    assert int(str(output.metadata["bytes"].value)) > 0
    assert app_database.execute("select count(*) from batch_run_history").fetchone() == (0,)


def test_every_rule_names_a_setting_that_exists():
    known = {field.alias for field in Settings.model_fields.values()}
    assert all(rule.setting in known for rule in retention.RULES if rule.setting.startswith("MATCHME_"))
