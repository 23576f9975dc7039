"""A week of a few requests is not finished if its server answered none of a stage's; a row alone fails no week."""

from collections.abc import Iterator
from datetime import date

import pytest

from matchme_pipeline import settings
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.llm.execution import batch_run, client_calls, request_sender
from matchme_pipeline.operations.missing_weeks import finished_weeks
from matchme_pipeline.operations.week_outcome import StageCalls, why_not_finished
from matchme_pipeline.operations.week_outcome_queries import stage_calls
from matchme_pipeline.population.seed import seed_population
from matchme_pipeline_tests.anthropic_server import FakeAnthropic
from matchme_pipeline_tests.conftest import temporary_database
from matchme_pipeline_tests.materialising import WEEKS, materialise
from matchme_pipeline_tests.openai_server import FakeOpenAI

FIRST = WEEKS[0]
# By a piece of the request: what each stage asks, and what no other stage asks.
INSIGHTS, PREVIEWS, REVIEWS, TEXTS = '{\\"posts\\"', '{\\"pairs\\"', "how well two people fit", '["'
ALWAYS = 10_000


@pytest.fixture
def town(
    postgres_url: str, app_template: str, paid: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, FakeOpenAI]]:
    """A town of eight members, whose requests give up soon."""
    monkeypatch.setattr(request_sender, "TRIES", 3)
    monkeypatch.setattr(request_sender, "MAX_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(client_calls, "TRIES", 2)
    monkeypatch.setattr(client_calls, "MAX_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(batch_run, "MAX_POLL_SECONDS", 0.2)
    with temporary_database(postgres_url, app_template) as url:
        with connect(url) as connection:
            seed_population(connection, users=8, weeks=1, first_week=FIRST.sunday, seed=3)
            # So few requests that no breaker opens: two members with a post each, and no texts beside them.
            connection.execute("delete from voice_introductions; delete from dna_answers")
            connection.execute("update profiles set bio = null")
            connection.execute(
                """
                delete from posts where id not in (
                    select distinct on (clerk_user_id) id from posts where length(caption) > 40
                    order by clerk_user_id, id limit 2
                )
                """
            )
        yield url, paid


def outcome(url: str) -> tuple[set[date], str, str]:
    """Finished weeks, and the newest run's status and error."""
    with connect(url) as connection:
        row = connection.execute(
            "select status, coalesce(error_log -> 0 ->> 'error', '') from batch_run_history "
            "order by started_at desc limit 1"
        ).fetchone()
        assert row is not None
        return finished_weeks(connection), row[0], row[1]


def run(url: str) -> tuple[set[date], str, str]:
    materialise(url, FIRST, raise_on_error=False, provider="openai")
    return outcome(url)


@pytest.mark.parametrize(
    ("mode", "silent", "dead_runs"),
    [
        # The second run finds the jobs in backoff.
        ("standard", (INSIGHTS, PREVIEWS, TEXTS), 2),
        ("batch", (INSIGHTS, PREVIEWS, TEXTS), 1),
        ("standard", (PREVIEWS,), 1),
        ("standard", (TEXTS,), 1),
    ],
    ids=["all", "all by batch", "starters", "vectors"],
)
def test_a_week_whose_server_answered_none_of_a_stages_requests_is_not_finished_until_it_answers(
    town: tuple[str, FakeOpenAI], monkeypatch: pytest.MonkeyPatch, mode: str, silent: tuple[str, ...], dead_runs: int
):
    url, server = town
    monkeypatch.setenv("MATCHME_LLM_MODE", mode)
    monkeypatch.setenv("MATCHME_LLM_OUTAGE_MINUTES", "0.02")
    settings.process_settings.cache_clear()
    server.fault_words = dict.fromkeys(silent, "server_error")
    server.other_faults = {"files": ["server_error"] * ALWAYS, "batches": ["server_error"] * ALWAYS}
    for _ in range(dead_runs):
        finished, status, error = run(url)
        assert (finished, status) == (set(), "failed")
        assert "was answered" in error or "is down" in error
    server.fault_words, server.other_faults = {}, {}
    assert run(url)[:2] == ({FIRST.sunday}, "completed")


def test_reviews_that_no_server_answers_leave_the_week_unfinished_and_the_matches_published(
    finished_url: str, paid: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(request_sender, "TRIES", 3)
    monkeypatch.setattr(request_sender, "MAX_PAUSE_SECONDS", 0.05)
    week, stages = WEEKS[-1], ("weekly_matches", "chaichat_previews", "run_summary")
    with FakeAnthropic() as claude:
        monkeypatch.setenv("MATCHME_REVIEW_MODEL", "claude-opus-5-5")
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret-of-the-test")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", claude.url)
        settings.process_settings.cache_clear()
        for fault in ("server_error", "unauthorized"):
            claude.fault_rates = {fault: 1.0}
            materialise(finished_url, week, *stages, raise_on_error=False, provider="openai")
            _, status, error = outcome(finished_url)
            assert status == "failed"
            assert "weekly_matches ('claude-opus-5-5')" in error
        with connect(finished_url) as connection:
            (matches,) = connection.execute(
                "select count(*) from weekly_matches where week_start_date = %s", [week.match_week]
            ).fetchone() or (0,)
        assert matches > 0
        claude.fault_rates = {}
        materialise(finished_url, week, *stages, provider="openai")
    assert outcome(finished_url)[1] == "completed"


@pytest.mark.parametrize("fault", ["server_error", "context_too_long"])
def test_a_row_that_no_server_answers_fails_no_week(town: tuple[str, FakeOpenAI], fault: str):
    url, server = town
    with connect(url) as connection:
        rows = connection.execute("select left(caption, 30) from posts order by id").fetchall()
        if fault == "context_too_long":
            # It is refused, and it is the only one.
            connection.execute("delete from posts where left(caption, 30) <> %s", [rows[0][0]])
    server.fault_words = {rows[0][0]: fault}
    assert run(url)[:2] == ({FIRST.sunday}, "completed")


@pytest.mark.parametrize(
    ("answered", "unanswered", "later", "finished"),
    [
        (0, 0, False, True), (0, 1, False, False), (0, 1, True, True), (1, 1, False, True), (1, 0, False, True),
        (0, 4, False, False),
    ],
)  # fmt: skip
def test_one_request_without_an_answer_is_an_outage_unless_the_model_answers_another(
    answered: int, unanswered: int, later: bool, finished: bool
):
    calls = StageCalls("content_insights", "m", answered, unanswered, later)
    assert (why_not_finished({}, [calls]) is None) == finished


def book(connection: Connection, run: str, stage: str, outcome: str, at: str, model: str = "m") -> None:
    connection.execute(
        "insert into llm_calls (week, dagster_run_id, stage, provider, model, outcome, called_at) "
        "values (%s, %s, %s, 'p', %s, %s, %s)",
        [FIRST.sunday, run, stage, model, outcome, f"2026-01-11 {at}+00"],
    )


def test_each_stage_counts_as_its_last_run_left_it(app_database: Connection):
    for asked in (
        ("one", "chaichat_previews", "ok", "02:00"),
        ("two", "chaichat_previews", "failed_connection", "03:00"),
        ("two", "chaichat_previews", "refused_http_400", "03:01"),
        ("one", "user_embeddings", "failed_http_500", "02:00", "e"),
        ("two", "user_embeddings", "cut_off", "03:00", "e"),
        ("two", "weekly_matches", "unreadable", "03:00"),
        ("two", "weekly_matches", "ok", "03:02", "other"),
        # Its jobs are completed or discarded.
        ("two", "content_insights", "failed_connection", "03:00"),
    ):
        book(app_database, *asked)
    assert stage_calls(app_database, FIRST.sunday, "two", ()) == [
        StageCalls("chaichat_previews", "m", 0, 1),
        StageCalls("user_embeddings", "e", 1, 0),
        StageCalls("weekly_matches", "m", 0, 1),
        StageCalls("weekly_matches", "other", 1, 0),
    ]
    # The third run asked for no starter, because none is missing.
    third = stage_calls(app_database, FIRST.sunday, "three", ["chaichat_previews"])
    assert [own.stage for own in third] == ["user_embeddings", "weekly_matches", "weekly_matches"]
    book(app_database, "two", "content_insights", "ok", "03:03")
    assert stage_calls(app_database, FIRST.sunday, "two", ())[0] == StageCalls("chaichat_previews", "m", 0, 1, True)
    # A job that has failed, or waits for another attempt, keeps its stage in mind until it is discarded.
    book(app_database, "two", "post_embeddings", "failed_timeout", "03:04", "e")
    for status, counts in (("failed", True), ("retry", True), ("completed", False)):
        app_database.execute("delete from batch_processing_queue")
        app_database.execute(
            "insert into batch_processing_queue (user_id, job_type, subject, week, status, attempts) "
            "values ('a', 'embedding_update', 'a', %s, %s, 1)",
            [FIRST.sunday, status],
        )
        found = stage_calls(app_database, FIRST.sunday, "three", ["post_embeddings"])
        assert (StageCalls("post_embeddings", "e", 0, 1) in found) == counts
