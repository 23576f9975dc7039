"""Runs exclude each other, show that they live, and are closed truthfully whatever ended them."""

import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from dagster import (
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    EventLogEntry,
)
from dagster._core.errors import DagsterResourceFunctionError
from dagster._core.events import EngineEventData
from dagster._core.execution.plan.objects import StepFailureData, StepSuccessData
from dagster_shared.error import SerializableErrorInfo

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.definitions import defs
from matchme_pipeline.errors import RunDeclinedError
from matchme_pipeline.jobs import queries as jobs
from matchme_pipeline.jobs.model import JobRequest, JobType
from matchme_pipeline.operations import lost_runs, queries, recorded_database, run_locks, run_queries
from matchme_pipeline.operations.heartbeat import Heartbeat
from matchme_pipeline.operations.liveness import PROCESS_TAG, End, RunningRow, end_of, this_worker
from matchme_pipeline_tests.materialising import WEEKS, materialise

NOW = datetime(2026, 2, 1, 4, tzinfo=UTC)
ELSEWHERE = "another-machine:4711"
WEEK = WEEKS[0].sunday
_END_OF_STEP = {
    DagsterEventType.STEP_SUCCESS: StepSuccessData(duration_ms=1.0),
    DagsterEventType.STEP_FAILURE: StepFailureData(
        error=SerializableErrorInfo("the step failed", [], "Exception"), user_failure_data=None
    ),
}


def at_work(connection: Connection, run_id: str, week=WEEK, worker: str | None = None, publishes: bool = True) -> None:
    run_queries.insert_running(connection, run_id, "weekly_full", week, worker or this_worker(), publishes)


def statuses(connection: Connection) -> dict[str, str]:
    return dict(connection.execute("select dagster_run_id, status from batch_run_history").fetchall())


def dead_process() -> str:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return this_worker().rpartition(":")[0] + f":{process.pid}"


@pytest.mark.parametrize(
    ("status", "worker", "silent", "end"),
    [
        (DagsterRunStatus.SUCCESS, ELSEWHERE, timedelta(0), End("completed")),
        (DagsterRunStatus.CANCELED, None, timedelta(0), End("cancelled")),
        (DagsterRunStatus.STARTED, ELSEWHERE, timedelta(minutes=14), None),
        (None, ELSEWHERE, timedelta(minutes=14), None),
        (
            DagsterRunStatus.STARTED,
            ELSEWHERE,
            timedelta(minutes=16),
            End("failed", "no heartbeat since 2026-02-01 03:44 UTC"),
        ),
        (None, None, timedelta(minutes=16), End("failed", "no heartbeat since 2026-02-01 03:44 UTC")),
    ],
)
def test_a_run_is_judged_by_dagster_then_by_its_last_sign_of_life(status, worker, silent, end):
    row = RunningRow("run", WEEK, NOW - timedelta(hours=2), NOW - silent, worker, True)
    assert end_of(row, status, NOW) == end


def test_a_run_of_this_machine_is_judged_by_its_process():
    began, silent = datetime.now(UTC), timedelta(hours=1)
    alive = RunningRow("run", WEEK, began, began - silent, this_worker(), True)
    dead = RunningRow("run", WEEK, began, began, dead_process(), True)
    assert end_of(alive, DagsterRunStatus.STARTED, began) is None
    assert end_of(dead, DagsterRunStatus.STARTED, began) == End("failed", "the process that ran it is gone")


def test_a_second_run_of_a_week_declines_and_names_the_first(seeded_url: str):
    with connect(seeded_url) as connection, DagsterInstance.ephemeral() as instance:
        at_work(connection, "the-first", publishes=False)
        with pytest.raises(DagsterResourceFunctionError) as declined:
            materialise(seeded_url, WEEKS[0], "post_hashes", instance=instance)
        assert "Week 2026-01-04 is being materialised by run the-first" in str(declined.value.__cause__)
        assert statuses(connection) == {"the-first": "running"}
        assert connection.execute("select count(*) from content_items").fetchone() == (0,)
        assert materialise(seeded_url, WEEKS[1], "post_hashes", instance=instance).success


def test_weeks_publish_their_matches_one_after_another(app_database: Connection):
    at_work(app_database, "earlier")
    with DagsterInstance.ephemeral() as instance:
        with pytest.raises(RunDeclinedError, match="Run earlier is working on week 2026-01-04"):
            run_locks.require_free_week(app_database, instance, WEEKS[1].sunday, datetime.now(UTC))
        app_database.execute("update batch_run_history set publishes_matches = false")
        run_locks.require_free_week(app_database, instance, WEEKS[1].sunday, datetime.now(UTC))


