"""The model server is down, for all or for many: the run stops early, and the week is not finished."""

from datetime import date

import pytest
from dagster import AssetKey, DagsterInstance

from matchme_pipeline import settings
from matchme_pipeline.database.connection import connect
from matchme_pipeline.llm.execution import batch_run, client_calls, request_sender
from matchme_pipeline.llm.execution.circuit_breaker import (
    GIVEN_UP_BEFORE_STOP,
    CircuitBreaker,
    ModelRequestError,
    OutageTimer,
)
from matchme_pipeline.operations.missing_weeks import finished_weeks
from matchme_pipeline.operations.week_outcome import MIN_FAILED, JobCounts, why_not_finished
from matchme_pipeline_tests.materialising import WEEKS, materialise
from matchme_pipeline_tests.openai_server import FakeOpenAI

FIRST = WEEKS[0]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests give up after a few seconds, which is longer than an answer takes."""
    monkeypatch.setattr(request_sender, "TRIES", 8)
    monkeypatch.setattr(request_sender, "MAX_PAUSE_SECONDS", 0.4)


def state(url: str) -> tuple[set[date], str, str, int, int]:
    """Finished weeks, the newest run's status and error, rows of matches, and jobs that failed."""
    with connect(url) as connection:
        row = connection.execute(
            """
            select status, coalesce(error_log -> 0 ->> 'error', ''), (select count(*) from weekly_matches),
                (select count(*) from batch_processing_queue where status in ('failed', 'retry'))
            from batch_run_history order by started_at desc limit 1
            """
        ).fetchone()
        assert row is not None
        return finished_weeks(connection), row[0], row[1], row[2], row[3]


CONTENT = ("post_hashes", "content_insights", "post_embeddings")


@pytest.mark.parametrize(("fault", "next_run"), [("reset", ()), ("server_error", CONTENT), ("html", CONTENT)])
def test_a_server_that_answers_nothing_ends_the_run_and_the_next_run_does_all_of_it(
    small_url: str, paid: FakeOpenAI, impatient: None, fault: str, next_run: tuple[str, ...]
):
    """The next run is the whole week after one fault, and after the others the stages whose work was left."""
    paid.fault_rates = {fault: 1.0}
    with DagsterInstance.ephemeral() as instance:
        result = materialise(small_url, FIRST, instance=instance, raise_on_error=False, provider="openai")
        assert not result.success
        assert instance.get_materialized_partitions(AssetKey("run_summary")) == set()
    finished, status, error, matches, failed = state(small_url)
    assert (finished, status, matches) == (set(), "failed", 0)
    assert "is down" in error
    # It stopped early: what was not on its way has not been tried.
    assert failed < 60
    paid.fault_rates = {}
    with connect(small_url) as connection:
        connection.execute("update batch_processing_queue set scheduled_for = now() where status = 'retry'")
    assert materialise(small_url, FIRST, *next_run, provider="openai").success
    finished, status, _, matches, failed = state(small_url)
    assert failed == 0
    if not next_run:
        assert (finished, status) == ({FIRST.sunday}, "completed")
        assert matches > 0


# A server that turns every request away, whatever it is about, as far as a week's batches go.
TURNED_AWAY = ["rate_limited"] * 10_000


