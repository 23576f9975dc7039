"""Three Sundays on the operations page in a real browser: all well, a stage failed for good, the budget ended late."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from matchme_pipeline.api.page.figures import group_failures
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.jobs.dead_letters import dead_letters
from matchme_pipeline.operations.alerts import Alert, AlertKind, record_alert
from matchme_pipeline.operations.report.queries import save_report
from matchme_pipeline.settings import Settings
from matchme_pipeline.week import Week
from matchme_pipeline_tests.api.browser import CHROMIUM, Tab, open_tab
from matchme_pipeline_tests.api.conftest import ADMIN
from matchme_pipeline_tests.api.test_page import SIZES, assert_fits, assert_no_other_script, served, sign_in
from matchme_pipeline_tests.operations.test_report import made

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium here: apt-get install chromium, then run this again"
)
NEWEST = Week.last_closed(datetime.now(UTC))
KEY_REFUSED = "The API refuses the key (HTTP 401). Correct OPENAI_API_KEY in the environment or .env."


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        MATCHME_HOME=tmp_path,
        MATCHME_FIRST_WEEK=NEWEST.previous.key,
        ADMIN_USER_IDS=ADMIN,
        MATCHME_DAGSTER_URL="https://dagster.example",
    )


def add_run(connection: Connection, week: Week, status: str, hours: float, error: str = "", stop: str = "") -> str:
    run_id = str(uuid4())
    connection.execute(
        """
        insert into batch_run_history (run_type, dagster_run_id, week, status, publishes_matches, started_at,
            completed_at, duration_seconds, error_log, metadata)
        values ('weekly_full', %s, %s, %s, true, %s, %s, %s, %s, %s)
        """,
        [
            run_id,
            week.sunday,
            status,
            week.cutoff,
            week.cutoff + timedelta(hours=hours),
            hours * 3600,
            json.dumps([{"error": error}] if error else []),
            json.dumps({"stopped_by": stop}),
        ],
    )
    return run_id


def add_failed_jobs(connection: Connection, jobs: int, error: str) -> None:
    connection.execute(
        """
        insert into batch_processing_queue (user_id, job_type, subject, week, status, attempts, last_error)
        select 'user_' || n, 'content_analysis', %s || n, %s, 'failed', 3, %s from generate_series(1, %s) n
        """,
        [error, NEWEST.sunday, error, jobs],
    )


@contextmanager
def page(settings: Settings, url: str, home: Path, size: str) -> Iterator[Tab]:
    with served(settings, url) as address, open_tab(home) as tab:
        sign_in(tab, address, settings, size)
        assert_fits(tab)
        assert_no_other_script(tab)
        tab.picture(home / f"{size}.png")
        # The answer is on the first screen.
        assert tab.ask("document.querySelector('#assessment .big').getBoundingClientRect().bottom < innerHeight")
        yield tab


@pytest.mark.parametrize("size", SIZES)
def test_all_is_well(app_database: Connection, app_database_url: str, settings: Settings, tmp_path: Path, size: str):
    for week in (NEWEST.previous, NEWEST):
        add_run(app_database, week, "completed", 1)
    save_report(app_database, NEWEST.sunday, made(week=NEWEST.key, tiers=[("Rare", 3)]).as_json())
    with page(settings, app_database_url, tmp_path, size) as tab:
        assert f"Yes: week {NEWEST.key} is finished, 4 h 00 min before it was due." in tab.text()
        for absent in ("Missing weeks", "Alerts"):
            assert absent not in tab.text()
        tab.press(f"a[href='/report/{NEWEST.key}']")
        assert "before members open the app" in tab.text()
        # Its own styles and pictures load under the page's policy.
        assert tab.ask("[...document.images].every(one => one.complete && one.naturalWidth > 0)")
        assert tab.ask("document.images.length") == 6
        assert tab.ask("getComputedStyle(document.body).maxWidth") == "1024px"
        assert tab.ask("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize("size", SIZES)
def test_a_stage_failed_for_good(
    app_database: Connection, app_database_url: str, settings: Settings, tmp_path: Path, size: str
):
    add_run(app_database, NEWEST.previous, "completed", 1)
    run_id = add_run(app_database, NEWEST, "failed", 0.2, KEY_REFUSED)
    for number in range(2):
        alert = Alert(AlertKind.RUN_FAILED, f"{run_id}-{number}", "The run failed", "Why", NEWEST.sunday, run_id)
        record_alert(app_database, alert)
    with page(settings, app_database_url, tmp_path, size) as tab:
        text = tab.text()
        assert f"No: week {NEWEST.key} failed (key refused)." in text
        assert "Correct the API key" in text
        assert "The run failed (2 times)" in text
        assert f"https://dagster.example/runs/{run_id}" in tab.ask("document.body.innerHTML")
        tab.press("#alerts button")
        assert "The run failed (2 times)" not in tab.text()
        acknowledged = "select count(*) from pipeline_alerts where acknowledged_by = %s"
        assert app_database.execute(acknowledged, [ADMIN]).fetchone() == (2,)
        # By keyboard: the button that is focused says which week it materialises.
        tab.ask("document.querySelector('#missing button').focus()")
        assert tab.ask("document.activeElement.getAttribute('aria-label')") == f"Materialise week {NEWEST.key}"
        tab.press("#missing button")
        asked = app_database.execute("select run_type, week, requested_by from api_triggers").fetchall()
        assert asked == [("weekly_full", NEWEST.sunday, ADMIN)]


@pytest.mark.parametrize("size", SIZES)
def test_the_budget_ended_and_the_deadline_passed(
    app_database: Connection, app_database_url: str, settings: Settings, tmp_path: Path, size: str
):
    add_run(app_database, NEWEST.previous, "completed", 1)
    add_run(app_database, NEWEST, "completed", 7, stop="The budget of 5.00 USD is spent.")
    add_failed_jobs(app_database, 300, "http_503")
    add_failed_jobs(app_database, 39, "the model refused: content_filter")
    with page(settings, app_database_url, tmp_path, size) as tab:
        text = tab.text()
        assert "2 h 00 min after it was due" in text
        assert "The budget of 5.00 USD is spent. Raise MATCHME_WEEKLY_BUDGET_USD" in text
        assert "339 jobs have failed all attempts" in text
        groups = tab.ask("[...document.querySelectorAll('#failures > ul > li > p:first-child')].map(p => p.innerText)")
        assert [group.split(" · week")[0] for group in groups] == [
            "300 content analysis · provider trouble",
            "39 content analysis · model refused",
        ]
        tab.press("form[action^='/page/retry-alike/'] button")
        tab.press("form[action^='/page/discard-alike/'] button")
        assert "None." in tab.text()
    states = dict(app_database.execute("select status, count(*) from batch_processing_queue group by 1").fetchall())
    assert states == {"retry": 300, "completed": 39}


def test_failures_are_grouped_by_type_week_and_cause(app_database: Connection):
    add_failed_jobs(app_database, 5, "http_500")
    add_failed_jobs(app_database, 2, "http_502")
    add_failed_jobs(app_database, 1, KEY_REFUSED)
    groups = group_failures(dead_letters(app_database, 100))
    assert [(group.cause.name, group.count, len(group.jobs)) for group in groups] == [
        ("key refused", 1, 1),
        ("provider trouble", 7, 3),
    ]
