"""The API over a real database, with an issuer whose keys it fetches over HTTP, and a Dagster instance of its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from dagster import DagsterInstance
from fastapi.testclient import TestClient

from matchme_pipeline.api.app import create_app
from matchme_pipeline.api.dagster_runs import DagsterRuns
from matchme_pipeline.api.queries.triggers import Trigger
from matchme_pipeline.api.service import Service, open_service
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.settings import Settings
from matchme_pipeline_tests.api.issuer import PARTY, Issuer, running_issuer

ADMIN, MEMBER, OTHER = "user_admin", "user_member", "user_other"


class RecordedLaunches(DagsterRuns):
    """Dagster whose launches are written down instead of loading the code location each time."""

    def __init__(self, instance: DagsterInstance) -> None:
        super().__init__(instance)
        self.launched: list[tuple[str, str]] = []

    def launch(self, trigger: Trigger, renew_lease: Callable[[], None]) -> None:
        self.launched.append((trigger.run_type, trigger.week.isoformat()))


@dataclass
class Api:
    """The API and those who call it."""

    client: TestClient
    service: Service
    issuer: Issuer

    def launch_all(self) -> list[tuple[str, str]]:
        """Launch what waits for it; every launch so far."""
        while self.service.launches.launch_next():
            pass
        assert isinstance(self.service.dagster, RecordedLaunches)
        return self.service.dagster.launched

    def bearer(self, user: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.issuer.token(user)}"}

    def get(self, path: str, user: str | None = None, **given: Any) -> Any:
        return self.client.get(path, headers=self.bearer(user) if user else {}, **given)

    def post(self, path: str, user: str | None = None, **given: Any) -> Any:
        return self.client.post(path, headers=self.bearer(user) if user else {}, **given)


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    with running_issuer() as found:
        yield found


@pytest.fixture
def settings(issuer: Issuer) -> Settings:
    return Settings(
        MATCHME_CLERK_ISSUER=issuer.url,
        MATCHME_CLERK_AUTHORIZED_PARTIES=f"{PARTY}, https://second.example",
        MATCHME_FIRST_WEEK="2026-01-04",
        MATCHME_CORS_ORIGINS=PARTY,
        MATCHME_API_REQUESTS_PER_MINUTE=100_000,
        MATCHME_WEEKLY_BUDGET_USD="5",
        ADMIN_USER_IDS=f"{ADMIN}, user_second",
    )


@pytest.fixture
def start(settings: Settings, issuer: Issuer) -> Iterator[Callable[[str], Api]]:
    """Starts the API over a database; everything ends with the test."""
    opened: list[TestClient] = []
    with DagsterInstance.ephemeral() as instance:

        def begin(url: str) -> Api:
            service = open_service(settings, url, RecordedLaunches(instance))
            # The tests launch when they say so.
            service.launches.start = lambda: None  # type: ignore[method-assign]
            client = TestClient(create_app(service), raise_server_exceptions=False)
            client.__enter__()
            opened.append(client)
            return Api(client, service, issuer)

        yield begin
        for client in opened:
            client.__exit__(None, None, None)


@pytest.fixture
def api(start: Callable[[str], Api], app_database_url: str) -> Api:
    """The API over a database without members."""
    return start(app_database_url)


@pytest.fixture
def lived_in(start: Callable[[str], Api], finished_url: str) -> Api:
    """The API over a database with finished weeks."""
    return start(finished_url)


@pytest.fixture
def database(api: Api) -> Iterator[Connection]:
    """A connection to the database behind `api`."""
    with connect(str(api.service.pool.conninfo), vectors=False) as connection:
        yield connection
