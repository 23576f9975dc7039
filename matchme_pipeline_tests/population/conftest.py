"""One small seeded population per module, shared by the tests that only read it."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pytest

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.population.seed import SeedReport, seed_population
from matchme_pipeline_tests.databases import copy_database

FIRST_WEEK = date(2026, 1, 4)
WEEKS = 6
SEED = 7
USERS = 400


@dataclass(frozen=True)
class Seeded:
    connection: Connection
    report: SeedReport


@pytest.fixture(scope="package")
def seeded(postgres_url: str, app_template: str) -> Iterator[Seeded]:
    url = copy_database(postgres_url, f"seeded_{uuid.uuid4().hex[:12]}", app_template)
    with connect(url) as connection:
        report = seed_population(connection, users=USERS, weeks=WEEKS, first_week=FIRST_WEEK, seed=SEED)
        connection.execute("set default_transaction_read_only = on")
        yield Seeded(connection, report)
