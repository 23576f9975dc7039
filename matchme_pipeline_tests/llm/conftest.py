"""The fake server, and models that ask it, with the answers kept in a real database."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from matchme_pipeline.database.connection import connect
from matchme_pipeline.llm.contracts import CallContext, ItemToAnalyse, Models
from matchme_pipeline.llm.resource import open_models
from matchme_pipeline.settings import load_settings
from matchme_pipeline_tests.anthropic_server import FakeAnthropic
from matchme_pipeline_tests.anthropic_server import faults as anthropic_faults
from matchme_pipeline_tests.databases import copy_database
from matchme_pipeline_tests.openai_server import FakeOpenAI
from matchme_pipeline_tests.openai_server import faults as openai_faults

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


@dataclass(frozen=True)
class Account:
    """A provider's account: the fake server that answers its questions, and the models that ask it."""

    provider: str
    server: FakeOpenAI
    environment: dict[str, str]
    database_url: str

    def models(self, **environment: Any) -> AbstractContextManager[Models]:
        """Open models that ask the fake server; keyword arguments are environment variables."""
        values = {**self.environment, **{name: str(value) for name, value in environment.items()}}
        return open_models(load_settings(None, values), self.database_url)

    @property
    def questions(self) -> list[dict[str, Any]]:
        """The requests that ask a question, not for vectors."""
        return [request for request in self.server.requests if request["kind"] == "chat"]


@pytest.fixture
def openai_account(server: FakeOpenAI, app_database_url: str) -> Account:
    environment = {
        "MATCHME_LLM": "openai",
        "OPENAI_API_KEY": "sk-secret-of-the-test",
        "OPENAI_BASE_URL": server.url,
    }
    return Account("openai", server, environment, app_database_url)


@pytest.fixture
def models(openai_account: Account) -> Callable[..., AbstractContextManager[Models]]:
    """Opens models that ask the fake OpenAI; keyword arguments are environment variables."""
    return openai_account.models


@pytest.fixture
def claude() -> Iterator[FakeAnthropic]:
    with FakeAnthropic() as running:
        yield running


@pytest.fixture
def anthropic_account(openai_account: Account, claude: FakeAnthropic) -> Account:
    """Two accounts: Claude answers questions, OpenAI embeds."""
    environment = {
        **openai_account.environment,
        "MATCHME_INSIGHT_MODEL": "claude-haiku-5-5",
        "ANTHROPIC_API_KEY": "sk-ant-secret-of-the-test",
        "ANTHROPIC_BASE_URL": claude.url,
    }
    return Account("anthropic", claude, environment, openai_account.database_url)


@pytest.fixture
def claude_environment(anthropic_account: Account) -> dict[str, str]:
    return anthropic_account.environment


@pytest.fixture
def claude_models(anthropic_account: Account) -> Callable[..., AbstractContextManager[Models]]:
    """Opens models whose questions the fake Anthropic answers; keyword arguments are environment variables."""
    return anthropic_account.models


# Every provider's account: what holds for one holds for all.
ACCOUNTS = {"openai": openai_faults, "anthropic": anthropic_faults}


@pytest.fixture(params=ACCOUNTS)
def account(request: pytest.FixtureRequest) -> Account:
    """Each provider's account in turn."""
    found: Account = request.getfixturevalue(f"{request.param}_account")
    return found


def each_fault(*kinds: str) -> pytest.MarkDecorator:
    """Every fault of each provider's server, of these kinds; those that never end are a kind of their own."""
    pairs = [
        (provider, fault)
        for provider, faults in ACCOUNTS.items()
        for kind in kinds
        for fault in getattr(faults, kind)
        if kind == "ENDLESS" or fault not in faults.ENDLESS
    ]
    return pytest.mark.parametrize(("account", "fault"), pairs, indirect=["account"])


def item(member: str, text: str) -> ItemToAnalyse:
    return ItemToAnalyse(member, hashlib.sha256(text.encode()).hexdigest(), text)


def members_items(members: int, each: int) -> list[ItemToAnalyse]:
    return [
        item(f"user_{m}", f"Member {m} writes about subject {n} with joy. It is number {n} of many, honestly.")
        for m in range(members)
        for n in range(each)
    ]
