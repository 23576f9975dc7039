"""The rehearsal: the real client over HTTP, offline answers, honest usage, and bills that nobody can mistake."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import BudgetExceededError, ConfigurationError
from matchme_pipeline.llm.contracts import CallContext, Models, PairToPreview, SharedInsight
from matchme_pipeline.llm.doctor import examine_models
from matchme_pipeline.llm.prices import load_prices
from matchme_pipeline.llm.rehearsal import process
from matchme_pipeline.llm.rehearsal.server import Pace, RehearsalServer
from matchme_pipeline.llm.resource import open_models
from matchme_pipeline.settings import Settings, load_settings
from matchme_pipeline_tests.llm.conftest import item

CONTEXT = CallContext("content_insights", date(2026, 1, 4), "run-1")
TEXTS = ["I love cooking for my family on Sundays.", "Honesty matters more to me than comfort."]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("rehearsal")
    yield folder
    assert process.stop(folder)


@pytest.fixture
def rehearse(home: Path, app_database_url: str) -> Callable[..., AbstractContextManager[Models]]:
    return lambda **environment: open_models(settings_of(home, **environment), app_database_url)


def settings_of(home: Path, **environment: Any) -> Settings:
    values = {
        "MATCHME_LLM": "rehearsal",
        "MATCHME_HOME": str(home),
        "MATCHME_REHEARSAL_LATENCY_SECONDS": "0",
        # Whoever has a key does not spend with it here.
        "OPENAI_API_KEY": "sk-real",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    }
    return load_settings(None, values | {name: str(value) for name, value in environment.items()})


@pytest.fixture(autouse=True)
def quick_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is a process of its own and reads its pace there."""
    monkeypatch.setenv("MATCHME_REHEARSAL_LATENCY_SECONDS", "0")
    monkeypatch.setenv("MATCHME_REHEARSAL_BATCH_SECONDS", "0")
    monkeypatch.setenv("MATCHME_REHEARSAL_REQUESTS_PER_MINUTE", "300")


def ledger(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "select provider, model, mode, outcome, input_tokens > 0, cost_usd > 0 from llm_calls order by called_at"
    ).fetchall()


def test_models_of_a_rehearsal_have_a_label_and_list_prices(home: Path):
    settings = settings_of(home, MATCHME_REVIEW_MODEL="gpt-4.1")
    assert settings.provider == "rehearsal"
    models = load_prices().models
    for name in (settings.insight_model, settings.embedding_model, settings.review_model):
        assert name is not None
        assert name.startswith("rehearsal-")
        assert models[name].provider == "rehearsal"
        assert models[name].standard == models[name.removeprefix("rehearsal-")].standard
    with pytest.raises(ConfigurationError) as refused:
        load_prices().entry("no-such-model", "chat")
    assert "rehearsal-" not in str(refused.value)


def test_insights_vectors_and_starters_come_over_http_and_are_booked_as_a_rehearsal(
    rehearse: Callable[..., AbstractContextManager[Models]], app_database: Connection, home: Path
):
    sides = [(SharedInsight(name, "interests", "Enjoys cooking", "They cook."),) for name in ("a", "b")]
    with rehearse() as models:
        found = [a for member in models.analyse([item("u", text) for text in TEXTS], CONTEXT) for a in member.analyses]
        assert {insight.title for one in found for insight in one.insights} >= {"Enjoys cooking", "Values honesty"}
        embedded = models.embed({str(n): text for n, text in enumerate(TEXTS)}, CONTEXT)
        assert embedded.model == "rehearsal-text-embedding-3-small"
        assert len(embedded.vectors) == 2
        (preview,) = models.preview([PairToPreview("p", *sides)], CONTEXT)
        assert "cooking" in " ".join(preview.level_1)  # type: ignore[union-attr]
        usage = models.usage(CONTEXT)
    rows = ledger(app_database)
    assert {row[0] for row in rows} == {"rehearsal"}
    assert all(row[1].startswith("rehearsal-") and row[3:] == ("ok", True, True) for row in rows)
    assert usage.cost_usd > 0
    assert "rehearsal" in examine_models(settings_of(home))


@pytest.mark.parametrize("mode", ["flex", "batch"])
def test_the_cheaper_modes_are_billed_at_their_prices(
    rehearse: Callable[..., AbstractContextManager[Models]], app_database: Connection, mode: str
):
    with rehearse(MATCHME_LLM_MODE=mode) as models:
        for _ in range(3):
            found = [a for member in models.analyse([item("u", TEXTS[0])], CONTEXT) for a in member.analyses]
            if found:
                break
        assert found[0].insights[0].title == "Enjoys cooking"
    assert {row[2] for row in ledger(app_database)} == {mode}


def test_a_budget_stops_a_rehearsal(rehearse: Callable[..., AbstractContextManager[Models]]):
    with rehearse(MATCHME_WEEKLY_BUDGET_USD="0.0000001") as models, pytest.raises(BudgetExceededError):
        list(models.analyse([item("u", TEXTS[0])], CONTEXT))


def test_a_ledger_with_real_bills_takes_no_rehearsal(
    rehearse: Callable[..., AbstractContextManager[Models]], app_database: Connection
):
    app_database.execute(
        "insert into llm_calls (stage, provider, model, outcome, cost_usd) values ('s', 'openai', 'm', 'ok', 0.01)"
    )
    with pytest.raises(ConfigurationError, match="real payments to openai"), rehearse():
        pass


def test_a_resource_that_rehearses_never_asks_a_real_provider(
    home: Path, app_database_url: str, app_database: Connection
):
    """The override names the provider alone; the models would be the real ones without their label."""
    plain = load_settings(None, {"MATCHME_HOME": str(home), "OPENAI_API_KEY": "sk-real", "MATCHME_LLM": "openai"})
    with open_models(plain.model_copy(update={"llm": "rehearsal"}), app_database_url) as models:
        assert models.insight_model.startswith("rehearsal-")
        models.embed({"a": TEXTS[0]}, CONTEXT)
    assert {row[0] for row in ledger(app_database)} == {"rehearsal"}


def test_limits_a_minute_are_told_and_held():
    body = {"model": "rehearsal-m", "input": ["tea"]}
    server = RehearsalServer(Pace(latency_seconds=0, requests_per_minute=2), ("rehearsal-m",))
    with TestClient(server.app) as client:
        first, second, third = (client.post("/v1/embeddings", json=body) for _ in range(3))
        assert first.headers["x-ratelimit-remaining-requests"] == "1"
        assert (second.status_code, third.status_code) == (200, 429)
        assert 0 < float(third.headers["retry-after"]) <= 60
        assert third.json()["error"]["code"] == "rate_limit_exceeded"
        assert client.post("/v1/embeddings", json=body | {"model": "real"}).status_code == 404
        odd = {"model": "rehearsal-m", "messages": [{"content": "x"}, {"content": "no JSON"}]}
        assert client.post("/v1/chat/completions", json=odd).status_code == 429
