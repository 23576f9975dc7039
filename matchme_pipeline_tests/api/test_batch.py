"""Administrators' endpoints: start once, page through, retry once, cancel."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from uuid import uuid4

import pytest
from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from matchme_pipeline.api.batch_control import weeks_of
from matchme_pipeline.api.models import TriggerRequest
from matchme_pipeline.api.problems import ProblemError
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.operations.run_ids import history_id
from matchme_pipeline_tests.api.conftest import ADMIN, MEMBER, Api
from matchme_pipeline_tests.api.test_rights import failed_job

TRIGGER = "/api/batch/trigger"
MONDAY = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_the_same_request_twice_starts_one_run(api: Api):
    first = api.post(TRIGGER, ADMIN, json={"week": "2026-01-04"})
    again = api.post(TRIGGER, ADMIN, json={"week": "2026-01-04"})
    assert (first.status_code, again.status_code) == (202, 200)
    (run,), (same,) = first.json()["runs"], again.json()["runs"]
    assert (run["started"], same["started"]) == (True, False)
    assert run["dagster_run_id"] == same["dagster_run_id"]
    assert run["history_id"] == str(history_id(run["dagster_run_id"]))
    assert api.launch_all() == [("weekly_full", "2026-01-04")]


def test_many_requests_at_once_start_one_run(api: Api):
    def ask(_: int) -> str:
        return str(api.post(TRIGGER, ADMIN, json={"week": "2026-01-11"}).json()["runs"][0]["dagster_run_id"])

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(24)))) == 1
    assert len(api.launch_all()) == 1


def test_a_run_that_dagster_has_already_is_answered_with(api: Api):
    unfinished = create_run_for_test(
        api.service.dagster._instance,
        job_name="weekly_batch",
        tags={"dagster/partition": "2026-01-18"},
        status=DagsterRunStatus.STARTED,
    )
    answer = api.post(TRIGGER, ADMIN, json={"week": "2026-01-18"})
    assert answer.json()["runs"][0]["dagster_run_id"] == unfinished.run_id
    assert api.launch_all() == []


def test_a_range_starts_its_weeks_oldest_first_and_says_that_no_daemon_is_running(api: Api):
    answer = api.post(TRIGGER, ADMIN, json={"from_week": "2026-01-04", "to_week": "2026-01-18"})
    assert [run["week"] for run in answer.json()["runs"]] == ["2026-01-04", "2026-01-11", "2026-01-18"]
    assert "No Dagster daemon" in answer.json()["notes"][0]
    run_id = answer.json()["runs"][0]["dagster_run_id"]
    assert api.get(f"/api/batch/runs/{run_id}", ADMIN).json()["state"] == "launching"
    assert [week for _, week in api.launch_all()] == ["2026-01-04", "2026-01-11", "2026-01-18"]
    assert api.get(f"/api/batch/runs/{run_id}", ADMIN).json()["state"] == "launched"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"week": "2026-01-05"}, "Monday"),
        ({"week": "2025-12-28"}, "first week"),
        ({"week": "2099-01-04"}, "has not started"),
        ({"week": "soon"}, "body.week"),
        ({"from_week": "2026-01-04"}, "go together"),
        ({"from_week": "2026-01-11", "to_week": "2026-01-04"}, "swap them"),
        ({"from_week": "2026-01-04", "to_week": "2026-11-01"}, "26 weeks at most"),
        ({"from_week": "2026-01-04", "to_week": "2026-01-12"}, "Monday"),
        ({"week": "2026-01-04", "from_week": "2026-01-04", "to_week": "2026-01-04"}, "name either"),
        ({"run_type": "everything"}, "body.run_type"),
        ({"weeks": 3}, "body.weeks"),
    ],
)
def test_weeks_that_cannot_be_materialised_are_refused(api: Api, body: dict[str, object], says: str):
    answer = api.post(TRIGGER, ADMIN, json=body)
    assert answer.status_code == 422
    assert says in answer.json()["detail"]
    assert api.launch_all() == []


def test_without_a_week_the_newest_closed_one_is_meant_and_the_daily_run_means_the_open_one():
    def weeks(**given: object) -> list[date]:
        return [week.sunday for week in weeks_of(TriggerRequest(**given), date(2026, 11, 1), MONDAY)]  # type: ignore[arg-type]

    assert weeks() == [date(2026, 11, 15)]
    assert weeks(run_type="daily_incremental") == [date(2026, 11, 22)]
    with pytest.raises(ProblemError, match="is not over"):
        weeks(week=date(2026, 11, 22))


def add_runs(connection: Connection, count: int) -> None:
    connection.execute(
        """
        insert into batch_run_history (run_type, dagster_run_id, week, status, started_at, cost_usd, tokens_used)
        select 'weekly_full', 'run-' || n, '2026-01-04', case when n %% 2 = 0 then 'completed' else 'failed' end,
            '2026-01-11 02:00+00'::timestamptz + (n / 3) * interval '1 minute', 0.5, 100
        from generate_series(1, %s) n
        """,
        [count],
    )


def test_the_history_is_paged_without_gap_or_repetition(api: Api, database: Connection):
    add_runs(database, 25)
    seen: list[str] = []
    cursor = ""
    while True:
        page = api.get(f"/api/batch/history?limit=7{cursor}", ADMIN).json()
        seen += [run["dagster_run_id"] for run in page["runs"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(seen) == len(set(seen)) == 25
    failed = api.get("/api/batch/history?status=failed&limit=100", ADMIN).json()["runs"]
    assert len(failed) == 13


@pytest.mark.parametrize("cursor", ["x", "' or 1=1 --", "W10", "bnVsbA", "WyIyMDI2LTAxLTAxIiwgIngiXQ", "=" * 50, "%00"])
def test_a_cursor_of_ones_own_making_is_refused(api: Api, cursor: str):
    assert api.client.get("/api/batch/history", params={"cursor": cursor}, headers=api.bearer(ADMIN)).status_code == 422


def test_status_shows_the_run_at_work_and_hides_cost_from_members(api: Api, database: Connection):
    add_runs(database, 4)
    database.execute("update batch_run_history set status = 'running', total_jobs = 9 where dagster_run_id = 'run-3'")
    failed_job(database, MEMBER)
    for_member = api.get("/api/batch/status", MEMBER).json()
    assert for_member["current_run"]["total_jobs"] == 9
    assert for_member["queue"]["failed"] == 1
    assert for_member["current_run"]["cost_usd"] is None
    assert float(api.get("/api/batch/status", ADMIN).json()["current_run"]["cost_usd"]) == 0.5


def test_many_retries_of_one_job_at_once_do_it_once(api: Api, database: Connection):
    job = failed_job(database, MEMBER)

    def press(_: int) -> int:
        return int(api.post(f"/api/batch/retry/{job}", ADMIN).status_code)

    with ThreadPoolExecutor(32) as pool:
        statuses = list(pool.map(press, range(200)))
    assert (statuses.count(200), statuses.count(409)) == (1, 199)


def test_only_failed_jobs_are_retried_and_the_answer_says_so(api: Api, database: Connection):
    job = failed_job(database, MEMBER)
    database.execute("update batch_processing_queue set status = 'completed'")
    answer = api.post(f"/api/batch/retry/{job}", ADMIN)
    assert answer.status_code == 409
    assert "is completed; only failed jobs can be retried" in answer.json()["detail"]
    assert api.post(f"/api/batch/retry/{uuid4()}", ADMIN).status_code == 404


def test_a_member_sees_that_a_job_failed_but_not_the_reason(api: Api, database: Connection):
    failed_job(database, MEMBER)
    (seen,) = api.get(f"/api/batch/queue/{MEMBER}", MEMBER).json()["jobs"]
    (full,) = api.get(f"/api/batch/queue/{MEMBER}", ADMIN).json()["jobs"]
    assert (full["last_error"], "broke" in seen["last_error"]) == ("it broke", False)


def test_a_queued_run_is_cancelled_and_one_that_is_over_is_not(api: Api):
    instance = api.service.dagster._instance
    over = create_run_for_test(instance, job_name="weekly_batch", status=DagsterRunStatus.SUCCESS)
    answer = api.post(f"/api/batch/runs/{over.run_id}/cancel", ADMIN)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:matchme:problem:run-is-over")
    assert api.post(f"/api/batch/runs/{uuid4()}/cancel", ADMIN).status_code == 404
