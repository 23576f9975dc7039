"""A small seeded population with vectors, cloned for every test that asks for it."""

import hashlib
from collections.abc import Iterator
from datetime import date

import numpy as np
import pytest

from matchme_pipeline.content.canonical import content_hash
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.database.copy import copy_rows
from matchme_pipeline.dna import queries, weekly
from matchme_pipeline.population.seed import seed_population
from matchme_pipeline.week import Week
from matchme_pipeline_tests.databases import copy_database, temporary_database

MODEL = "test-model"
FIRST_WEEK = date(2026, 1, 4)
WEEKS = tuple(Week(date.fromordinal(FIRST_WEEK.toordinal() + 7 * n), is_first=n == 0) for n in range(5))
TEMPLATE = "dna_template"


@pytest.fixture(scope="session")
def dna_template(postgres_url: str, app_template: str) -> str:
    """The name of a database with 160 seeded members and a vector for every text."""
    url = copy_database(postgres_url, TEMPLATE, app_template)
    with connect(url) as connection:
        seed_population(connection, users=160, weeks=len(WEEKS), first_week=FIRST_WEEK, seed=7)
        embed_everything(connection)
    return TEMPLATE


@pytest.fixture
def dna_database_url(postgres_url: str, dna_template: str) -> Iterator[str]:
    """A fresh database with the seeded members."""
    with temporary_database(postgres_url, dna_template) as url:
        yield url


@pytest.fixture
def dna_database(dna_database_url: str) -> Iterator[Connection]:
    """A connection to a fresh database with the seeded members."""
    with connect(dna_database_url) as connection:
        yield connection


def embed_everything(connection: Connection) -> None:
    """Give every text of the app a vector that follows from its words, as an embedding stage would."""
    texts = connection.execute(
        "select caption from posts union select transcription from voice_introductions"
    ).fetchall()
    hashes = {digest: text for (text,) in texts if text and (digest := content_hash(text))}
    with connection.transaction():
        known = {digest for (digest,) in connection.execute("select content_hash from content_embeddings").fetchall()}
        copy_rows(
            connection,
            "content_embeddings",
            ["content_hash", "model", "embedding"],
            ["text", "text", "vector"],
            [(digest, MODEL, vector_of(text)) for digest, text in sorted(hashes.items()) if digest not in known],
        )


def vector_of(text: str) -> np.ndarray:
    """A unit vector: the sum of its words' random directions."""
    total = np.zeros(1536)
    for word in text.lower().split() or [text]:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
        total += np.random.default_rng(seed).normal(size=1536) + 0.3
    return (total / np.linalg.norm(total)).astype(np.float32)


def materialise(connection: Connection, week: Week) -> int:
    """The three assets of one week, without Dagster; returns how many score rows changed."""
    _, shares, _ = weekly.trait_distribution(connection, week)
    queries.replace_distribution(connection, week.sunday, shares)
    own, _ = weekly.content_originality(connection, week, MODEL)
    queries.replace_originality(connection, week.sunday, own, MODEL)
    table, _, _ = weekly.dna_scores(connection, week)
    return queries.replace_scores(connection, week.sunday, table).changed
