"""Batch mode: the same rows as the ordinary mode, at half the price, through restarts, expiry and partial failure."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest

from matchme_pipeline.llm.contracts import CallContext
from matchme_pipeline.llm.execution import batch_run as batch_module
from matchme_pipeline.llm.execution import client_calls
from matchme_pipeline.llm.execution.batch_limits import Line, deadline, split
from matchme_pipeline.llm.execution.wire_format import BatchLimits
from matchme_pipeline_tests.llm.conftest import CONTEXT, item, members_items
from matchme_pipeline_tests.openai_server import faults

ITEMS = members_items(6, 3)
BATCH = {"MATCHME_LLM_MODE": "batch"}


@pytest.fixture(autouse=True)
def _look_often(monkeypatch):
    monkeypatch.setattr(batch_module.BatchRun.__init__, "__defaults__", (_now, 0.01))
    monkeypatch.setattr(batch_module, "MAX_POLL_SECONDS", 0.05)


def _now():
    return datetime.now(UTC)


def answers(connection):
    return connection.execute("select cache_key, answer from content_analyses order by 1").fetchall()


def booked(connection):
    return connection.execute(
        "select sum(input_tokens), sum(cached_input_tokens), sum(output_tokens) from llm_calls"
    ).fetchone()


def ordinary(server):
    return [request for request in server.requests if request["kind"] == "chat"]


def test_what_a_failed_batch_lacks_goes_into_another_one_before_it_is_paid_at_the_ordinary_price(
    server, models, app_database, monkeypatch
):
    ends = iter(["failed"])
    finish = server.batches._finish
    monkeypatch.setattr(server.batches, "_finish", lambda batch, end: finish(batch, next(ends, end)))
    with models(**BATCH) as session:
        results = list(session.analyse(ITEMS, CONTEXT))
    assert sum(len(member.analyses) for member in results) == 18
    assert not ordinary(server)
    assert [batch["status"] for batch in server.batches.batches.values()] == ["failed", "completed"]


def test_embeddings_travel_by_batch_too(server, models, app_database):
    texts = {f"h{n}": f"text number {n}" for n in range(2_500)}
    with models(**BATCH) as session:
        embedded = session.embed({**texts, "blank": " "}, CONTEXT)
    assert len(embedded.vectors) == 2_500
    assert list(embedded.failures) == ["blank"]
    assert app_database.execute("select distinct mode from llm_calls").fetchall() == [("batch",)]


def test_what_the_budget_does_not_cover_at_once_goes_into_the_next_batch(server, models, app_database):
    items = members_items(24, 3)
    with models(**BATCH, MATCHME_WEEKLY_BUDGET_USD="0.004") as session:
        results = list(session.analyse(items, CONTEXT))
    assert sum(len(member.analyses) for member in results) == 72
    assert len(server.batches.batches) > 1
    assert not ordinary(server)
    assert app_database.execute("select sum(items), sum(cost_usd) <= 0.004 from llm_calls").fetchone() == (72, True)


def test_two_runs_that_wait_for_one_batch_book_it_once(server, models, app_database):
    server.batches.looks = 40

    def run(number):
        with models(**BATCH) as session:
            return list(session.analyse(ITEMS, CallContext(CONTEXT.stage, CONTEXT.week, f"run {number}")))

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(run, 1)
        while app_database.execute("select count(provider_batch_id) from llm_batches").fetchone() == (0,):
            time.sleep(0.01)
        second = pool.submit(run, 2)
        results = [first.result(), second.result()]
    assert [sum(len(member.analyses) for member in own) for own in results] == [18, 18]
    assert len(server.batches.batches) == 1
    assert booked(app_database) == server.tokens


def test_a_batch_of_another_run_is_left_to_it(server, models, app_database):
    others = members_items(40, 2)
    server.batches.looks = 60
    with ThreadPoolExecutor(1) as pool:

        def run():
            with models(**BATCH) as session:
                return list(session.analyse(others, CONTEXT))

        beside = pool.submit(run)
        while app_database.execute("select count(provider_batch_id) from llm_batches").fetchone() == (0,):
            time.sleep(0.01)
        with models(**BATCH) as session:
            mine = list(
                session.analyse([others[0], item("user_x", "Something that nobody else has written.")], CONTEXT)
            )
        assert sum(len(member.analyses) for member in mine) == 2
        assert sum(len(member.analyses) for member in beside.result()) == 80
    assert booked(app_database) == server.tokens


def test_an_api_that_is_down_while_a_batch_runs_is_waited_for(server, models, monkeypatch):
    monkeypatch.setattr(client_calls, "TRIES", 2)
    server.batches.deaf_looks = 5
    with models(**BATCH) as session:
        results = list(session.analyse(ITEMS, CONTEXT))
    assert sum(len(member.analyses) for member in results) == 18
    assert len(server.batches.batches) == 1


@pytest.mark.parametrize("fault", [f for f in faults.TRANSPORT if f not in faults.ENDLESS])
def test_a_fault_in_the_place_of_a_result_file_is_not_taken_for_the_answers(
    server, models, app_database, fault, monkeypatch
):
    """The upload is answered; the first request for the results is not."""
    monkeypatch.setattr(client_calls, "MAX_PAUSE_SECONDS", 0.05)
    server.batches.looks = 1
    finish = server.batches._finish

    def finish_and_spoil(batch, end):
        finish(batch, end)
        server.other_faults = {"files": [fault]}

    monkeypatch.setattr(server.batches, "_finish", finish_and_spoil)
    with models(**BATCH) as session:
        results = list(session.analyse(ITEMS, CONTEXT))
    assert sum(len(member.analyses) for member in results) == 18
    assert len(server.batches.batches) == 1
    assert booked(app_database) == server.tokens


def test_more_than_an_account_may_have_waiting_goes_in_smaller_batches(server, models, app_database):
    server.batches.looks, server.batches.most_lines = 1, 3
    items = members_items(11, 2)
    with models(**BATCH) as session:
        results = list(session.analyse(items, CONTEXT))
    assert sum(len(member.analyses) for member in results) == 22
    assert not ordinary(server)
    assert app_database.execute("select sum(items), array_agg(distinct mode) from llm_calls").fetchone() == (
        22,
        ["batch"],
    )


def test_half_a_result_file_is_not_taken_for_the_answers(server, models, app_database, monkeypatch):
    whole = server.batches._keep
    halves = []

    def keep(content):
        file_id = whole(content)
        if b'"response"' in content and not halves:
            halves.append((file_id, content))
            server.batches.files[file_id] = content[: len(content) // 2]
        return file_id

    monkeypatch.setattr(server.batches, "_keep", keep)
    monkeypatch.setattr(client_calls, "TRIES", 2)
    with ThreadPoolExecutor(1) as pool, models(**BATCH) as session:
        running = pool.submit(lambda: list(session.analyse(ITEMS, CONTEXT)))
        while not halves:
            time.sleep(0.01)
        time.sleep(0.5)
        assert not app_database.execute("select * from content_analyses").fetchall()
        server.batches.files.update(halves)
        results = running.result()
    assert sum(len(member.analyses) for member in results) == 18
    assert booked(app_database) == server.tokens


def test_the_deadline_is_seven_in_the_morning_of_the_closing_day_or_a_day_for_a_late_week():
    sunday = date(2026, 1, 4)
    on_time = datetime(2026, 1, 11, 2, 5, tzinfo=UTC)
    assert deadline(sunday, on_time) == datetime(2026, 1, 11, 7, tzinfo=UTC)
    late = datetime(2026, 2, 1, tzinfo=UTC)
    assert deadline(sunday, late) == late + timedelta(hours=24)


def test_batches_stay_within_the_apis_limits():
    limits = BatchLimits(requests=3, bytes=1_000)
    small, large = Line("x" * 10, ("k",), 0), Line("x" * 700, ("k",), 0)
    assert [len(part) for part in split([Line("x", ("k",) * 4, 0)] * 5, limits, most_items=9)] == [2, 2, 1]
    assert [len(part) for part in split([small] * 7, limits)] == [3, 3, 1]
    assert [len(part) for part in split([large, large, small], limits)] == [1, 1, 1]


def test_the_ordinary_mode_warns_of_a_batch_that_nobody_has_read(server, models, app_database, caplog):
    app_database.execute(
        """
        insert into llm_batches (id, kind, stage, week, model, status, requests)
        values (gen_random_uuid(), 'chat', %s, %s, 'gpt-6-luna', 'submitted', '{}')
        """,
        [CONTEXT.stage, CONTEXT.week],
    )
    with models() as session:
        list(session.analyse(ITEMS, CONTEXT))
    assert "MATCHME_LLM_MODE=batch" in caplog.text
