"""The operator's commands: what waits and why, the dead-letter shelf, what is missing, forgetting at once."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.jobs import queries
from matchme_pipeline.jobs.model import JobRequest, JobType
from matchme_pipeline.operations import alerts
from matchme_pipeline.operations.alerts import Alert, AlertKind
from matchme_pipeline.week import Week
from matchme_pipeline_tests.cli.test_errors import fails_with, matchme
from matchme_pipeline_tests.openai_server import FakeOpenAI

WEEK, NEXT = date(2026, 1, 11), date(2026, 1, 18)


@pytest.fixture
def shelf(app_database: Connection) -> Connection:
    """Three failed analyses of one week, a failed vector of another, and one job that waits."""
    for job_type, week, users in (
        (JobType.CONTENT_ANALYSIS, WEEK, ("user_a", "user_b", "user_c")),
        (JobType.EMBEDDING_UPDATE, NEXT, ("user_a",)),
    ):
        queries.enqueue(app_database, job_type, week, [JobRequest(user, user, "f") for user in users])
        claimed = queries.claim(app_database, job_type, week, 10, "run")
        queries.fail(app_database, dict.fromkeys(claimed, "the answer was cut off"), retryable=False)
    queries.enqueue(app_database, JobType.CONTENT_ANALYSIS, NEXT, [JobRequest("user_a", "user_a", "f")])
    return app_database


def answer(url: str, cwd: Path, *arguments: str) -> Any:
    result = matchme(*arguments, "--json", cwd=cwd, MATCHME_DATABASE_URL=url, MATCHME_FIRST_WEEK="2026-01-04")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def statuses(connection: Connection) -> dict[str, int]:
    return dict(connection.execute("select status, count(*) from batch_processing_queue group by 1").fetchall())


def test_the_shelf_is_listed_by_type_week_and_member(shelf: Connection, app_database_url: str, tmp_path: Path):
    everything = answer(app_database_url, tmp_path, "jobs", "list")
    assert {job["status"] for job in everything} == {"failed"}
    assert {job["last_error"] for job in everything} == {"the answer was cut off"}
    assert len(everything) == 4
    of_one = answer(app_database_url, tmp_path, "jobs", "list", "--user", "user_a", "--type", "content_analysis")
    assert [(job["user_id"], job["week"]) for job in of_one] == [("user_a", "2026-01-11")]
    assert len(answer(app_database_url, tmp_path, "jobs", "list", "--week", "2026-01-18")) == 1
    assert len(answer(app_database_url, tmp_path, "jobs", "list", "--status", "pending")) == 1


def test_failed_jobs_are_retried_by_id_and_by_filter(shelf: Connection, app_database_url: str, tmp_path: Path):
    first, *_ = answer(app_database_url, tmp_path, "jobs", "list", "--user", "user_b")
    assert answer(app_database_url, tmp_path, "jobs", "retry", first["id"])["retried"] == [first["id"]]
    assert len(answer(app_database_url, tmp_path, "jobs", "retry", "--week", "2026-01-11")["retried"]) == 2
    assert statuses(shelf) == {"retry": 3, "failed": 1, "pending": 1}
    claimed = queries.claim(shelf, JobType.CONTENT_ANALYSIS, WEEK, 10, "run")
    assert [(job.user_id, job.attempts) for job in claimed] == [("user_a", 1), ("user_b", 1), ("user_c", 1)]


def test_failed_jobs_are_discarded_for_good(shelf: Connection, app_database_url: str, tmp_path: Path):
    assert len(answer(app_database_url, tmp_path, "jobs", "discard", "--all")["discarded"]) == 4
    assert statuses(shelf) == {"completed": 4, "pending": 1}
    assert answer(app_database_url, tmp_path, "jobs", "list") == []


@pytest.mark.parametrize("verb", ["retry", "discard"])
def test_jobs_that_have_not_failed_are_named_and_left_alone(
    shelf: Connection, app_database_url: str, tmp_path: Path, verb: str
):
    (waiting,) = shelf.execute("select id::text from batch_processing_queue where status = 'pending'").fetchone() or (
        "",
    )
    nobody = "00000000-0000-0000-0000-000000000000"
    result = matchme("jobs", verb, waiting, nobody, cwd=tmp_path, MATCHME_DATABASE_URL=app_database_url)
    fails_with(result, f"{waiting} (pending)", f"{nobody} (no such job)")
    fails_with(matchme("jobs", verb, cwd=tmp_path, MATCHME_DATABASE_URL=app_database_url), "--type", "--all", code=2)
    assert statuses(shelf) == {"failed": 4, "pending": 1}


def test_status_tells_runs_missing_weeks_queue_and_alerts(shelf: Connection, app_database_url: str, tmp_path: Path):
    alerts.record_alert(shelf, Alert(AlertKind.WEEK_LATE, "2026-01-11", "week 2026-01-11 is not finished", "text"))
    shelf.execute(
        "insert into batch_run_history (run_type, week, status, dagster_run_id, publishes_matches) "
        "values ('weekly_full', %s, 'completed', 'finished', true), ('manual', null, 'running', 'at-work', false)",
        [WEEK],
    )
    found = answer(app_database_url, tmp_path, "status")
    assert {run["dagster_run_id"] for run in found["runs"]} == {"finished", "at-work"}
    assert found["missing_weeks"][:2] == ["2026-01-04", "2026-01-18"]
    analysis, _ = found["queue"]
    assert (analysis["pending"], analysis["failed"], analysis["completed"]) == (1, 3, 0)
    assert [alert["kind"] for alert in found["alerts"]] == ["week_late"]
    table = matchme("status", cwd=tmp_path, MATCHME_DATABASE_URL=app_database_url, MATCHME_FIRST_WEEK="2026-01-04")
    for words in (
        "matchme cancel at-work",
        "closed weeks are not materialised",
        "matchme jobs list",
        "is not finished",
    ):
        assert words in table.stdout


def test_status_of_an_empty_database_shows_no_empty_tables(app_database_url: str, tmp_path: Path):
    given = {"MATCHME_DATABASE_URL": app_database_url, "MATCHME_FIRST_WEEK": "2026-01-04", "COLUMNS": "80"}
    told = matchme("status", cwd=tmp_path, **given).stdout
    assert "no runs yet" in told
    assert "no jobs in the queue" in told
    newest = Week.last_closed(datetime.now(UTC)).key
    assert f"matchme run --from 2026-01-04 --to {newest} --only-missing materialises them" in " ".join(told.split())


def test_the_first_line_of_status_answers_and_the_exit_status_says_the_same(
    shelf: Connection, app_database_url: str, tmp_path: Path
):
    given = {"MATCHME_DATABASE_URL": app_database_url, "MATCHME_FIRST_WEEK": "2026-01-04", "COLUMNS": "80"}
    asleep = matchme("status", cwd=tmp_path, **given)
    assert asleep.returncode == 1
    assert asleep.stdout.startswith("No: week ")
    run_id, newest = "0f9a3c51-6d6e-4b3a-9d0e-1c2b3a4d5e6f", Week.last_closed(datetime.now(UTC))
    shelf.execute(
        "insert into batch_run_history (run_type, week, status, dagster_run_id, publishes_matches, started_at, "
        "completed_at) values ('weekly_full', %s, 'completed', %s, true, %s, %s)",
        [newest.sunday, run_id, newest.cutoff, newest.cutoff + timedelta(hours=1)],
    )
    fine = matchme("status", cwd=tmp_path, **given)
    assert (fine.returncode, fine.stderr) == (0, "")
    assert fine.stdout.startswith(f"Yes: week {newest.key} is finished, 4 h 00 min before it was due")
    assert run_id in fine.stdout
    jobs = matchme("jobs", "list", cwd=tmp_path, **given)
    for job in answer(app_database_url, tmp_path, "jobs", "list"):
        assert f"{job['id']}  {job['job_type']}" in jobs.stdout
    tables = [line for line in fine.stdout.splitlines() if run_id in line or "content_analysis" in line]
    assert tables
    assert max(map(len, tables)) <= 80


def test_what_is_deleted_in_the_app_is_forgotten_at_once(finished: Connection, finished_url: str, tmp_path: Path):
    (gone,) = finished.execute("select min(user_id) from weekly_matches").fetchone() or ("",)
    post, owner = finished.execute(
        "select p.id, p.clerk_user_id from posts p join insight_sources s on s.item_id = p.id "
        "where p.clerk_user_id <> %s order by 1 limit 1",
        [gone],
    ).fetchone() or ("", "")
    finished.execute("update profiles set deleted_at = now() where clerk_user_id = %s", [gone])
    finished.execute("update posts set deleted_at = now() where id = %s", [post])
    fails_with(matchme("forget", cwd=tmp_path, MATCHME_DATABASE_URL=finished_url), "--deleted", code=2)
    removed = answer(finished_url, tmp_path, "forget", "--deleted")
    assert removed["weekly_matches"] > 0
    assert removed["items_of_deleted_items"] == 1
    left = "select count(*) from weekly_matches where %(user)s in (user_id, match_user_id)"
    assert finished.execute(left, {"user": gone}).fetchone() == (0,)
    assert finished.execute("select count(*) from insight_sources where item_id = %s", [post]).fetchone() == (0,)
    assert finished.execute("select count(*) from content_items where user_id <> %s", [owner]).fetchone() != (0,)
    assert answer(finished_url, tmp_path, "forget", "--deleted") == {}


def test_a_run_is_cancelled_and_its_row_and_claims_say_so(small_url: str, tmp_path: Path):
    """The model answers nothing, so that the run is at work for as long as nobody ends it."""
    with FakeOpenAI(latency_seconds=60) as server, connect(small_url) as connection:
        environment = {
            "MATCHME_DATABASE_URL": small_url,
            "MATCHME_FIRST_WEEK": "2026-01-04",
            "MATCHME_LLM": "openai",
            "OPENAI_API_KEY": "sk-of-the-test",
            "OPENAI_BASE_URL": server.url,
            # A run that is cancelled waits for its calls; otherwise it would wait for half a minute.
            "MATCHME_LLM_TIMEOUT_SECONDS": "5",
        }
        with ThreadPoolExecutor(1) as pool:
            run = pool.submit(matchme, "run", "--week", "2026-01-04", cwd=tmp_path, **environment)
            until(lambda: len(server.requests) > 0)
            (run_id,) = connection.execute("select dagster_run_id from batch_run_history").fetchone() or ("",)
            assert matchme("cancel", run_id, cwd=tmp_path, **environment).returncode == 0
            ended = run.result()
        assert (ended.returncode, "interrupted" in ended.stderr) == (130, True)
        row = connection.execute("select status, error_log -> 0 ->> 'error' from batch_run_history").fetchone()
        assert row == ("cancelled", "interrupted by a person")
        assert set(statuses(connection)) == {"pending"}
        fails_with(matchme("cancel", "no-such-run", cwd=tmp_path, **environment), "no-such-run", "matchme status")


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
