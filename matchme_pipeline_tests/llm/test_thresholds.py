"""The budget's thresholds: each fires once a week, however many workers spend, whoever is killed."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal

import pytest

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.llm.contracts import CallContext
from matchme_pipeline.llm.store.ledger import Ledger
from matchme_pipeline.llm.store.records import Call
from matchme_pipeline.llm.store.threshold_queries import mark_notified, threshold_crossings
from matchme_pipeline_tests.llm.conftest import CONTEXT, members_items

BUDGET = Decimal("1.00")
WEEK = date(2026, 1, 4)


def spend(ledger: Ledger, usd: str, week: date = WEEK) -> None:
    ledger.commit([Call(CallContext("s", week, "r"), "openai", "m", "ok", 1, cost_usd=Decimal(usd), id=uuid.uuid4())])
    ledger.watch_thresholds()


def crossed(connection: Connection) -> list[tuple[date, int]]:
    return connection.execute("select week, threshold_percent from llm_budget_crossings order by 1, 2").fetchall()


def test_a_threshold_fires_when_the_ledger_passes_it_and_once_a_week(app_database: Connection):
    ledger = Ledger(app_database, BUDGET)
    spend(ledger, "0.49")
    assert crossed(app_database) == []
    spend(ledger, "0.01")
    assert crossed(app_database) == [(WEEK, 50)]
    spend(ledger, "0.41")
    assert crossed(app_database) == [(WEEK, 50), (WEEK, 75), (WEEK, 90)]
    told = app_database.execute("select spent_usd from llm_budget_crossings order by threshold_percent").fetchall()
    spend(Ledger(app_database, BUDGET), "0.05")
    assert (
        told == app_database.execute("select spent_usd from llm_budget_crossings order by threshold_percent").fetchall()
    )
    spend(ledger, "0.80", date(2026, 1, 11))
    assert crossed(app_database)[3:] == [(date(2026, 1, 11), 50), (date(2026, 1, 11), 75)]


def test_the_apps_active_alerts_say_which_thresholds_there_are_and_are_marked(app_database: Connection):
    app_database.execute(
        """
        insert into cost_alerts (alert_name, threshold_percent, is_active)
        values ('early', 20, true), ('again', 20, true), ('half', 50, false), ('late', 90, true)
        """
    )
    spend(Ledger(app_database, BUDGET), "0.60")
    assert crossed(app_database) == [(WEEK, 20)]
    assert app_database.execute(
        "select alert_name from cost_alerts where last_triggered_at is not null order by 1"
    ).fetchall() == [("again",), ("early",)]


def test_without_a_budget_or_without_spending_nothing_fires(app_database: Connection):
    app_database.execute("insert into cost_alerts (alert_name, threshold_percent) values ('at once', 0)")
    spend(Ledger(app_database, None), "5")
    app_database.execute("delete from llm_calls")
    spend(Ledger(app_database, BUDGET), "0")
    assert crossed(app_database) == []


def test_many_workers_pass_each_threshold_once_and_none_is_missed(app_database_url: str, app_database: Connection):
    def work(_: int) -> None:
        with connect(app_database_url) as own:
            ledger = Ledger(own, BUDGET)
            for _ in range(25):
                ledger.commit([Call(CONTEXT, "openai", "m", "ok", 1, cost_usd=Decimal("0.00905"))])
            ledger.watch_thresholds()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert [percent for _, percent in crossed(app_database)] == [50, 75, 90]


def test_who_is_told_is_told_once(app_database_url: str, app_database: Connection):
    spend(Ledger(app_database, BUDGET), "0.80")
    with connect(app_database_url) as other, app_database.transaction():
        mine = threshold_crossings(app_database)
        assert [crossing.threshold_percent for crossing in mine] == [50, 75]
        assert threshold_crossings(other) == []
        mark_notified(app_database, mine[:1])
    assert [crossing.threshold_percent for crossing in threshold_crossings(app_database)] == [75]


@pytest.mark.parametrize(("mode", "limit"), [("standard", "0.0016"), ("batch", "0.0008")])
def test_a_run_that_spends_its_budget_passes_the_thresholds(
    server, models, app_database: Connection, mode: str, limit: str
):
    server.batches.looks = 1
    with models(MATCHME_WEEKLY_BUDGET_USD=limit, MATCHME_LLM_MODE=mode) as session:
        list(session.analyse(members_items(10, 1), CONTEXT))
    spent = app_database.execute("select sum(cost_usd) from llm_calls").fetchone()
    assert spent is not None
    passed = [percent for percent in (50, 75, 90) if spent[0] * 100 >= Decimal(limit) * percent]
    assert passed
    assert [percent for _, percent in crossed(app_database)] == passed