def test_the_turn_of_a_dead_run_is_free_and_its_row_says_how_it_ended(app_database: Connection):
    at_work(app_database, "killed", worker=dead_process())
    app_database.execute("update batch_run_history set started_at = now() - interval '90 seconds'")
    with DagsterInstance.ephemeral() as instance:
        for _ in range(2):
            run_locks.require_free_week(app_database, instance, WEEK, datetime.now(UTC))
    row = app_database.execute(
        "select status, error_log -> 0 ->> 'error', duration_seconds, completed_at = heartbeat_at "
        "from batch_run_history"
    ).fetchone()
    assert row == ("failed", "the process that ran it is gone", 90, True)


def test_a_run_closed_for_want_of_heartbeats_does_not_go_on(seeded_url: str):
    with connect(seeded_url) as connection, DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(defs.resolve_job_def("weekly_batch"))
        run_locks.acquire_run_lock(connection, instance, run, datetime.now(UTC))
        run_locks.acquire_run_lock(connection, instance, run, datetime.now(UTC))
        connection.execute("update batch_run_history set worker = %s", [dead_process()])
        assert lost_runs.close_lost(connection, instance, datetime.now(UTC)) == []
        with pytest.raises(RunDeclinedError, match="closed as failed because it sent no heartbeat"):
            run_locks.acquire_run_lock(connection, instance, run, datetime.now(UTC))
        found = instance.get_run_by_id(run.run_id)
        assert found is not None
        assert found.status == DagsterRunStatus.FAILURE


def test_figures_are_counted_while_a_run_works(app_database: Connection):
    at_work(app_database, "run")
    requests = [JobRequest(f"user_{n}", f"user_{n}", "f") for n in range(5)]
    jobs.enqueue(app_database, JobType.CONTENT_ANALYSIS, WEEK, requests)
    claimed = jobs.claim(app_database, JobType.CONTENT_ANALYSIS, WEEK, 4, "run")
    jobs.complete(app_database, claimed[:2])
    jobs.fail(app_database, {claimed[2]: "timeout"})
    app_database.execute(
        "insert into llm_calls (dagster_run_id, stage, provider, model, outcome, input_tokens, output_tokens, cost_usd)"
        " values ('run', 's', 'openai', 'm', 'ok', 70, 30, 0.0123)"
    )
    assert run_queries.record_progress(app_database, "run")
    row = queries.run_row(app_database, "run")
    assert (row.status, row.total_jobs, row.completed_jobs, row.failed_jobs) == ("running", 4, 2, 1)
    assert (row.tokens_used, float(row.cost_usd)) == (100, 0.0123)
    app_database.execute("update batch_run_history set status = 'completed'")
    assert not run_queries.record_progress(app_database, "run")


@pytest.mark.parametrize(("status", "is_lost"), [("running", True), ("completed", True), ("cancelled", False)])
def test_steps_beside_a_completed_summary_are_missed_too(app_database: Connection, status: str, is_lost: bool):
    """`run_summary` completes the row while checks beside it may still be lost with a broker."""
    at_work(app_database, "run")
    app_database.execute(
        "update batch_run_history set status = %s, heartbeat_at = now() - interval '2 minutes'", [status]
    )
    moment = datetime.now(UTC) - timedelta(minutes=1)
    assert run_queries.has_no_heartbeat_since(app_database, "run", moment) is is_lost
    assert not run_queries.has_no_heartbeat_since(app_database, "run", moment - timedelta(minutes=2))


def test_a_heartbeat_goes_on_after_the_database_was_away():
    beats = []
    third = threading.Event()

    def beat() -> None:
        beats.append(None)
        if len(beats) == 1:
            raise psycopg.OperationalError("the server closed the connection")
        if len(beats) == 3:
            third.set()

    heart = Heartbeat(beat, 0.01)
    heart.start()
    assert third.wait(10)
    heart.stop()


def test_a_failed_run_is_closed_without_daemon_or_command(seeded_url: str):
    with connect(seeded_url) as connection:
        connection.execute("alter table content_items rename to content_items_away")
        assert not materialise(seeded_url, WEEKS[0], "post_hashes", raise_on_error=False).success
        assert list(statuses(connection).values()) == ["failed"]


