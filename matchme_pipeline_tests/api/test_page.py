"""The operations page in a real browser, on a phone and on a desk; skipped where there is no Chromium."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import uvicorn
from dagster import DagsterInstance

from matchme_pipeline.api.app import create_app
from matchme_pipeline.api.identity.local_key import mint
from matchme_pipeline.api.service import open_service
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.operations.alerts import Alert, AlertKind, record_alert
from matchme_pipeline.settings import Settings
from matchme_pipeline_tests.api.browser import CHROMIUM, Tab, open_tab
from matchme_pipeline_tests.api.conftest import ADMIN, MEMBER, RecordedLaunches
from matchme_pipeline_tests.api.test_rights import failed_job

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium here: apt-get install chromium, then run this again"
)
SIZES = {"phone": (360, 740, True), "desk": (1280, 900, False)}
LONG_ERROR = "the model's answer was no JSON: " + "x" * 400


@pytest.fixture
def database(finished_url: str) -> Iterator[Connection]:
    with connect(finished_url, vectors=False) as connection:
        yield connection


@pytest.fixture
def local_settings(tmp_path: Path) -> Settings:
    return Settings(MATCHME_HOME=tmp_path, MATCHME_FIRST_WEEK="2026-01-04", ADMIN_USER_IDS=ADMIN)


@contextmanager
def served(settings: Settings, url: str) -> Iterator[str]:
    """The API as a browser meets it: over a socket."""
    with DagsterInstance.ephemeral() as instance:
        service = open_service(settings, url, RecordedLaunches(instance))
        server = uvicorn.Server(uvicorn.Config(create_app(service), port=0, log_level="error", access_log=False))
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            while not server.started:
                time.sleep(0.02)
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.mark.parametrize("size", SIZES)
def test_an_administrator_signs_in_reads_and_retries(
    size: str, finished_url: str, database: Connection, local_settings: Settings, tmp_path: Path
):
    width, height, is_phone = SIZES[size]
    job, other = failed_job(database, MEMBER), failed_job(database, MEMBER)
    database.execute("update batch_processing_queue set last_error = %s where id = %s", [LONG_ERROR, other])
    database.execute(
        "insert into batch_run_history (run_type, dagster_run_id, week, status, total_jobs, completed_jobs) "
        "values ('weekly_full', 'f0a2b9f4-0b3e-4a51-8f70-7d2f4f5b2a10', '2026-02-08', 'running', 1830, 912)"
    )
    with served(local_settings, finished_url) as address, open_tab(tmp_path) as tab:
        tab.open(address, width, height, is_phone=is_phone)
        assert "Session token of an administrator" in tab.text()
        assert_fits(tab)
        tab.picture(tmp_path / f"{size}-sign-in.png")
        tab.ask(f"document.querySelector('#token').value = '{mint(local_settings, ADMIN, 1)}'")
        tab.press("main button")
        for expected in ("912 of 1,830 jobs", "it broke", "Last weeks", "2026-01-18"):
            assert expected in tab.text()
        assert_fits(tab)
        assert_no_other_script(tab)
        tab.picture(tmp_path / f"{size}.png")
        tab.press(f"form[action='/page/retry/{job}'] button")
        assert "it broke" not in tab.text()
        assert database.execute("select status from batch_processing_queue where id = %s", [job]).fetchone() == (
            "retry",
        )
        tab.press(f"form[action='/page/discard/{other}'] button")
        assert "None." in tab.text()
        tab.press("header button")
        assert "Session token of an administrator" in tab.text()


def test_the_page_renews_itself_and_keeps_the_readers_place(
    finished_url: str, database: Connection, local_settings: Settings, tmp_path: Path
):
    jobs = [failed_job(database, MEMBER) for _ in range(3)]
    with served(local_settings, finished_url) as address, open_tab(tmp_path) as tab:
        sign_in(tab, address, local_settings, "phone")
        focused = f"form[action='/page/discard/{jobs[0]}'] button"
        tab.ask(f"document.querySelector(\"{focused}\").focus(); document.querySelector('#failures').scrollIntoView()")
        tab.ask("window.weeks = document.querySelector('#weeks')")
        before = tab.ask("document.querySelector('#failures').getBoundingClientRect().top")
        # Something appears above what is being read, and something there is done by somebody else.
        alert = Alert(AlertKind.RUN_FAILED, str(uuid4()), "A run failed", "Why", None, None)
        record_alert(database, alert)
        database.execute("update batch_processing_queue set status = 'completed' where id = %s", [jobs[2]])
        tab.ask("renew()")
        tab.wait_for("document.querySelector('#alerts')")
        assert "A run failed" in tab.text()
        assert tab.ask(f"document.querySelector(\"form[action='/page/discard/{jobs[2]}']\")") is None
        moved = tab.ask("document.querySelector('#failures').getBoundingClientRect().top") - before
        assert abs(moved) < 2
        assert tab.ask("document.activeElement.closest('form').getAttribute('action')") == f"/page/discard/{jobs[0]}"
        # What has not changed is the same element: a screen reader does not read it again.
        assert tab.ask("window.weeks === document.querySelector('#weeks')")
        # A session that has ended says so in place of figures that grow old.
        database.execute("delete from api_page_sessions")
        tab.ask("renew()")
        tab.wait_for("!document.querySelector('#stale').hidden")


def sign_in(tab: Tab, address: str, settings: Settings, size: str) -> None:
    width, height, is_phone = SIZES[size]
    tab.open(address, width, height, is_phone=is_phone)
    tab.ask(f"document.querySelector('#token').value = '{mint(settings, ADMIN, 1)}'")
    tab.press("main button")


def assert_fits(tab: Tab) -> None:
    """Nothing is cut off at the side, and every button is large enough for a thumb."""
    assert tab.ask("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    small = tab.ask(
        """
        [...document.querySelectorAll('button, textarea, .button')]
            .map(one => [one.innerText, one.getBoundingClientRect()])
            .filter(([_, box]) => box.height < 44 || box.left < 0 || box.right > document.documentElement.clientWidth)
            .map(([text, box]) => `${text} ${box.left} ${box.right} ${box.height}`)
        """
    )
    assert small == []
    outside = tab.ask(
        """
        [...document.querySelectorAll('main *')]
            .filter(one => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0)
            .map(one => one.outerHTML.slice(0, 100))
        """
    )
    assert outside == []


def assert_no_other_script(tab: Tab) -> None:
    assert tab.ask("[...document.scripts].map(one => new URL(one.src).pathname)") == ["/page.js"]
