"""Alerts: raised for what calls for one, once per cause, and told until they arrive."""

import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from dagster import (
    AssetKey,
    AssetMaterialization,
    DagsterEventType,
    DagsterInstance,
    EventRecordsFilter,
    build_sensor_context,
)

from matchme_pipeline.cli import main
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.operations import alert_queries, alerts, watch, webhook
from matchme_pipeline.operations.alerts import Alert, AlertKind, record_alert
from matchme_pipeline.settings import Settings, load_settings
from matchme_pipeline.week import Week
from matchme_pipeline_tests.cli.test_errors import fails_with, matchme

NOW = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
WEEK = Week(date(2026, 11, 15))
QUIET = Settings(MATCHME_FIRST_WEEK=date(2026, 11, 1))
AUTOMATIC = Settings(MATCHME_FIRST_WEEK=date(2026, 11, 1), MATCHME_AUTOMATION=True)
SAMPLE = Alert(AlertKind.WEEK_LATE, "2026-11-15", "a title", "a text")


class Webhook(BaseHTTPRequestHandler):
    answers: list[int]
    messages: list[dict[str, str]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.answers.pop(0) if self.answers else 200
        if status == 200:
            self.messages.append(json.loads(body))
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def slack(*answers: int) -> Iterator[tuple[str, list[dict[str, str]]]]:
    handler = type("Handler", (Webhook,), {"answers": list(answers), "messages": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", handler.messages
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def add_run(
    connection: Connection, run_id: str, status: str, jobs: int = 1000, failed: int = 0, ended: datetime = NOW
) -> None:
    connection.execute(
        """
        insert into batch_run_history (
            run_type, dagster_run_id, week, status, started_at, completed_at, total_jobs, failed_jobs, error_log
        )
        values ('weekly_full', %s, %s, %s, %s, %s, %s, %s, '[{"job_type": "run", "error": "the disk is full"}]')
        """,
        [run_id, WEEK.sunday, status, ended - timedelta(hours=1), ended, jobs, failed],
    )


def told(connection: Connection) -> list[tuple[str, str]]:
    return connection.execute("select kind, cause from pipeline_alerts order by 1, 2").fetchall()


def look(connection: Connection, settings: Settings = QUIET, now: datetime = NOW) -> int:
    with DagsterInstance.ephemeral() as instance:
        return watch.watch(connection, instance, settings, now - timedelta(hours=2), now)


def test_a_failed_run_is_told_once_however_often_one_looks(app_database: Connection):
    add_run(app_database, "run-1", "failed")
    add_run(app_database, "run-2", "cancelled")
    add_run(app_database, "run-3", "failed", ended=NOW - timedelta(days=3))
    assert [look(app_database), look(app_database)] == [1, 0]
    assert told(app_database) == [("run_failed", "run-1")]
    (body,) = app_database.execute("select body from pipeline_alerts").fetchone() or ("",)
    assert "the disk is full" in body


def test_an_alert_quotes_no_member(app_database: Connection):
    add_run(app_database, "run-1", "failed")
    app_database.execute(
        "update batch_run_history set error_log = %s",
        [json.dumps([{"error": 'weekly_matches: invalid input: "call me 0171", see `matchme doctor`'}])],
    )
    look(app_database)
    (body,) = app_database.execute("select body from pipeline_alerts").fetchone() or ("",)
    assert "call me" not in body
    assert body.startswith("weekly_matches: invalid input: …, see `matchme doctor`")


@pytest.mark.parametrize(("failed", "expected"), [(0, 0), (5, 0), (6, 1), (1000, 1)])
def test_more_than_half_a_per_cent_of_failed_jobs_is_told(app_database: Connection, failed: int, expected: int):
    add_run(app_database, "run-1", "completed", failed=failed)
    assert look(app_database) == expected


def test_a_run_without_jobs_has_no_failure_rate(app_database: Connection):
    add_run(app_database, "run-1", "completed", jobs=0)
    assert look(app_database) == 0


@pytest.mark.parametrize(
    ("settings", "now", "expected"),
    [
        (AUTOMATIC, NOW - timedelta(seconds=1), 0),
        (AUTOMATIC, NOW, 1),
        (AUTOMATIC, NOW + timedelta(days=6), 1),
        (QUIET, NOW, 0),
        (Settings(MATCHME_FIRST_WEEK=date(2026, 11, 22), MATCHME_AUTOMATION=True), NOW, 0),
    ],
)
def test_a_week_that_is_not_finished_by_seven_is_told(
    app_database: Connection, settings: Settings, now: datetime, expected: int
):
    assert [look(app_database, settings, now), look(app_database, settings, now)] == [expected, 0]


def test_a_late_week_stands_in_the_catalogue_as_late(app_database: Connection):
    with DagsterInstance.ephemeral() as instance:
        for _ in range(2):
            watch.watch(app_database, instance, AUTOMATIC, NOW, NOW)
        records = instance.get_event_records(EventRecordsFilter(DagsterEventType.ASSET_CHECK_EVALUATION))
    (evaluation,) = [record.event_log_entry.asset_check_evaluation for record in records]
    assert evaluation is not None
    assert evaluation.check_name == "finished_by_sunday_seven"
    assert (evaluation.partition, evaluation.passed) == (WEEK.key, False)
    assert str(evaluation.description).startswith("Late:")


def test_every_kind_of_alert_is_kept_and_explained(app_database: Connection):
    page = (Path(__file__).parents[2] / "docs" / "on-call.md").read_text("utf-8")
    commands = {command.name or command.callback.__name__ for command in main.app.registered_commands}
    commands |= {group.name for group in main.app.registered_groups}
    for kind in AlertKind:
        assert record_alert(app_database, Alert(kind, "cause", "title", "text"))
        _, _, section = page.partition(f"\n## {kind}\n")
        steps = re.findall(r"^\d\. `matchme (\w+)", section.split("\n## ")[0], re.MULTILINE)
        assert len(steps) == 3, kind
        assert set(steps) <= commands, kind


def test_failures_of_one_cause_come_in_one_message_and_it_is_said_when_they_are_over(app_database: Connection):
    settings = Settings(MATCHME_DAGSTER_URL="https://dagster.example", MATCHME_OPERATIONS_URL="https://ops.example")
    for number in range(3):
        add_run(app_database, f"run-{number}", "failed", jobs=0)
    assert look(app_database) == 3
    with slack() as (url, messages):
        assert webhook.send_due_alerts(app_database, url, datetime.now(UTC), settings) == (3, 0)
        (first,) = messages
        assert "(3 times)" in first["text"]
        assert "What to do:" in first["text"]
        assert "https://dagster.example/runs/run-" in first["text"]
        assert f"https://ops.example/report/{WEEK.key}" in first["text"]
        add_run(app_database, "run-4", "completed", ended=NOW + timedelta(hours=1))
        assert [look(app_database, now=NOW + timedelta(hours=1)) for _ in range(2)] == [1, 0]
        assert webhook.send_due_alerts(app_database, url, datetime.now(UTC), settings) == (1, 0)
    assert messages[1]["text"].startswith(f"*Over: week {WEEK.key} is in order*\nNo longer: ")
    open_ones = "select count(*) from pipeline_alerts where resolved_at is null and kind = 'run_failed'"
    assert app_database.execute(open_ones).fetchone() == (0,)
    # The message that it is over asks for nothing either: neither the page nor the status calls it open.
    assert alert_queries.open_alerts(app_database, datetime.now(UTC)) == []


def test_an_alert_about_failing_jobs_is_over_when_none_is_left(app_database: Connection):
    add_run(app_database, "run-1", "completed", failed=6)
    app_database.execute(
        "insert into batch_processing_queue (user_id, job_type, subject, week, status, attempts) "
        "values ('u', 'content_analysis', 'u', %s, 'failed', 3)",
        [WEEK.sunday],
    )
    assert [look(app_database), look(app_database)] == [1, 0]
    open_ones = "select count(*) from pipeline_alerts where resolved_at is null and kind = 'failure_rate'"
    assert app_database.execute(open_ones).fetchone() == (1,)
    app_database.execute("update batch_processing_queue set status = 'completed'")
    assert [look(app_database), look(app_database)] == [1, 0]
    assert app_database.execute(open_ones).fetchone() == (0,)


def test_an_alert_is_acknowledged_once(app_database: Connection):
    record_alert(app_database, SAMPLE)
    (alert_id,) = app_database.execute("select id from pipeline_alerts").fetchone() or ("",)
    assert alert_queries.acknowledge(app_database, alert_id, "sam")
    assert not alert_queries.acknowledge(app_database, alert_id, "kim")
    (row,) = alert_queries.recent_alerts(app_database, datetime.now(UTC) - timedelta(days=1))
    assert row.acknowledged_by == "sam"


def test_the_webhook_can_be_tried(tmp_path: Path):
    fails_with(matchme("alerts", "test", cwd=tmp_path), "MATCHME_ALERT_WEBHOOK_URL", code=2)
    with slack() as (url, messages):
        tried = matchme("alerts", "test", cwd=tmp_path, MATCHME_ALERT_WEBHOOK_URL=url)
    assert (tried.returncode, tried.stdout) == (0, "the message arrived\n")
    assert "Nothing is wrong" in messages[0]["text"]
    with slack(500) as (url, _):
        fails_with(matchme("alerts", "test", cwd=tmp_path, MATCHME_ALERT_WEBHOOK_URL=url), "answered 500")


def test_a_finished_week_is_not_late(app_database: Connection):
    with DagsterInstance.ephemeral() as instance:
        instance.report_runless_asset_event(AssetMaterialization(AssetKey("run_summary"), partition=WEEK.key))
        assert watch.watch(app_database, instance, AUTOMATIC, NOW, NOW) == 0


def test_each_threshold_of_the_budget_is_told_once_and_to_the_apps_own_webhook(app_database: Connection):
    app_database.execute(
        """
        insert into llm_budget_crossings (week, threshold_percent, budget_usd, spent_usd)
        values ('2026-11-15', 50, 5, 2.6), ('2026-11-15', 75, 5, 3.8)
        """
    )
    with slack() as (pipelines_url, pipelines), slack() as (apps_url, apps):
        app_database.execute(
            """
            insert into cost_alerts (alert_name, threshold_percent, slack_webhook_url)
            values ('Half', 50, %s), ('Most', 90, %s), ('No address', 75, null)
            on conflict (alert_name) do nothing
            """,
            [apps_url, apps_url],
        )
        assert [look(app_database), look(app_database)] == [3, 0]
        later = datetime.now(UTC)
        assert webhook.send_due_alerts(app_database, pipelines_url, later) == (3, 0)
        assert webhook.send_due_alerts(app_database, pipelines_url, later + timedelta(hours=1)) == (0, 0)
    assert sorted(message["text"][:5] for message in pipelines) == ["*50 %", "*75 %"]
    assert [message["text"].splitlines()[1] for message in apps] == ["2.6000 of 5.00 USD (MATCHME_WEEKLY_BUDGET_USD)."]


def test_an_alert_that_does_not_arrive_is_tried_again_and_its_reason_kept(app_database: Connection):
    record_alert(app_database, SAMPLE)
    now = datetime.now(UTC)
    with slack(500, 302) as (url, messages):
        assert webhook.send_due_alerts(app_database, url, now) == (0, 1)
        assert webhook.send_due_alerts(app_database, url, now) == (0, 0)
        assert webhook.send_due_alerts(app_database, url, now + timedelta(minutes=3)) == (0, 1)
        (error,) = app_database.execute("select last_error from pipeline_alerts").fetchone() or ("",)
        assert error == "the webhook answered 302"
        assert webhook.send_due_alerts(app_database, url, now + timedelta(minutes=10)) == (1, 0)
    assert messages == [{"text": "*a title*\na text"}]
    assert webhook.send_due_alerts(app_database, url, now + timedelta(hours=2)) == (0, 0)


def test_a_webhook_that_is_not_there_is_named_without_its_address(app_database: Connection):
    record_alert(app_database, SAMPLE)
    with slack() as (url, _):
        pass
    assert webhook.send_due_alerts(app_database, f"{url}/secret-path", datetime.now(UTC)) == (0, 1)
    (error,) = app_database.execute("select last_error from pipeline_alerts").fetchone() or ("",)
    assert "could not be reached" in error
    assert "secret-path" not in error


def test_many_watchers_tell_one_cause_once(app_database: Connection, app_database_url: str):
    def raise_and_tell(url: str) -> tuple[bool, int]:
        with connect(app_database_url, vectors=False) as connection:
            new = record_alert(connection, SAMPLE)
            return new, webhook.send_due_alerts(connection, url, datetime.now(UTC))[0]

    with slack() as (url, messages), ThreadPoolExecutor(8) as pool:
        results = list(pool.map(raise_and_tell, [url] * 16))
    assert sum(new for new, _ in results) == 1
    assert sum(arrived for _, arrived in results) == len(messages) == 1


def test_without_a_webhook_alerts_stay_in_the_table_and_old_ones_are_not_sent_later(app_database: Connection):
    record_alert(app_database, SAMPLE)
    assert webhook.send_due_alerts(app_database, None, datetime.now(UTC)) == (0, 0)
    app_database.execute("update pipeline_alerts set raised_at = raised_at - interval '3 days'")
    with slack() as (url, messages):
        assert webhook.send_due_alerts(app_database, url, datetime.now(UTC)) == (0, 0)
    assert messages == []


def test_the_sensors_tick_twice_and_say_it_once(
    app_database: Connection, app_database_url: str, monkeypatch: pytest.MonkeyPatch
):
    add_run(app_database, "run-1", "failed", ended=datetime.now(UTC))
    monkeypatch.setattr(watch, "database_url", lambda _: app_database_url)
    with slack() as (url, messages), DagsterInstance.ephemeral() as instance:
        settings = Settings(MATCHME_ALERT_WEBHOOK_URL=url)
        monkeypatch.setattr(watch, "process_settings", lambda: settings)
        cursor = None
        said = []
        for _ in range(2):
            context = build_sensor_context(instance=instance, cursor=cursor)
            said.append(watch.watch_weeks(context).skip_message)
            cursor = context.cursor
            said.append(watch.tell_alerts(build_sensor_context(instance=instance)).skip_message)
    assert said == ["1 new alerts", "1 alerts sent, 0 not delivered", "0 new alerts", "0 alerts sent, 0 not delivered"]
    assert len(messages) == 1
    assert cursor is not None


def test_a_webhook_that_is_no_address_is_refused_without_showing_it():
    with pytest.raises(ConfigurationError, match="MATCHME_ALERT_WEBHOOK_URL is wrong") as caught:
        load_settings(None, {"MATCHME_ALERT_WEBHOOK_URL": "hooks.example/secret"})
    assert "secret" not in str(caught.value)


def test_an_alert_that_no_budget_called_for_names_its_week():
    assert alerts.week_given_up(WEEK, 3).text.startswith("3 runs of it failed")
