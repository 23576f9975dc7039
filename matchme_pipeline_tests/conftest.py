"""One real PostgreSQL with pgvector for the whole session; every test that asks gets a database of its own."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from matchme_pipeline_tests.memory_folder import abandoned_folders, memory_folder, session_folder

# The databases, Dagster's storages and pytest's folders of the tests stand in memory where there is enough of it:
# creating a database there takes a fifth of the time.
if (_folder := memory_folder()) is not None:
    os.environ["TMPDIR"] = tempfile.tempdir = str(_folder)
# The tests' weeks begin here whatever the machine is configured for; the partitions are defined on import.
for _name in [name for name in os.environ if name.startswith(("MATCHME_", "OPENAI_", "ANTHROPIC_"))]:
    del os.environ[_name]
os.environ["MATCHME_FIRST_WEEK"] = "2026-01-04"
os.environ["MATCHME_LLM"] = "local"
os.environ["MATCHME_HOME"] = str(session_folder())
os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"

from matchme_pipeline.database import files
from matchme_pipeline.database.connection import Connection, connect, create_database
from matchme_pipeline.database.embedded import EmbeddedServer
from matchme_pipeline.database.migrations import create_app_tables, migrate
from matchme_pipeline.population.seed import seed_population
from matchme_pipeline.settings import process_settings
from matchme_pipeline_tests.databases import copy_database, temporary_database
from matchme_pipeline_tests.materialising import MEMBERS, SMALL_MEMBERS, WEEKS, materialise_in_order
from matchme_pipeline_tests.openai_server import FakeOpenAI

TEMPLATE = "app_template"
# A slow machine is no falsified property.
hypothesis.settings.register_profile("any_machine", deadline=None)
hypothesis.settings.load_profile("any_machine")


@pytest.fixture(scope="session", autouse=True)
def pipelines_home() -> Iterator[None]:
    """Ends the embedded server that a command under test may have started in the tests' home."""
    yield
    home = Path(os.environ["MATCHME_HOME"])
    EmbeddedServer(home).stop()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedServer]:
    """The session's server; its data is thrown away."""
    for folder in abandoned_folders():
        EmbeddedServer(folder).stop()
        shutil.rmtree(folder, ignore_errors=True)
    home = session_folder()
    server = EmbeddedServer(home, durable=False)
    server.ensure_running()
    yield server
    server.stop()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url(postgres_server: EmbeddedServer) -> str:
    """The URL of the server's maintenance database."""
    return postgres_server.url("postgres")


@pytest.fixture(scope="session")
def app_template(postgres_url: str) -> str:
    """The name of a database with the app's tables and our migrations, to be cloned."""
    url = create_database(postgres_url, TEMPLATE)
    with connect(url, vectors=False) as connection:
        connection.execute("create extension if not exists vector")
        create_app_tables(connection, files.app_tables_dir())
        migrate(connection, files.migrations_dir())
    return TEMPLATE


@pytest.fixture
def empty_database_url(postgres_url: str) -> Iterator[str]:
    """A fresh database with nothing in it."""
    with temporary_database(postgres_url) as url:
        yield url


@pytest.fixture
def empty_database(empty_database_url: str) -> Iterator[Connection]:
    """A connection to a fresh database with nothing in it."""
    with connect(empty_database_url, vectors=False) as connection:
        yield connection


@pytest.fixture
def app_database_url(postgres_url: str, app_template: str) -> Iterator[str]:
    """A fresh database with the app's tables and our migrations."""
    with temporary_database(postgres_url, app_template) as url:
        yield url


@pytest.fixture
def app_database(app_database_url: str) -> Iterator[Connection]:
    """A connection to a fresh database with the app's tables and our migrations."""
    with connect(app_database_url) as connection:
        yield connection


@pytest.fixture(scope="session")
def seeded_template(postgres_url: str, app_template: str) -> str:
    """The name of a database with a small seeded population, nothing materialised."""
    url = copy_database(postgres_url, "seeded_template", app_template)
    with connect(url) as connection:
        seed_population(connection, users=MEMBERS, weeks=len(WEEKS), first_week=WEEKS[0].sunday, seed=7)
    return "seeded_template"


@pytest.fixture(scope="session")
def small_template(postgres_url: str, app_template: str) -> str:
    """The name of a database with few members, for tests of the machinery around a week rather than of its results."""
    url = copy_database(postgres_url, "small_template", app_template)
    with connect(url) as connection:
        seed_population(connection, users=SMALL_MEMBERS, weeks=len(WEEKS), first_week=WEEKS[0].sunday, seed=7)
    return "small_template"


@pytest.fixture
def small_url(postgres_url: str, small_template: str) -> Iterator[str]:
    """A fresh database with few members."""
    with temporary_database(postgres_url, small_template) as url:
        yield url


@pytest.fixture(scope="session")
def finished_template(postgres_url: str, seeded_template: str) -> str:
    """The name of a database whose weeks are materialised in order, members reviewing in between."""
    url = copy_database(postgres_url, "finished_template", seeded_template)
    materialise_in_order(url, WEEKS)
    return "finished_template"


@pytest.fixture
def seeded_url(postgres_url: str, seeded_template: str) -> Iterator[str]:
    """A fresh database with the small population."""
    with temporary_database(postgres_url, seeded_template) as url:
        yield url


@pytest.fixture
def finished_url(postgres_url: str, finished_template: str) -> Iterator[str]:
    """A fresh copy of the database with finished weeks, to be changed."""
    with temporary_database(postgres_url, finished_template) as url:
        yield url


@pytest.fixture
def finished(finished_url: str) -> Iterator[Connection]:
    """A connection to a fresh copy of the database with finished weeks."""
    with connect(finished_url) as connection:
        yield connection


@pytest.fixture
def paid(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOpenAI]:
    """A server that counts what it serves, and settings that point at it."""
    with FakeOpenAI() as server:
        for name, value in {
            "OPENAI_API_KEY": "sk-of-the-test",
            "OPENAI_BASE_URL": server.url,
            "MATCHME_LLM": "openai",
        }.items():
            monkeypatch.setenv(name, value)
        process_settings.cache_clear()
        yield server
    process_settings.cache_clear()
