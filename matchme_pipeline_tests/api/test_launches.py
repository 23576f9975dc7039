"""Runs on their way to Dagster: none is lost or doubled, whatever process is ended in the middle."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from matchme_pipeline.api import dagster_runs
from matchme_pipeline.api.dagster_runs import DagsterRuns, LaunchError
from matchme_pipeline.api.launches import Launches
from matchme_pipeline.api.queries import triggers
from matchme_pipeline.api.queries.triggers import Trigger
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.week import Week
from matchme_pipeline_tests.api.conftest import ADMIN, MEMBER, Api

TRIGGER = "/api/batch/trigger"
WEEK = {"week": "2026-01-04"}


def triggered(api: Api, **body: str) -> str:
    return str(api.post(TRIGGER, ADMIN, json=body or WEEK).json()["runs"][0]["dagster_run_id"])


def state(api: Api, run_id: str) -> tuple[str, str | None]:
    found = api.get(f"/api/batch/runs/{run_id}", ADMIN).json()
    return found["state"], found["error"]


def test_what_a_killed_process_was_launching_is_taken_up_when_its_lease_is_over(api: Api, database: Connection):
    run_id = triggered(api)
    assert triggers.claim(database, 60) is not None
    assert api.launch_all() == []
    assert api.post(TRIGGER, ADMIN, json=WEEK).json()["runs"][0]["dagster_run_id"] == run_id
    database.execute("update api_triggers set lease_until = now() - interval '1 second'")
    assert api.launch_all() == [("weekly_full", "2026-01-04")]
    assert state(api, run_id) == ("launched", None)


def test_a_launch_that_had_arrived_before_its_process_was_killed_is_not_repeated(api: Api):
    run_id = triggered(api)
    dagster_has(api, run_id, DagsterRunStatus.STARTED)
    assert api.launch_all() == []
    assert state(api, run_id) == ("started", None)


def test_a_launch_that_was_broken_off_half_way_is_made_anew_under_its_id(api: Api):
    run_id = triggered(api)
    dagster_has(api, run_id, DagsterRunStatus.NOT_STARTED)
    assert state(api, run_id) == ("launching", None)
    assert api.launch_all() == [("weekly_full", "2026-01-04")]
    assert api.service.dagster.state(run_id).status is None


def test_runs_reach_dagster_one_after_the_other(api: Api, database: Connection):
    triggered(api, from_week="2026-01-04", to_week="2026-01-11")
    assert triggers.claim(database, 60) is not None
    assert triggers.claim(database, 60) is None


def test_a_run_that_dagster_refuses_says_why_and_may_be_asked_for_again(api: Api, monkeypatch: pytest.MonkeyPatch):
    def refuse(trigger: Trigger, renew_lease: Callable[[], None]) -> None:
        raise LaunchError("DagsterInvalidSubsetError: no such job")

    run_id = triggered(api)
    with monkeypatch.context() as patched:
        patched.setattr(api.service.dagster, "launch", refuse)
        assert api.launch_all() == []
    assert state(api, run_id) == ("failed", "DagsterInvalidSubsetError: no such job")
    assert triggered(api) != run_id


def test_a_run_that_nobody_has_begun_to_launch_is_cancelled_on_the_spot(api: Api, database: Connection):
    run_id = triggered(api)
    assert api.post(f"/api/batch/runs/{run_id}/cancel", ADMIN).status_code == 202
    assert api.launch_all() == []
    assert state(api, run_id)[0] == "failed"
    second = triggered(api)
    assert triggers.claim(database, 60) is not None
    refused = api.post(f"/api/batch/runs/{second}/cancel", ADMIN)
    assert (refused.status_code, "in a few seconds" in refused.json()["detail"]) == (409, True)


def test_a_run_in_somebodys_own_process_is_left_alone(api: Api):
    own = dagster_has(api, "2a6e0804-2bd0-4672-b79d-d97027f90711", DagsterRunStatus.STARTED)
    refused = api.post(f"/api/batch/runs/{own}/cancel", ADMIN)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:matchme:problem:out-of-reach")
    assert api.service.dagster.state(own).status == "started"


def test_while_dagsters_storage_is_away_nothing_is_half_started_and_the_rest_works(
    api: Api, database: Connection, monkeypatch: pytest.MonkeyPatch
):
    def away(*_: object, **__: object) -> None:
        raise psycopg2.OperationalError("connection refused")

    for name in ("get_runs", "get_run_by_id", "get_runs_count", "get_daemon_statuses"):
        monkeypatch.setattr(DagsterInstance, name, away)
    refused = api.post(TRIGGER, ADMIN, json={"from_week": "2026-01-04", "to_week": "2026-01-18"})
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:matchme:problem:dagster-unavailable")
    assert "connection refused" not in refused.text
    assert database.execute("select count(*) from api_triggers").fetchone() == (0,)
    status = api.get("/api/batch/status", ADMIN)
    assert (status.status_code, status.json()["queued_runs"]) == (200, None)
    assert "Dagster's storage does not answer" in status.json()["notes"][0]
    assert api.get("/api/batch/status", MEMBER).json()["notes"] == []
    assert api.get("/api/batch/history", ADMIN).status_code == 200


def test_a_run_that_dagster_knows_to_be_over_is_not_the_current_one(api: Api, database: Connection):
    over = dagster_has(api, "3a6e0804-2bd0-4672-b79d-d97027f90711", DagsterRunStatus.CANCELED)
    database.execute(
        "insert into batch_run_history (run_type, dagster_run_id, status) values ('weekly_full', %s, 'running')", [over]
    )
    assert api.get("/api/batch/status", ADMIN).json()["current_run"] is None


def test_the_command_that_launches_is_dagsters_own_and_says_why_it_failed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    asked: list[list[str]] = []
    popen = subprocess.Popen

    def instead(command: list[str], **given: object) -> object:
        asked.append(command)
        script = "import sys; sys.exit('dagster._core.errors.DagsterHomeNotSetError: set DAGSTER_HOME')"
        return popen([sys.executable, "-c", script], **given)  # type: ignore[call-overload]

    monkeypatch.setattr(dagster_runs.subprocess, "Popen", instead)
    with DagsterInstance.ephemeral() as instance, pytest.raises(LaunchError, match="set DAGSTER_HOME"):
        DagsterRuns(instance).launch(trigger_of("2026-01-04"), lambda: None)
    assert asked[0][1:5] == ["-m", "dagster", "job", "launch"]
    assert "weekly_batch" in asked[0]


def test_a_launch_is_broken_off_when_the_service_ends(api: Api, database: Connection, monkeypatch: pytest.MonkeyPatch):
    popen = subprocess.Popen
    dagster = DagsterRuns(api.service.dagster._instance)
    launches = Launches(api.service.connection, dagster)

    def instead(command: list[str], **given: object) -> object:
        launches._ended = True
        dagster.break_off()
        return popen([sys.executable, "-c", "import time; time.sleep(60)"], **given)  # type: ignore[call-overload]

    monkeypatch.setattr(dagster_runs.subprocess, "Popen", instead)
    run_id = triggered(api)
    assert launches.launch_next() is False
    # Whoever comes next takes it up at once.
    assert database.execute("select state, lease_until from api_triggers").fetchone() == ("launching", None)
    assert state(api, run_id) == ("launching", None)


def dagster_has(api: Api, run_id: str, status: DagsterRunStatus) -> str:
    tags = {"dagster/partition": "2026-01-04"}
    instance = api.service.dagster._instance
    create_run_for_test(instance, run_id=run_id, job_name="weekly_batch", tags=tags, status=status)
    return run_id


def trigger_of(week: str) -> Trigger:
    return Trigger("8a6e0804-2bd0-4672-b79d-d97027f9071a", "weekly_full", Week.parse(week).sunday, ADMIN)
