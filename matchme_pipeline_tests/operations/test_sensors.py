"""Sensors over a real database, each ticked twice: what they ask for, once, and what they leave alone."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

import pytest
from dagster import DagsterInstance, DagsterRun, RunRequest, SensorResult, build_sensor_context

from matchme_pipeline import settings
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.definitions import defs
from matchme_pipeline.jobs import dead_letters
from matchme_pipeline.jobs import queries as jobs
from matchme_pipeline.jobs.model import JobRequest, JobType
from matchme_pipeline.operations import dna_refresh, launches, missing_weeks, run_queries, sensors
from matchme_pipeline.operations.missing_weeks import FailedRuns, Plan
from matchme_pipeline.week import Week
from matchme_pipeline_tests.materialising import WEEKS

FIRST = date(2026, 1, 4)
SECOND, THIRD = FIRST + timedelta(7), FIRST + timedelta(14)
NOW = datetime(2026, 1, 25, 5, tzinfo=UTC)


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def watched(app_database: Connection, app_database_url: str, monkeypatch: pytest.MonkeyPatch) -> Connection:
    monkeypatch.setattr(sensors, "database_url", lambda _: app_database_url)
    monkeypatch.setattr(sensors, "_now", lambda: NOW)
    return app_database


def tick(sensor, instance: DagsterInstance, cursor: str | None = None) -> tuple[list[RunRequest], str | None]:
    result = sensor(build_sensor_context(instance=instance, cursor=cursor))
    if not isinstance(result, SensorResult):
        return [], cursor
    return list(result.run_requests or []), result.cursor


def queue_run(
    instance: DagsterInstance, week: date, job: str = "weekly_batch", tags: Mapping[str, str] | None = None
) -> DagsterRun:
    own = {"dagster/partition": week.isoformat(), **(tags or {})}
    return instance.create_run_for_job(defs.resolve_job_def(job), tags=own)


def fail_jobs(connection: Connection, week: date, job_type: JobType = JobType.CONTENT_ANALYSIS) -> None:
    jobs.enqueue(connection, job_type, week, [JobRequest(f"user_{n}", f"user_{n}", "f") for n in range(3)])
    jobs.fail(connection, dict.fromkeys(jobs.claim(connection, job_type, week, 10, "run"), "timeout"))


def make_due(connection: Connection) -> None:
    connection.execute("update batch_processing_queue set scheduled_for = now() - interval '1 second'")


def test_a_due_set_asks_for_one_run_and_a_later_failure_for_another(watched: Connection, instance: DagsterInstance):
    fail_jobs(watched, FIRST)
    assert tick(sensors.retry_due_jobs, instance) == ([], None)
    make_due(watched)
    (request,), cursor = tick(sensors.retry_due_jobs, instance)
    (again,), _ = tick(sensors.retry_due_jobs, instance, cursor)
    assert (request.job_name, request.partition_key) == ("weekly_batch", "2026-01-04")
    assert request.run_key == again.run_key
    jobs.fail(watched, dict.fromkeys(jobs.claim(watched, JobType.CONTENT_ANALYSIS, FIRST, 10, "second"), "timeout"))
    make_due(watched)
    (third,), _ = tick(sensors.retry_due_jobs, instance, cursor)
    assert third.run_key != request.run_key


def test_a_retry_run_that_came_to_nothing_is_asked_for_again_after_a_wait_and_not_for_ever(
    watched: Connection, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
):
    fail_jobs(watched, FIRST)
    make_due(watched)
    clock = {"now": datetime.now(UTC)}
    monkeypatch.setattr(sensors, "_now", lambda: clock["now"])
    asked: list[str | None] = []
    for minutes in (0, 11, 21, 41, 81):
        clock["now"] = datetime.now(UTC) + timedelta(minutes=minutes)
        requests, _ = tick(sensors.retry_due_jobs, instance)
        for request in requests:
            asked.append(request.run_key)
            run = queue_run(instance, FIRST, "daily_incremental", request.tags)
            assert tick(sensors.retry_due_jobs, instance) == ([], None)
            instance.report_run_failed(run)
            assert tick(sensors.retry_due_jobs, instance) == ([], None)
    assert len(asked) == len(set(asked)) == launches.MAX_TRIES


def test_a_job_that_an_operator_opens_again_asks_for_a_run_each_time(watched: Connection, instance: DagsterInstance):
    keys = set()
    for _ in range(2):
        jobs.enqueue(watched, JobType.CONTENT_ANALYSIS, FIRST, [JobRequest("user_a", "user_a", "f")])
        (job,) = jobs.claim(watched, JobType.CONTENT_ANALYSIS, FIRST, 10, "run")
        jobs.fail(watched, {job: "the answer was cut off"}, retryable=False)
        assert tick(sensors.retry_due_jobs, instance) == ([], None)
        assert dead_letters.retry(watched, [job.id]) == {job.id}
        for _ in range(2):
            (request,), _ = tick(sensors.retry_due_jobs, instance)
            keys.add(request.run_key)
    assert len(keys) == 2


def test_jobs_of_weeks_that_are_no_partition_ask_for_nothing(watched: Connection, instance: DagsterInstance):
    before, monday = FIRST - timedelta(7), FIRST + timedelta(1)
    for week in (before, monday, THIRD + timedelta(14)):
        fail_jobs(watched, week)
        fail_jobs(watched, week, JobType.MATCH_GENERATION)
    fail_jobs(watched, FIRST)
    make_due(watched)
    requests, _ = tick(sensors.retry_due_jobs, instance)
    assert [request.partition_key for request in requests] == [FIRST.isoformat()]
    rejected = watched.execute("select week, count(*) from batch_processing_queue where status = 'failed' group by 1")
    assert rejected.fetchall() == [(monday, 6)]


def test_retry_runs_are_bounded_oldest_first_and_leave_busy_weeks_alone(watched: Connection, instance: DagsterInstance):
    for week in (THIRD, FIRST, SECOND):
        fail_jobs(watched, week, JobType.MATCH_GENERATION)
    make_due(watched)
    queue_run(instance, FIRST)
    requests, _ = tick(sensors.retry_due_jobs, instance)
    assert [(r.job_name, r.partition_key) for r in requests] == [
        ("weekly_batch", SECOND.isoformat()),
        ("weekly_batch", THIRD.isoformat()),
    ]


def test_malformed_rows_of_the_app_fail_at_the_next_tick(watched: Connection, instance: DagsterInstance):
    watched.execute("insert into batch_processing_queue (user_id, job_type) values ('nobody', 'match_generation')")
    for _ in range(2):
        tick(sensors.retry_due_jobs, instance)
    row = watched.execute("select status, last_error from batch_processing_queue").fetchone()
    assert row == ("failed", "malformed: no member has this user_id")


def test_missing_weeks_are_launched_one_at_a_time_oldest_first(watched: Connection, instance: DagsterInstance):
    finish(watched, FIRST)
    (request,), cursor = tick(sensors.backfill_missing_weeks, instance)
    (again,), _ = tick(sensors.backfill_missing_weeks, instance, cursor)
    assert (request.partition_key, request.run_key) == (SECOND.isoformat(), again.run_key)
    queue_run(instance, SECOND)
    assert tick(sensors.backfill_missing_weeks, instance, cursor) == ([], cursor)
    finish(watched, SECOND)
    with DagsterInstance.ephemeral() as idle:
        (after,), _ = tick(sensors.backfill_missing_weeks, idle, cursor)
    assert after.partition_key == THIRD.isoformat()


def finish(connection: Connection, week: date, status: str = "completed", ended: datetime = NOW) -> None:
    connection.execute(
        "insert into batch_run_history (run_type, week, status, dagster_run_id, publishes_matches, started_at, "
        "completed_at) values ('weekly_full', %s, %s, gen_random_uuid()::text, true, %s, %s)",
        [week, status, ended - timedelta(minutes=5), ended],
    )


def test_a_week_that_keeps_failing_is_given_up_with_one_alert(watched: Connection, instance: DagsterInstance):
    keys = set()
    for hours in (9, 6, 3):
        requests, _ = tick(sensors.backfill_missing_weeks, instance)
        keys |= {request.run_key for request in requests if request.partition_key == FIRST.isoformat()}
        finish(watched, FIRST, "failed", NOW - timedelta(hours=hours))
    assert len(keys) == 3
    for _ in range(2):
        requests, _ = tick(sensors.backfill_missing_weeks, instance)
        assert [request.partition_key for request in requests] == [SECOND.isoformat()]
    alerts = watched.execute("select kind, cause, body from pipeline_alerts").fetchall()
    assert [alert[:2] for alert in alerts] == [("week_given_up", FIRST.isoformat())]
    assert alerts[0][2].startswith("3 runs of it failed")


def test_a_run_and_its_retries_by_dagster_are_one_failure(watched: Connection, instance: DagsterInstance):
    for _ in range(3):
        finish(watched, FIRST, "failed", NOW - timedelta(hours=3))
    (first,) = watched.execute("select min(dagster_run_id) from batch_run_history").fetchone() or ("",)
    watched.execute("update batch_run_history set metadata = jsonb_build_object('retry_of', %s::text)", [first])
    assert missing_weeks.tries_by_week(watched)[FIRST].failures == 1
    (request,), _ = tick(sensors.backfill_missing_weeks, instance)
    assert request.run_key == f"backfill/{FIRST}/1"


def test_weeks_wait_after_a_failure_and_leave_what_a_person_cancelled():
    tried = {FIRST: FailedRuns(2, 2, NOW - timedelta(minutes=59))}
    assert missing_weeks.plan(FIRST, set(), tried, set(), NOW) == Plan()
    assert missing_weeks.plan(FIRST, set(), tried, set(), NOW + timedelta(minutes=2)).launch == [FIRST]
    cancelled = {FIRST: FailedRuns(0, 0, NOW, cancelled=True)}
    assert missing_weeks.plan(FIRST, set(), cancelled, set(), NOW).launch == [SECOND]


def test_the_schedule_has_the_first_word_on_the_week_that_has_just_closed():
    closed = Week.last_closed(datetime(2026, 1, 18, 2, 30, tzinfo=UTC))
    assert closed.sunday == SECOND
    assert missing_weeks.plan(FIRST, {FIRST}, {}, set(), closed.cutoff + timedelta(minutes=59)) == Plan()
    assert missing_weeks.plan(FIRST, {FIRST}, {}, set(), closed.cutoff + timedelta(minutes=61)).launch == [SECOND]


def test_lost_runs_are_closed_by_the_sensor(watched: Connection, instance: DagsterInstance):
    run_queries.insert_running(watched, "lost", "weekly_full", FIRST, "another-machine:1", True)
    watched.execute("update batch_run_history set heartbeat_at = %s", [NOW - timedelta(minutes=20)])
    for _ in range(2):
        tick(sensors.close_lost_runs, instance)
    assert watched.execute("select status from batch_run_history").fetchall() == [("failed",)]


@pytest.fixture
def scored(finished: Connection, finished_url: str, monkeypatch: pytest.MonkeyPatch) -> Connection:
    monkeypatch.setattr(sensors, "database_url", lambda _: finished_url)
    return finished


def review(connection: Connection, user: str, at: datetime) -> None:
    connection.execute(
        "update user_insights set status = 'approved', reviewed_at = %s where id = "
        "(select id from user_insights where clerk_user_id = %s and status = 'pending' order by id limit 1)",
        [at, user],
    )


def test_reviewers_are_refreshed_once_they_are_quiet_and_nobody_else(
    scored: Connection, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
):
    tuesday = datetime(2026, 2, 3, 18, tzinfo=UTC)
    clock = {"now": tuesday}
    monkeypatch.setattr(sensors, "_now", lambda: clock["now"])
    seed_state = scored.execute(
        "select h.user_id from dna_score_history h where h.week = %s and h.seed_state and h.approved_insights = 3 and "
        "(select count(*) from user_insights i where i.clerk_user_id = h.user_id and i.status = 'pending') > 2 "
        "order by 1 limit 1",
        [WEEKS[-1].sunday],
    ).fetchone()
    assert seed_state is not None
    (user,) = seed_state
    history = "select h::text from dna_score_history h order by user_id, week"
    others = "select s.user_id, s.score from mysoul_dna_scores s where user_id <> %s order by 1"
    before, others_before = scored.execute(history).fetchall(), scored.execute(others, [user]).fetchall()

    requests, cursor = tick(sensors.refresh_dna_after_reviews, instance)
    assert requests == []
    for minute in (1, 5):
        review(scored, user, tuesday + timedelta(minutes=minute))
    clock["now"] = tuesday + timedelta(minutes=6)
    requests, cursor = tick(sensors.refresh_dna_after_reviews, instance, cursor)
    assert requests == []
    clock["now"] = tuesday + timedelta(minutes=16)
    (first,), cursor = tick(sensors.refresh_dna_after_reviews, instance, cursor)
    (second,), cursor = tick(sensors.refresh_dna_after_reviews, instance, cursor)
    assert first.run_key == second.run_key

    done = dna_refresh.refresh_members(scored, "refresh", clock["now"])
    assert done is not None
    assert (done.members, done.shown) == (1, 1)
    assert tick(sensors.refresh_dna_after_reviews, instance, cursor)[0] == []
    row = scored.execute(
        "select score > 0, approved_insights_count, last_calculated_at from mysoul_dna_scores where user_id = %s",
        [user],
    ).fetchone()
    assert row == (True, 5, clock["now"])
    assert scored.execute(history).fetchall() == before
    assert scored.execute(others, [user]).fetchall() == others_before


def test_the_app_asks_for_a_fresh_score(scored: Connection, instance: DagsterInstance):
    (user,) = scored.execute("select user_id from dna_score_history order by 1 limit 1").fetchone() or ("",)
    scored.execute("insert into batch_processing_queue (user_id, job_type) values (%s, 'dna_recalculation')", [user])
    now = datetime.now(UTC)
    (first,), _ = tick(sensors.refresh_dna_after_reviews, instance, now.isoformat())
    assert first.job_name is None
    done = dna_refresh.refresh_members(scored, "refresh", now + timedelta(minutes=1))
    assert done is not None
    assert done.members == 1
    statuses = scored.execute("select distinct status from batch_processing_queue").fetchall()
    assert statuses == [("completed",)]


def test_a_refresh_that_broke_after_it_took_the_apps_rows_is_asked_for_again(
    scored: Connection, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
):
    (user,) = scored.execute("select user_id from dna_score_history order by 1 limit 1").fetchone() or ("",)
    scored.execute("insert into batch_processing_queue (user_id, job_type) values (%s, 'dna_recalculation')", [user])
    now = datetime.now(UTC)

    def breaks(*_: object) -> int:
        raise ArithmeticError

    with monkeypatch.context() as broken:
        broken.setattr(dna_refresh.weekly, "refresh", breaks)
        with pytest.raises(ArithmeticError):
            dna_refresh.refresh_members(scored, "breaks", now)
    (request,), _ = tick(sensors.refresh_dna_after_reviews, instance, now.isoformat())
    assert (request.run_key or "").startswith("dna/")
    done = dna_refresh.refresh_members(scored, "refresh", now)
    assert done is not None
    assert done.members == 1
    assert tick(sensors.refresh_dna_after_reviews, instance, now.isoformat())[0] == []


def test_what_the_app_writes_into_a_payload_stops_nobodys_refresh(scored: Connection, instance: DagsterInstance):
    (user,) = scored.execute("select min(clerk_user_id) from user_insights where status = 'pending'").fetchone() or (
        "",
    )
    for payload in ('{"reviewed_at": "yesterday"}', '{"reviewed_at": {"a": []}}', '"reviewed_at"'):
        scored.execute(
            "insert into batch_processing_queue (user_id, job_type, payload) values (%s, 'dna_recalculation', %s)",
            [user, payload],
        )
    review(scored, user, datetime.now(UTC) - timedelta(minutes=15))
    since = datetime.now(UTC) - timedelta(minutes=20)
    for _ in range(2):
        (request,), _ = tick(sensors.refresh_dna_after_reviews, instance, since.isoformat())
        assert request.run_key is not None
    mine = "select count(*) from batch_processing_queue where payload ->> 'reviewed_at' like '20%'"
    assert scored.execute(mine).fetchone() == (1,)


def test_finished_batches_ask_for_the_run_that_reads_them_once(
    watched: Connection, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
):
    assert tick(sensors.read_finished_batches, instance) == ([], None)
    monkeypatch.setenv("MATCHME_LLM", "openai")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-test")
    settings.process_settings.cache_clear()
    watched.execute(
        "insert into llm_batches (id, kind, stage, week, model, status, requests) values "
        "(gen_random_uuid(), 'chat', 'content_insights', %s, 'm', 'completed', '{}')",
        [FIRST],
    )
    (first,), cursor = tick(sensors.read_finished_batches, instance)
    (second,), _ = tick(sensors.read_finished_batches, instance, cursor)
    assert (first.partition_key, first.job_name) == (FIRST.isoformat(), "weekly_batch")
    assert first.run_key == second.run_key
    settings.process_settings.cache_clear()


def test_nothing_that_launches_runs_is_on_by_itself():
    state = {s.name: s.default_status.value for s in defs.sensors or []}
    assert {name for name, status in state.items() if status == "RUNNING"} == {
        "close_completed_runs",
        "close_failed_runs",
        "close_cancelled_runs",
        "close_lost_runs",
        "watch_weeks",
        "tell_alerts",
    }
