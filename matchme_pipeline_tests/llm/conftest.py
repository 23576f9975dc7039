"""The fake server, and models that ask it, with the answers kept in a real database."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import date
from typing import Any

import pytest

from matchme_pipeline.database.connection import connect
from matchme_pipeline.llm.contracts import CallContext, ItemToAnalyse, Models
from matchme_pipeline.llm.resource import open_models
from matchme_pipeline.settings import load_settings
from matchme_pipeline_tests.anthropic_server import FakeAnthropic
from matchme_pipeline_tests.databases import copy_database
from matchme_pipeline_tests.openai_server import FakeOpenAI

CONTEXT = CallContext("content_insights", date(2026, 1, 4), "run-1")


# What the model layer writes, and the app's thresholds.
WRITTEN = (
    "llm_calls", "content_analyses", "content_embeddings", "llm_batches", "llm_underway", "llm_departures",
    "llm_budget_holdings", "llm_budget_crossings", "cost_alerts",
)  # fmt: skip


@pytest.fixture(scope="session")
def model_database_url(postgres_url: str, app_template: str) -> str:
    """One database for all tests of the model layer: a copy for each would take half a second."""
    return copy_database(postgres_url, "model_layer", app_template)


@pytest.fixture
def app_database_url(model_database_url: str) -> str:
    """The model layer's database, without what earlier tests have written."""
    with connect(model_database_url, vectors=False) as connection:
        connection.execute(f"truncate {', '.join(WRITTEN)} cascade")  # type: ignore[arg-type]
    return model_database_url


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as running:
        yield running


@pytest.fixture
def models(server: FakeOpenAI, app_database_url: str) -> Callable[..., AbstractContextManager[Models]]:
    """Opens models that ask the fake server; keyword arguments are environment variables."""

    def open_session(**environment: Any) -> AbstractContextManager[Models]:
        values = {
            "MATCHME_LLM": "openai",
            "OPENAI_API_KEY": "sk-secret-of-the-test",
            "OPENAI_BASE_URL": server.url,
            **{name: str(value) for name, value in environment.items()},
        }
        return open_models(load_settings(None, values), app_database_url)

    return open_session


@pytest.fixture
def claude() -> Iterator[FakeAnthropic]:
    with FakeAnthropic() as running:
        yield running


@pytest.fixture
def claude_environment(server: FakeOpenAI, claude: FakeAnthropic) -> dict[str, str]:
    """Two accounts: Claude answers questions, OpenAI embeds."""
    return {
        "MATCHME_LLM": "openai",
        "OPENAI_API_KEY": "sk-secret-of-the-test",
        "OPENAI_BASE_URL": server.url,
        "MATCHME_INSIGHT_MODEL": "claude-haiku-5-5",
        "ANTHROPIC_API_KEY": "sk-ant-secret-of-the-test",
        "ANTHROPIC_BASE_URL": claude.url,
    }


@pytest.fixture
def claude_models(
    claude_environment: dict[str, str], app_database_url: str
) -> Callable[..., AbstractContextManager[Models]]:
    """Opens models whose questions the fake Anthropic answers; keyword arguments are environment variables."""

    def open_session(**environment: Any) -> AbstractContextManager[Models]:
        values = {**claude_environment, **{name: str(value) for name, value in environment.items()}}
        return open_models(load_settings(None, values), app_database_url)

    return open_session


def item(member: str, text: str) -> ItemToAnalyse:
    return ItemToAnalyse(member, hashlib.sha256(text.encode()).hexdigest(), text)


def members_items(members: int, each: int) -> list[ItemToAnalyse]:
    return [
        item(f"user_{m}", f"Member {m} writes about subject {n} with joy. It is number {n} of many, honestly.")
        for m in range(members)
        for n in range(each)
    ]