@pytest.mark.parametrize(
    ("mode", "faults"),
    [
        ("standard", {}),
        ("batch", {"files": TURNED_AWAY, "batches": TURNED_AWAY}),
        ("batch", {"batches": ["", *TURNED_AWAY]}),
        ("batch", {"batches": ["", *["server_error"] * 10_000]}),
    ],
    ids=["standard", "no batch", "no look, told to wait", "no look, error"],
)
def test_a_server_that_turns_everything_away_ends_the_run_in_bounded_time_and_returns_the_jobs(
    small_url: str, paid: FakeOpenAI, monkeypatch: pytest.MonkeyPatch, mode: str, faults: dict[str, list[str]]
):
    monkeypatch.setenv("MATCHME_LLM_MODE", mode)
    monkeypatch.setenv("MATCHME_LLM_OUTAGE_MINUTES", "0.03")
    monkeypatch.setattr(client_calls, "TRIES", 2)
    monkeypatch.setattr(batch_run, "MAX_POLL_SECONDS", 0.5)
    settings.process_settings.cache_clear()
    paid.retry_after, paid.fault_rates = "1", {"rate_limited": 1.0}
    paid.other_faults = {area: list(kinds) for area, kinds in faults.items()}
    materialise(small_url, FIRST, raise_on_error=False, provider="openai")
    finished, status, error, matches, _ = state(small_url)
    assert (finished, status, matches) == (set(), "failed", 0)
    assert "is down: it has answered no request for 0.03 minutes" in error
    with connect(small_url) as connection:
        (held,) = connection.execute(
            "select count(*) from batch_processing_queue where status not in ('pending', 'retry')"
        ).fetchone() or (0,)
    assert held == 0
    paid.other_faults, paid.fault_rates = {}, {}
    with connect(small_url) as connection:
        connection.execute("update batch_processing_queue set scheduled_for = now() where status = 'retry'")
    assert materialise(small_url, FIRST, *CONTENT, provider="openai").success
    assert state(small_url)[-1] == 0
    # A batch that was there is read, not paid again.
    submitted = len(paid.batches.batches)
    assert submitted == 0 if mode == "standard" else submitted > 0
    with connect(small_url) as connection:
        (booked,) = connection.execute("select sum(input_tokens + output_tokens) from llm_calls").fetchone() or (0,)
    assert booked == paid.tokens[0] + paid.tokens[2]


def test_a_post_that_no_server_answers_is_no_outage(small_url: str, paid: FakeOpenAI, monkeypatch: pytest.MonkeyPatch):
    with connect(small_url) as connection:
        row = connection.execute(
            "select caption from posts where length(caption) > 40 and created_at < %s order by id limit 1",
            [FIRST.cutoff],
        ).fetchone()
    assert row is not None
    paid.fault_words = {row[0][:30]: "server_error"}
    # The post is asked about alone, with others, and for its vector: each time every try is made.
    monkeypatch.setattr(request_sender, "TRIES", 4)
    monkeypatch.setattr(request_sender, "MAX_PAUSE_SECONDS", 0.05)
    materialise(small_url, FIRST, raise_on_error=False, provider="openai")
    finished, status, _, _, failed = state(small_url)
    assert (finished, status) == ({FIRST.sunday}, "completed")
    assert 0 < failed < 10


def test_a_week_in_which_many_jobs_failed_is_not_finished(small_url: str):
    assert materialise(small_url, FIRST).success
    with connect(small_url) as connection:
        connection.execute(
            """
            update batch_processing_queue set status = 'failed', last_error = 'no answer after 12 tries (connection)'
            where id in (
                select id from batch_processing_queue where job_type = 'content_analysis' order by id limit 40
            )
            """
        )
        connection.execute("delete from batch_run_history")
    with DagsterInstance.ephemeral() as instance:
        assert not materialise(small_url, FIRST, "run_summary", instance=instance, raise_on_error=False).success
        assert instance.get_materialized_partitions(AssetKey("run_summary")) == set()
    finished, status, error, _, _ = state(small_url)
    assert (finished, status) == (set(), "failed")
    assert "content_analysis jobs failed, more than 10%" in error


@pytest.mark.parametrize(
    ("failed", "jobs", "finished"),
    [(0, 0, True), (MIN_FAILED - 1, MIN_FAILED, True), (10, 100, True), (11, 100, False), (5, 5, False)],
)
def test_a_tenth_of_the_jobs_may_fail(failed: int, jobs: int, finished: bool):
    counts = {"content_analysis": JobCounts(jobs, failed), "embedding_update": JobCounts(1_000, 3)}
    assert (why_not_finished(counts) is None) == finished


def test_requests_that_give_up_beside_others_that_are_answered_open_no_breaker():
    breaker = CircuitBreaker("m", OutageTimer(60))
    for _ in range(10 * GIVEN_UP_BEFORE_STOP):
        begun = breaker.begin()
        breaker.answer()
        breaker.give_up(begun, 12, "http_500")


def test_requests_that_give_up_while_nothing_is_answered_open_the_breaker():
    breaker = CircuitBreaker("m", OutageTimer(60))
    breaker.answer()
    begun = breaker.begin()
    for _ in range(GIVEN_UP_BEFORE_STOP - 1):
        breaker.give_up(begun, 12, "connection")
    with pytest.raises(ModelRequestError, match=r"is down: .* \(connection\)"):
        breaker.give_up(begun, 12, "connection")