@pytest.mark.parametrize(("pid", "is_tied"), [(os.getpid(), True), (1, False)], ids=["this process", "another"])
def test_a_run_is_tied_to_the_process_that_dagster_names_as_executing_it(app_database: Connection, pid, is_tied):
    """`multiprocess` and `in_process` name it; a process of one step elsewhere is not the one."""
    with DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(defs.resolve_job_def("weekly_batch"))
        instance.report_engine_event("Executing steps", run, EngineEventData.multiprocess(pid))
        instance.report_engine_event("a step", run, EngineEventData.in_process(os.getpid()), step_key="post_hashes")
        run_locks.acquire_run_lock(app_database, instance, run, datetime.now(UTC))
    worker = app_database.execute("select worker from batch_run_history").fetchone()
    assert worker == (this_worker() if is_tied else None,)


def test_a_run_whose_steps_are_elsewhere_is_tied_to_no_process(seeded_url: str):
    job = defs.resolve_job_def("dna_refresh")
    with connect(seeded_url) as connection, DagsterInstance.ephemeral() as instance:
        elsewhere = instance.create_run_for_job(job)
        here = instance.create_run_for_job(job, tags={PROCESS_TAG: this_worker()})
        for run in (elsewhere, here):
            run_locks.acquire_run_lock(connection, instance, run, datetime.now(UTC))
        found = dict(connection.execute("select dagster_run_id, worker from batch_run_history").fetchall())
    assert found == {elsewhere.run_id: None, here.run_id: this_worker()}


def ended(instance: DagsterInstance, run: DagsterRun, step: str, how: DagsterEventType, own: bool) -> None:
    """What a process records that initialises its resources and executes `step`; `own`: that step alone."""
    ready = DagsterEvent(
        DagsterEventType.RESOURCE_INIT_SUCCESS.value, run.job_name, event_specific_data=EngineEventData()
    )
    end = DagsterEvent(how.value, run.job_name, event_specific_data=_END_OF_STEP[how])
    at = datetime.now(UTC).timestamp()
    for event, key in ((ready, step if own else None), (end, step)):
        instance.handle_new_event(EventLogEntry(None, 10, "", run.run_id, at, key, run.job_name, event))


@pytest.mark.parametrize("how", [DagsterEventType.STEP_SUCCESS, DagsterEventType.STEP_FAILURE])
def test_a_step_in_a_process_of_its_own_does_not_end_the_run_without_a_word_of_its_start(how: DagsterEventType):
    """Celery and Dask record no STEP_WORKER_STARTED."""
    with DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(defs.resolve_job_def("weekly_batch"))
        ended(instance, run, "post_hashes", how, own=True)
        assert recorded_database.end_after_step(instance, run) is None


@pytest.mark.parametrize(
    ("how", "end"),
    [(DagsterEventType.STEP_SUCCESS, "completed"), (DagsterEventType.STEP_FAILURE, "failed")],
)
def test_the_only_step_of_a_run_ends_it_in_whatever_process(how: DagsterEventType, end: str):
    with DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(defs.resolve_job_def("dna_refresh"))
        ended(instance, run, "refresh_dna_scores", how, own=True)
        found = recorded_database.end_after_step(instance, run)
        assert found is not None
        assert found.status == end


def test_a_process_of_all_steps_ends_its_run_when_it_stops_half_way():
    with DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(defs.resolve_job_def("weekly_batch"))
        ended(instance, run, "post_hashes", DagsterEventType.STEP_SUCCESS, own=False)
        assert recorded_database.end_after_step(instance, run) == End("cancelled", "the run was interrupted")


def test_every_counter_of_a_run_goes_beyond_the_range_of_integer(app_database: Connection):
    at_work(app_database, "run")
    counters = ("total_jobs", "completed_jobs", "failed_jobs", "tokens_used", "api_cost_cents", "duration_seconds")
    for counter in counters:
        app_database.execute(f"update batch_run_history set {counter} = 3000000000")  # type: ignore[arg-type]
    app_database.execute(
        "insert into llm_calls (dagster_run_id, stage, provider, model, outcome, input_tokens) "
        "select 'run', 's', 'openai', 'm', 'ok', 1500000000 from generate_series(1, 2)"
    )
    assert run_queries.record_progress(app_database, "run")
    assert queries.run_row(app_database, "run").tokens_used == 3_000_000_000
