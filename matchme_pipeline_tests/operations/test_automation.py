"""What the code location holds, and what schedules and sensors ask for."""

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from dagster import (
    AssetKey,
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    RunRequest,
    RunStatusSensorDefinition,
    build_run_status_sensor_context,
    build_schedule_context,
)

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.definitions import defs
from matchme_pipeline.operations import automation, lost_runs, run_queries, runs
from matchme_pipeline_tests.materialising import WEEKS, materialise

ASSETS = {
    "post_hashes": "content",
    "content_insights": "content",
    "post_embeddings": "embeddings",
    "user_embeddings": "embeddings",
    "trait_distribution": "dna",
    "content_originality": "dna",
    "dna_scores": "dna",
    "match_outcomes": "matches",
    "match_quality": "matches",
    "match_models": "matches",
    "weekly_matches": "matches",
    "chaichat_previews": "matches",
    "run_summary": "operations",
}


def test_every_asset_has_its_group_owner_description_table_and_check():
    graph = defs.resolve_asset_graph()
    checked = {key.asset_key for key in graph.asset_check_keys}
    for name, group in ASSETS.items():
        node = graph.get(AssetKey(name))
        assert (node.group_name, bool(node.owners), bool(node.description)) == (group, True, True), name
        assert "table" in node.metadata, name
        assert node.partitions_def is not None, name
        assert AssetKey(name) in checked, name


def test_the_lineage_starts_at_the_apps_tables():
    graph = defs.resolve_asset_graph()
    external = {key.to_user_string() for key in graph.external_asset_keys}
    assert {
        "profiles",
        "posts",
        "voice_introductions",
        "dna_answers",
        "insight_reviews",
        "match_preferences",
    } <= external


@pytest.mark.parametrize(
    ("tick", "week"),
    [
        (datetime(2026, 1, 18, 2, tzinfo=UTC), "2026-01-11"),
        (datetime(2026, 11, 22, 2, tzinfo=UTC), "2026-11-15"),
        (datetime(2026, 3, 29, 2, tzinfo=UTC), "2026-03-22"),
    ],
)
def test_sundays_tick_asks_for_the_week_that_has_just_closed(tick: datetime, week: str):
    for _ in range(2):
        context = build_schedule_context(scheduled_execution_time=tick)
        request = automation.weekly_schedule(context)
        assert isinstance(request, RunRequest)
        assert (request.partition_key, request.run_key) == (week, week)
    assert automation.weekly_schedule.cron_schedule == "0 2 * * 0"


def test_the_daily_tick_asks_for_the_open_week_once_a_day():
    keys = set()
    for day in (19, 20):
        request = automation.daily_schedule(
            build_schedule_context(scheduled_execution_time=datetime(2026, 1, day, 3, 30, tzinfo=UTC))
        )
        assert isinstance(request, RunRequest)
        assert request.partition_key == "2026-01-18"
        keys.add(request.run_key)
    assert len(keys) == 2


def test_the_daily_job_holds_the_content_stages_alone():
    job = defs.resolve_job_def(runs.DAILY_JOB)
    selected = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    assert selected == {"post_hashes", "content_insights", "post_embeddings"}


def test_a_run_that_failed_is_closed_as_failed_with_its_error(
    finished: Connection, finished_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(automation, "database_url", lambda _: finished_url)
    finished.execute("alter table content_items rename to content_items_away")
    with DagsterInstance.ephemeral() as instance:
        result = materialise(finished_url, WEEKS[-1], "post_hashes", instance=instance, raise_on_error=False)
        run = instance.get_run_by_id(result.run_id)
        assert run is not None
        assert run.status == DagsterRunStatus.FAILURE
        context = build_run_status_sensor_context(
            sensor_name="close_failed_runs",
            dagster_instance=instance,
            dagster_run=run,
            dagster_event=next(event for event in result.all_events if event.is_step_failure),
        ).for_run_failure()
        for _ in range(2):
            automation.close_failed_runs(context)
    rows = finished.execute(
        "select status, completed_at is not null, error_log -> 0 ->> 'job_type' from batch_run_history "
        "where dagster_run_id = %s",
        [result.run_id],
    ).fetchall()
    assert rows == [("failed", True, "run")]


def ended_run(instance: DagsterInstance, end: str) -> DagsterRun:
    """A run that Dagster calls over without a word from the run itself."""
    run = instance.create_run_for_job(defs.resolve_job_def(runs.WEEKLY_JOB), tags={runs.PARTITION_TAG: "2026-01-04"})
    if end == "failed":
        instance.report_run_failed(run, "its process is gone")
    elif end == "cancelled":
        instance.report_run_canceled(run)
    else:
        instance.handle_run_event(run.run_id, DagsterEvent(DagsterEventType.RUN_SUCCESS.value, run.job_name))
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("end", "sensor", "error"),
    [
        ("failed", automation.close_failed_runs, "its process is gone"),
        ("cancelled", automation.close_cancelled_runs, None),
        ("completed", automation.close_completed_runs, None),
    ],
)
def test_how_a_run_ended_is_written_by_whoever_notices(
    app_database: Connection,
    app_database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
    sensor: RunStatusSensorDefinition,
    error: str | None,
):
    monkeypatch.setattr(automation, "database_url", lambda _: app_database_url)
    row = "select status, completed_at is not null, error_log -> 0 ->> 'error' from batch_run_history"
    with DagsterInstance.ephemeral() as instance:
        run = ended_run(instance, end)
        run_queries.insert_running(app_database, run.run_id, "weekly_full", WEEKS[0].sunday, "elsewhere:1", True)
        context = build_run_status_sensor_context(
            sensor_name=sensor.name,
            dagster_instance=instance,
            dagster_run=run,
            dagster_event=DagsterEvent(DagsterEventType.RUN_FAILURE.value, run.job_name),
        )
        for _ in range(2):
            sensor(context)
        assert app_database.execute(row).fetchall() == [(end, True, error)]
        app_database.execute("update batch_run_history set status = 'running', completed_at = null, error_log = '[]'")
        for _ in range(2):
            assert lost_runs.close_lost(app_database, instance, datetime.now(UTC)) == []
        assert app_database.execute(row).fetchall() == [(end, True, error)]


def test_loading_the_code_location_touches_neither_database_nor_network():
    forbid = (
        "import socket\n"
        "def refuse(*a, **k): raise AssertionError('a connection was opened')\n"
        "socket.socket.connect = refuse\n"
        "import psycopg; psycopg.connect = refuse\n"
        "from matchme_pipeline.definitions import defs\n"
        "defs.resolve_asset_graph(); defs.resolve_job_def('weekly_batch')\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", forbid],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MATCHME_DATABASE_URL": "postgresql://127.0.0.1:1/none"},
    )
    assert result.returncode == 0, result.stderr


def test_dagster_validates_the_definitions():
    result = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-m", "matchme_pipeline.definitions"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]
